"""Verdicts on label_mix: it counts every session and user, and shares sum to 1."""

from collections.abc import Sequence
from math import isclose

from flywheel_assets.history.moves import Row
from flywheel_assets.tables.verdict import Check, Verdict

CONSERVATION = Check("conservation", "Counts sum to the rows of session_predictions and of user_labels.", blocking=True)
SHARES = Check("shares", "Shares of sessions, and of users, sum to 1; without any they are null.", blocking=True)
CHECKS = (CONSERVATION, SHARES)


def verdicts(rows: Sequence[Row], sessions: int, users: int) -> list[Verdict]:
    """All checks of CHECKS. ``sessions`` and ``users``: rows of the tables that are counted."""
    expected = {"sessions": sessions, "users": users}
    counts = {level: sum(row["Count"] for row in rows if row["Level"] == level) for level in expected}
    shares = {level: [row["Share"] for row in rows if row["Level"] == level] for level in expected}
    wrong = [
        level
        for level, of_level in shares.items()
        if (any(share is not None for share in of_level) if not counts[level] else not _sum_to_one(of_level))
    ]
    told = " and ".join(f"{counts[level]:,} of {expected[level]:,} {level}" for level in expected)
    return [
        Verdict(CONSERVATION.name, counts == expected, f"{told} counted", numbers=counts),
        Verdict(
            SHARES.name,
            not wrong,
            f"the shares of {' and '.join(wrong)} do not sum to 1" if wrong else "shares sum to 1",
            numbers={"levels_wrong": len(wrong)},
        ),
    ]


def _sum_to_one(shares: Sequence[float | None]) -> bool:
    return None not in shares and isclose(sum(share or 0.0 for share in shares), 1.0, abs_tol=1e-9)

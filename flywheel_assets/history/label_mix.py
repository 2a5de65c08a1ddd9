"""label_mix: how many sessions and users have each label."""

from collections.abc import Mapping, Sequence
from math import isclose
from typing import TYPE_CHECKING

from flywheel_assets.history.moves import LABEL, LABEL_ORDER, Row, when
from flywheel_assets.intervals import Interval
from flywheel_assets.sessions import session_predictions
from flywheel_assets.tables.columns import WHEN
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import user_labels

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


CONSERVATION = Check("conservation", "Counts sum to the rows of session_predictions and of user_labels.", blocking=True)
SHARES = Check("shares", "Shares of sessions, and of users, sum to 1; without any they are null.", blocking=True)
CHECKS = (CONSERVATION, SHARES)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {
        "interval number": str(interval.number),
        "session labels": ", ".join(flywheel.models["session"].order),
        "user labels": ", ".join(flywheel.models["user"].order),
    }


TABLE = Table(
    "label_mix",
    "level and label",
    "Count and share of each label, for sessions and for users: the rows of a chart over time.",
    (session_predictions.TABLE, user_labels.TABLE),
    (
        Column("Level", "string", "sessions or users."),
        LABEL,
        LABEL_ORDER,
        Column("Count", "int64", "Sessions or users with this label, 0 for none."),
        Column("Share", "float64", "Share of all sessions or users of the interval; null without any."),
        *WHEN,
    ),
    checks=CHECKS,
    parameters=_parameters,
    model_parameters=lambda flywheel: ("session labels", "user labels"),
)


def label_mix(sessions: Mapping[str, int], users: Mapping[str, int], interval: Interval) -> list[Row]:
    """One row per label of the session model, then of the user model. ``sessions`` and ``users``: how many
    have each label, in the order of labels; a label that none has is there with 0. Shares of nothing are null."""
    rows = []
    for level, counts in (("sessions", sessions), ("users", users)):
        total = sum(counts.values())
        for order, (label, count) in enumerate(counts.items(), start=1):
            share = count / total if total else None
            rows.append(
                {"Level": level, "Label": label, "Label_Order": order, "Count": count, "Share": share, **when(interval)}
            )
    return rows


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

"""Verdicts on mix_shift: the parts of a change are the change, and what some labels gain others lose."""

from collections.abc import Sequence

from flywheel_assets.history.moves import Row
from flywheel_assets.tables.verdict import Check, Verdict

PARTS = Check("parts", "Stayers, entrants and leavers sum to the change of every label.", blocking=True)
CHANGES = Check("changes", "The changes of all labels sum to 0.", blocking=True)
CHECKS = (PARTS, CHANGES)

TOLERANCE = 1e-9
"""Shares are sums and quotients of counts, off by some 1e-16 each."""


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """All checks of CHECKS. Rows whose change is null have null parts, and nothing to sum."""
    names = ("Stayers", "Entrants", "Leavers")
    wrong = []
    for row in rows:
        parts = [row[name] for name in names]
        if row["Change"] is None or None in parts:
            right = row["Change"] is None and parts == [None] * 3
        else:
            right = abs(sum(parts) - row["Change"]) <= TOLERANCE
        wrong += [] if right else [f"{row['Label']}: {row['Change']} is not the sum of {parts}"]
    total = sum(row["Change"] or 0.0 for row in rows)
    off = abs(total) > TOLERANCE * len(rows)
    words = f"the changes of all labels sum to {total:g}" if off else "what some labels gain others lose"
    told = f"the changes of {len(rows)} labels are those of stayers, entrants and leavers"
    return [
        Verdict(PARTS.name, not wrong, "; ".join(wrong) or told, numbers={"labels_wrong": len(wrong)}),
        Verdict(CHANGES.name, not off, words, numbers={"change": total}),
    ]

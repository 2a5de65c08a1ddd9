"""mix_shift: why the share of a user label changed: users who changed label, users who came, users who left."""

from collections.abc import Sequence

from flywheel_assets.history.moves import (
    LABEL,
    LABEL_ORDER,
    Moves,
    Row,
    all_labels,
    number_and_labels,
    users_before,
    users_now,
    when,
)
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import WHEN
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import label_transitions

PARTS = Check("parts", "Stayers, entrants and leavers sum to the change of every label.", blocking=True)
CHANGES = Check("changes", "The changes of all labels sum to 0.", blocking=True)
CHECKS = (PARTS, CHANGES)

TOLERANCE = 1e-9
"""Shares are sums and quotients of counts, off by some 1e-16 each."""


TABLE = Table(
    "mix_shift",
    "user label",
    "The change of each user label's share since the previous interval, split by who caused it.",
    (label_transitions.TABLE,),
    (
        LABEL,
        LABEL_ORDER,
        Column("Previous_Share", "float64", "Share of the previous interval's users; null without any."),
        Column("Share", "float64", "Share of this interval's users; null without any."),
        Column("Change", "float64", "Share - Previous_Share, the sum of the three parts; null where either is."),
        Column("Stayers", "float64", "Due to users of both intervals who changed label; null where Change is."),
        Column("Entrants", "float64", "Due to users absent in the previous interval; null where Change is."),
        Column("Leavers", "float64", "Due to users absent in this interval; null where Change is."),
        *WHEN,
    ),
    checks=CHECKS,
    parameters=number_and_labels,
    model_parameters=lambda flywheel: ("user labels",),
)


def mix_shift(moves: Moves, labels: Sequence[str], interval: Interval) -> list[Row]:
    """One row per label, worst to best. ``moves``: those into the interval.

    Of N0 users before, L left; of N1 now, E came; the others, S of them, were there both times. Where a label has the
    share p0 of the stayers before and p1 of them now, pL of those who left and pE of those who came, its shares of all
    are p0 + L/N0 (pL - p0) before and p1 + E/N1 (pE - p1) now, and so its change is exactly the sum of

    - Stayers: p1 - p0,
    - Entrants: E/N1 (pE - p1), what came of a mix that is not the stayers',
    - Leavers: -L/N0 (pL - p0), what went of a mix that was not the stayers'.

    Without stayers there is no mix to compare with: Stayers are 0, Entrants the share now, Leavers less the share
    before. Without users in one of the intervals its shares are null, and so are change and parts.

    Of two users before, both Passive, one leaves and the other becomes Engaged, and an Engaged one comes: Engaged goes
    from 0 to 1, all of it by the one who stayed, for who came is as the stayers are now.
    """
    before, now = users_before(moves), users_now(moves)
    all_before, all_now = before.total(), now.total()
    came = sum(users for (origin, _), users in moves.items() if origin == ABSENT)
    stayers = all_now - came
    rows = []
    for order, label in enumerate(all_labels(labels, moves), start=1):
        share_before = before[label] / all_before if all_before else None
        share_now = now[label] / all_now if all_now else None
        change: float | None = None
        parts: tuple[float | None, ...] = (None, None, None)
        if share_before is not None and share_now is not None:
            change = share_now - share_before
            if stayers:
                stayed_before = (before[label] - moves.get((label, ABSENT), 0)) / stayers
                stayed_now = (now[label] - moves.get((ABSENT, label), 0)) / stayers
                parts = (stayed_now - stayed_before, share_now - stayed_now, stayed_before - share_before)
            else:
                parts = (0.0, share_now, 0.0 - share_before)
        rows.append(
            {
                "Label": label,
                "Label_Order": order,
                "Previous_Share": share_before,
                "Share": share_now,
                "Change": change,
                **dict(zip(("Stayers", "Entrants", "Leavers"), parts, strict=True)),
                **when(interval),
            }
        )
    return rows


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
    told = f"the changes of {len(rows)} labels are the sums of stayers, entrants and leavers"
    return [
        Verdict(PARTS.name, not wrong, "; ".join(wrong) or told, numbers={"labels_wrong": len(wrong)}),
        Verdict(CHANGES.name, not off, words, numbers={"change": total}),
    ]

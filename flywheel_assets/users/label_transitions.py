"""label_transitions: who moved from which label to which between two intervals."""

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.intervals import Interval
from flywheel_assets.tables.labels import ABSENT


def label_transitions(user_labels: ir.Table, before: ir.Table | None, interval: Interval) -> ir.Table:
    """One row a pair of labels that a user moved between, Absent included; pairs without users are left out.

    ``before``: user_labels of the previous interval, None at the first with data: everyone then comes from Absent and
    ``From_Interval`` is null. By To_Label the counts sum to this interval's users, by From_Label to the previous one's.
    """
    now = user_labels.select("user_id", To_Label="user_flywheel_label")
    if before is None:
        moves = now.mutate(From_Label=ibis.null("string"))
    else:
        moves = now.outer_join(before.select("user_id", From_Label="user_flywheel_label"), "user_id")
    named = moves.select(From_Label=moves.From_Label.fill_null(ABSENT), To_Label=moves.To_Label.fill_null(ABSENT))
    counted = named.group_by("From_Label", "To_Label").aggregate(User_Count=named.count())
    from_interval = None if before is None else interval.number - 1
    return counted.mutate(
        From_Interval=ibis.literal(from_interval, "int32"),
        Interval=ibis.literal(interval.number, "int32"),
        Interval_Dates=ibis.literal(interval.dates),
    ).order_by("From_Label", "To_Label")


def movements(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Of a table's rows: ``users`` with a label now, of whom ``stayed``, ``moved`` or ``arrived``; who ``left``."""
    kinds = dict.fromkeys(("users", "stayed", "moved", "arrived", "left"), 0)
    for row in rows:
        before, now, users = row["From_Label"], row["To_Label"], row["User_Count"]
        kind = "arrived" if before == ABSENT else "left" if now == ABSENT else "stayed" if before == now else "moved"
        kinds[kind] += users
        kinds["users"] += 0 if now == ABSENT else users
    return kinds

"""label_transitions: who moved from which label to which between two intervals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import INTERVAL, INTERVAL_DATES
from flywheel_assets.tables.contract import Column, Table, interval_number
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Number, Verdict
from flywheel_assets.users import user_labels
from flywheel_assets.users.retention_break import RETENTION_BREAK

CONSERVATION = Check(
    "conservation",
    "By To_Label the counts sum to this interval's users, by From_Label to the previous interval's, label by label.",
    blocking=True,
    of_sources=True,
)
SAME_MODEL_VERSION = Check("same_model_version", "One version of the user model labelled both intervals (warning).")
CONTRACT = Check("contract", "The table matches its dagster-pandas type: columns, dtypes and bounds.", blocking=True)
CHECKS = (CONSERVATION, SAME_MODEL_VERSION, RETENTION_BREAK, CONTRACT)


TABLE = Table(
    "label_transitions",
    "label pair",
    "How many users went from which label in the previous interval to which in this one.",
    (user_labels.TABLE,),
    (
        Column("From_Label", "string", "Label in the previous interval; Absent for a user who had none."),
        Column("To_Label", "string", "Label in this interval; Absent for a user who has none."),
        Column("User_Count", "int64", "Users who made this move, at least 1."),
        Column("From_Interval", "int32", "Number of the previous interval; null in the first with data."),
        INTERVAL,
        INTERVAL_DATES,
    ),
    previous=(user_labels.TABLE,),
    checks=CHECKS,
    parameters=interval_number,
)


def label_transitions(user_labels: ir.Table, before: ir.Table | None, interval: Interval) -> ir.Table:
    """One row per pair of labels that a user moved between, Absent included; pairs without users are left out.

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


def conservation(transitions: pd.DataFrame, now: Mapping[str, int], before: Mapping[str, int]) -> Verdict:
    """Fails when a label's transitions do not sum to its users. ``now`` and ``before``: users by label, empty without a
    previous interval."""
    to_label = transitions.groupby("To_Label")["User_Count"].sum().drop(ABSENT, errors="ignore")
    from_label = transitions.groupby("From_Label")["User_Count"].sum().drop(ABSENT, errors="ignore")
    table = [*_sums("To", to_label, now), *_sums("From", from_label, before)]
    wrong = [line for line in table if line["users"] != line["users_in_transitions"]]
    return Verdict(
        CONSERVATION.name,
        not wrong,
        "; ".join(f"{w['side']} {w['label']}: {w['users_in_transitions']} of {w['users']} users" for w in wrong)
        or f"{sum(now.values()):,} users now and {sum(before.values()):,} before, all accounted for",
        numbers={"users": sum(now.values()), "users_before": sum(before.values()), "labels_wrong": len(wrong)},
        table=table,
    )


def same_model_version(now: Sequence[str], before: Sequence[str]) -> Verdict:
    """Warns when the two intervals' labels are of different model versions: a move may then be the model's, not the
    user's. An interval without users has no version and disagrees with none."""
    versions = sorted({*now, *before})
    summary = f"labelled by {' and '.join(versions)}" if versions else "no users, so no version"
    if len(versions) > 1:
        summary += ": transition_causes tells what users did from what the change of model did"
    return Verdict(SAME_MODEL_VERSION.name, len(versions) <= 1, summary, "WARN", {"versions": len(versions)})


def contract(fault: str) -> Verdict:
    """Fails with what the table's dagster-pandas type says against it; an empty text is no fault."""
    return Verdict(CONTRACT.name, not fault, fault or "the table has its type")


def _sums(side: str, found: "pd.Series[int]", expected: Mapping[str, int]) -> list[dict[str, Number]]:
    labels = sorted({*map(str, found.index), *(label for label, n in expected.items() if n)})
    return [
        {
            "side": side,
            "label": label,
            "users": expected.get(label, 0),
            "users_in_transitions": int(found.get(label, 0)),
        }
        for label in labels
    ]

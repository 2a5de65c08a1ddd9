"""transition_causes: label_transitions with a step in between, which tells what users did from what a new model says.

The previous interval was labelled by the models of then. Had those labelled this interval too, a user would go from
From_Label to Same_Model_Label: behaviour. What this interval's models make of the same sessions is To_Label: the model.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from flywheel_assets.intervals import Interval
from flywheel_assets.sessions import trimmed_sessions
from flywheel_assets.tables.columns import WHEN
from flywheel_assets.tables.contract import Column, Table, interval_number
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import user_labels
from flywheel_assets.users.label_transitions import CONSERVATION, conservation

CAUSES = ("none", "behaviour", "model", "both")

COUNTED = ["From_Label", "Same_Model_Label", "To_Label"]

SAME_USERS = Check(
    "same_users", "The old models labelled the same users as the new ones: both labels or neither.", blocking=True
)
CHECKS = (CONSERVATION, SAME_USERS)


TABLE = Table(
    "transition_causes",
    "triple of labels",
    "label_transitions with a step in between: what the models of the previous interval say about this one. "
    "Separates what users did from what a change of model did.",
    (trimmed_sessions.TABLE, user_labels.TABLE),
    (
        Column("From_Label", "string", "Label in the previous interval; Absent for a user who had none."),
        Column(
            "Same_Model_Label",
            "string",
            "Label in this interval by the models that labelled the previous one; Absent where To_Label is.",
        ),
        Column("To_Label", "string", "Label in this interval; Absent for a user who has none."),
        Column("User_Count", "int64", "Users with these three labels, at least 1."),
        Column(
            "Cause",
            "string",
            "behaviour where the first two labels differ, model where the last two do, both, or none.",
        ),
        *WHEN,
    ),
    previous=(user_labels.TABLE,),
    checks=CHECKS,
    parameters=interval_number,
)


def transition_causes(
    user_labels: ir.Table, before: ir.Table | None, same_model: ir.Table | None, interval: Interval
) -> ir.Table:
    """One row per triple of labels, Absent included; triples without users are left out.

    ``before``: user_labels of the previous interval, None at the first with data. ``same_model``: ``user_id`` and
    ``user_flywheel_label`` of this interval's users by the models of the previous one; None where those labelled both,
    so that Same_Model_Label is To_Label. Counts sum as in label_transitions.

    ann was Engaged, is Passive now, and would be Passive by the old models: behaviour. bob was Engaged, would be so by
    the old models, and is Passive: model. cy was Engaged, would be Passive, is Exploring: both, and so it is when the
    new model undoes what the behaviour did."""
    now = user_labels.select("user_id", To_Label="user_flywheel_label")
    if same_model is None:
        labelled = now.mutate(Same_Model_Label=now.To_Label)
    else:
        same = same_model.select(same_user="user_id", Same_Model_Label="user_flywheel_label")
        labelled = now.left_join(same, now.user_id == same.same_user).drop("same_user")
    if before is None:
        moves = labelled.mutate(From_Label=ibis.null("string"))
    else:
        moves = labelled.outer_join(before.select("user_id", From_Label="user_flywheel_label"), "user_id")
    named = moves.select(**{name: moves[name].fill_null(ABSENT) for name in COUNTED})
    counted = named.group_by(COUNTED).aggregate(User_Count=named.count())
    behaviour = counted.From_Label != counted.Same_Model_Label
    model = counted.Same_Model_Label != counted.To_Label
    cause = ibis.cases((behaviour & model, "both"), (behaviour, "behaviour"), (model, "model"), else_="none")
    return counted.mutate(
        Cause=cause,
        First_Day=ibis.literal(interval.first_day),
        Interval=ibis.literal(interval.number, "int32"),
        Interval_Dates=ibis.literal(interval.dates),
    ).order_by(COUNTED)


def users_by_cause(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Users by each of CAUSES, of a table's rows."""
    counts = dict.fromkeys(CAUSES, 0)
    for row in rows:
        counts[row["Cause"]] += row["User_Count"]
    return counts


def verdicts(causes: pd.DataFrame, now: Mapping[str, int], before: Mapping[str, int]) -> list[Verdict]:
    """All checks of CHECKS. ``now`` and ``before``: users by label, empty without a previous interval."""
    one_alone = (causes["Same_Model_Label"] == ABSENT) != (causes["To_Label"] == ABSENT)
    lone = int(causes[one_alone]["User_Count"].sum())
    users = int(causes[causes["To_Label"] != ABSENT]["User_Count"].sum())
    summary = f"{users:,} users, {lone:,} of them with only one of both labels"
    return [
        conservation(causes, now, before),
        Verdict(SAME_USERS.name, lone == 0, summary, numbers={"users": users, "users_with_one_label": lone}),
    ]

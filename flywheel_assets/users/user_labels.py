"""user_labels: the flywheel label of each user, and the checks of labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir

from flywheel_assets.intervals import Interval
from flywheel_assets.tables import label_verdicts as labelled
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column, LabelledRows, Table
from flywheel_assets.tables.label_verdicts import LabelCounts
from flywheel_assets.tables.verdict import Check, Verdict
from flywheel_assets.users import user_distributions
from flywheel_assets.users.user_distributions import SESSIONS

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


ONE_MODEL_VERSION = Check("one_model_version", "One version of the user model gave all labels.")
CHECKS = (*labelled.CHECKS, ONE_MODEL_VERSION)

USER_LABEL = Column("user_flywheel_label", "string", "The most probable label of the user in this interval.")
USER_PROBABILITY = Column("probability_<user label>", "float32", "The user model's probability, 0 to 1.")
USER_VERSION = Column("user_model_version", "string", "The user model that gave label and probabilities.")

LABELS = LabelledRows("user", "users", USER_ID.name, USER_LABEL.name, USER_VERSION.name)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {LABELS.parameter: flywheel.models[LABELS.model].version}


TABLE = Table(
    "user_labels",
    "user",
    "Each user's flywheel label and the model's probabilities.",
    (user_distributions.TABLE,),
    (USER_ID, SESSIONS, USER_LABEL, USER_PROBABILITY, USER_VERSION),
    checks=CHECKS,
    labels=LABELS,
    parameters=_parameters,
    model_parameters=lambda flywheel: (LABELS.parameter,),
)


def figures(table: ir.Table, labels: Sequence[str]) -> dict[str, ir.Scalar]:
    """Aggregates of labels and probabilities, and ``versions``, the model versions in the table."""
    return {
        **labelled.figures(table, "user_flywheel_label", labels),
        "versions": table.user_model_version.nunique(),
    }


def verdicts(
    row: Mapping[str, Any], labels: Sequence[str], baseline: LabelCounts | None, previous: LabelCounts | None
) -> list[Verdict]:
    """All checks of CHECKS from a row of :func:`figures`."""
    versions = int(row["versions"])
    one = Verdict(
        ONE_MODEL_VERSION.name,
        versions <= 1,
        f"{versions} model version(s) in the table",
        numbers={"versions": versions},
    )
    return [*labelled.verdicts(row, labels, baseline, previous), one]

"""Verdicts on user_labels: those on labels, and that one model gave them all."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.types as ir

from flywheel_assets.tables import label_verdicts as labelled
from flywheel_assets.tables.label_verdicts import LabelCounts
from flywheel_assets.tables.verdict import Check, Verdict

ONE_MODEL_VERSION = Check("one_model_version", "One version of the user model gave all labels.")
CHECKS = (*labelled.CHECKS, ONE_MODEL_VERSION)


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

"""session_predictions: the quality label of each session, which `registry/scorer.py` gives, and the checks of labels
and of drift per feature."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir

from flywheel_assets.intervals import Interval
from flywheel_assets.sessions import trimmed_sessions
from flywheel_assets.tables import label_verdicts as labelled
from flywheel_assets.tables.columns import LANDED, SESSION_ID
from flywheel_assets.tables.contract import Column, LabelledRows, Table
from flywheel_assets.tables.drift import Baseline, FeatureBaseline, compare, cumulative_bin_counts
from flywheel_assets.tables.label_verdicts import LabelCounts, in_words, numbers_of
from flywheel_assets.tables.verdict import Check, Number, Verdict

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


FEATURE_DRIFT = Check(
    "feature_drift", "PSI of each feature against the training baseline is stable or within noise (warning)."
)
CHECKS = (*labelled.CHECKS, FEATURE_DRIFT)

SESSION_LABEL = Column("session_quality_label", "string", "The most probable label of the session.")
SESSION_PROBABILITY = Column("probability_<session label>", "float32", "The session model's probability, 0 to 1.")
SESSION_VERSION = Column("session_model_version", "string", "The session model that gave label and probabilities.")

LABELS = LabelledRows("session", "sessions", SESSION_ID.name, SESSION_LABEL.name, SESSION_VERSION.name)


def _parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    return {LABELS.parameter: flywheel.models[LABELS.model].version}


TABLE = Table(
    "session_predictions",
    "session",
    "Each trimmed session with its quality label and the model's probabilities.",
    (trimmed_sessions.TABLE,),
    (*LANDED, SESSION_LABEL, SESSION_PROBABILITY, SESSION_VERSION),
    checks=CHECKS,
    labels=LABELS,
    parameters=_parameters,
    model_parameters=lambda flywheel: (LABELS.parameter,),
)


def figures(
    table: ir.Table, labels: Sequence[str], baseline: Baseline | None, counted: Collection[str] = ()
) -> ir.Table:
    """One row of labels and probabilities, and per feature of the baseline ``bin_<feature>_<i>``, cumulative. Those of
    ``counted`` features, which should repeat their values, are found by counting these; it changes no bin."""
    found = labelled.figures(table, "session_quality_label", labels)
    features = baseline.features if baseline else {}
    for name, feature in features.items():
        if name not in counted:
            counts = cumulative_bin_counts(table[name], feature.edges)
            found |= {f"bin_{name}_{i}": count.coalesce(0) for i, count in enumerate(counts)}
    row = table.aggregate(**found)
    for name, feature in features.items():
        if name in counted:
            row = row.cross_join(_bins_from_counts(table, name, feature))
    return row


def verdicts(
    row: Mapping[str, Any],
    labels: Sequence[str],
    baseline: Baseline | None,
    previous: LabelCounts | None,
    measured: Mapping[str, str] = MappingProxyType({}),
) -> list[Verdict]:
    """All checks of CHECKS from a row of :func:`figures`; ``previous``: the previous interval's rows by label;
    ``measured``: what a feature measures, in words."""
    on_labels = labelled.verdicts(row, labels, baseline.labels if baseline else None, previous)
    return [*on_labels, feature_drift(row, baseline, measured)]


def feature_drift(
    row: Mapping[str, Any], baseline: Baseline | None, measured: Mapping[str, str] = MappingProxyType({})
) -> Verdict:
    """Warns when a feature's drift against the baseline is an alert. No baseline or no sessions: no verdict, passes."""
    if baseline is None or not row["rows"]:
        why = "there is no training baseline" if baseline is None else "there are no sessions"
        return Verdict(FEATURE_DRIFT.name, True, f"{why}, so there is no verdict", "WARN")
    drifts = {name: compare(_bins(row, name, f), f.counts) for name, f in baseline.features.items()}
    some = {name: found for name, found in drifts.items() if found is not None}
    words = {name: f" ({measured[name]})" if measured.get(name) else "" for name in some}
    alerts = [f"{name}{words[name]} {found.band} ({in_words(found)})" for name, found in some.items() if found.alert]
    table: list[dict[str, Number]] = [
        {"feature": name, "measures": measured.get(name, ""), **numbers_of(found)} for name, found in some.items()
    ]
    return Verdict(
        FEATURE_DRIFT.name,
        not alerts,
        "; ".join(alerts) or f"all {len(some)} features are stable or within noise",
        "WARN",
        {"features_drifted": len(alerts), **{f"psi_{name}": found.psi for name, found in some.items()}},
        table,
    )


def _bins(row: Mapping[str, Any], name: str, feature: FeatureBaseline) -> list[int]:
    upto = [0, *(int(row[f"bin_{name}_{i}"]) for i in range(len(feature.edges))), int(row["rows"])]
    return [b - a for a, b in pairwise(upto)]


def _bins_from_counts(table: ir.Table, name: str, feature: FeatureBaseline) -> ir.Table:
    """One row of ``bin_<feature>_<i>``, from how often each value occurs: holding every row against every
    edge is five times as dear."""
    values = table.group_by(value=table[name]).aggregate(row_count=table.count())
    upto = [values.row_count.sum(where=values.value <= edge).coalesce(0) for edge in feature.edges]
    return values.aggregate(**{f"bin_{name}_{i}": rows for i, rows in enumerate(upto)})

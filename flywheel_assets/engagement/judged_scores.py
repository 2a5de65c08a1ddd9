"""Scores whose outcomes are known: per target the model, the guess that nothing changes and the transition chances, on
the same users."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa

from flywheel_assets.engagement.score_targets import TARGETS, ScoreTarget, folder
from flywheel_assets.errors import ArtefactError
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.registry.shelves import bundle_with
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.contract import Column
from flywheel_assets.tables.drift import FeatureBaseline
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.classifier.evaluation import BRIER, ROC_AUC, Scored, measure
from flywheel_assets.training.classifier.ledger import Judged, ledger_row, reliability_rows

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from flywheel_assets.flywheel import Flywheel

MODEL, LAST, TRANSITIONS = "model", "as in the last interval", "transition chances"
TARGET = Column("target", "string", "What was predicted: activity, or best_label for a session of the best label.")
METHOD = Column("method", "string", f"{MODEL}, {LAST!r} or {TRANSITIONS!r}.")

NOT_CLOSED = "the interval has not closed"
INCOMPLETE = "the data of the interval are incomplete"


def immature(flywheel: "Flywheel", interval: Interval) -> str:
    """Why what users did in an interval is no outcome; empty where it is one."""
    if not flywheel.closed(interval):
        return NOT_CLOSED
    return INCOMPLETE if incomplete(flywheel, [interval]) else ""


def judged_parameters(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    """Of tables that are empty until what users do in the interval is known."""
    why_not = immature(flywheel, interval)
    return {"best label": flywheel.models["session"].order[-1], "matured": f"no: {why_not}" if why_not else "yes"}


def with_outcomes(users: "ir.Table", next_mix: "ir.Table", best_label: str | None) -> "ir.Table":
    """Rows of users with ``active`` and ``best_label``: whether the user has a session in the next interval, and one of
    the best label; without the latter for None. ``next_mix``: user_distributions of that."""
    then = next_mix.select("user_id", _best=next_mix[share_column(best_label)] if best_label else ibis.literal(0.0))
    joined = users.left_join(then, "user_id").drop("user_id_right")
    outcomes = {"active": joined["_best"].notnull(), "best_label": (joined["_best"] > 0).coalesce(False)}
    return joined.mutate(**outcomes).drop("_best", *([] if best_label else ["best_label"]))


@dataclass(frozen=True)
class JudgedTarget:
    """A target with the methods that predicted it, the model first; each with the same outcomes, one row per user.
    ``baseline`` is None where the model is gone."""

    target: ScoreTarget
    version: str
    methods: Mapping[str, Judged]
    baseline: FeatureBaseline | None

    def ledger_rows(self) -> list[dict[str, Any]]:
        """The rows of engagement_ledger, by column; what its table does without, such as decisions, too."""
        rows = [
            {"target": self.target.name, "method": name, **ledger_row(one, self.version, self._baseline_of(name))}
            for name, one in self.methods.items()
        ]
        differences = self._differences()
        for row in rows:
            for column in ("brier_difference", "roc_auc_difference"):
                found = differences.get((row["method"], column))
                row |= {column: found and found.value}
                row |= {f"{column}_low": found and found.low, f"{column}_high": found and found.high}
            row["model_version"] = self.version if row["method"] == MODEL else None
        return rows

    def _baseline_of(self, method: str) -> FeatureBaseline | None:
        return self.baseline if method == MODEL else None

    def _differences(self) -> dict[tuple[str, str], Estimate]:
        """The model less each other method, by method and column; none where all users turned out alike."""
        outcome = self.methods[MODEL].target
        if outcome.all() or not outcome.any():
            return {}
        measured = {
            name: measure(outcome, Scored(one.probability, one.decision), one.user)
            for name, one in self.methods.items()
        }
        return {
            (name, column): measured[MODEL][metric].less(of[metric])
            for name, of in measured.items()
            for metric, column in ((BRIER, "brier_difference"), (ROC_AUC, "roc_auc_difference"))
            if name != MODEL
        }

    def reliability_rows(self) -> list[dict[str, Any]]:
        """Those of engagement_reliability."""
        return [
            {"target": self.target.name, "method": name, **row}
            for name, one in self.methods.items()
            for row in reliability_rows(one)
        ]


def judged_targets(
    flywheel: "Flywheel", scores: "ir.Table", next_mix: "ir.Table", best_label: str | None
) -> list[JudgedTarget]:
    """Of engagement_scores of an interval and user_distributions of the next; a target without predictions is none.
    ``best_label``: the one that the scores are of. Where that of the session model in use is another, or the users of
    the next interval have no share of it, sessions of the best label are not judged."""
    same = best_label == flywheel.models["session"].order[-1] and share_column(best_label) in next_mix.columns
    joined = with_outcomes(scores, next_mix, best_label if same else None)
    return list(_judged(flywheel, flywheel.engine.collect(joined.order_by(USER_ID.name))))


def _judged(flywheel: "Flywheel", rows: pa.Table) -> Iterator[JudgedTarget]:
    for target in TARGETS:
        probability = rows[f"probability_{target.outcome}"]
        if not len(rows) or probability.null_count or target.outcome not in rows.column_names:
            continue
        outcome = rows[target.outcome].to_numpy()
        columns = {MODEL: probability, LAST: rows[f"last_{target.outcome}"].cast(pa.float64())}
        chance = rows[f"transition_{target.outcome}"]
        columns |= {} if chance.null_count else {TRANSITIONS: chance}
        methods = {
            name: Judged(values, values >= 0.5, outcome, np.arange(len(rows)))
            for name, values in ((name, column.to_numpy().astype(float)) for name, column in columns.items())
        }
        version = rows[f"{target.name}_model_version"][0].as_py()
        yield JudgedTarget(target, version, methods, _baseline(flywheel, target, version))


def _baseline(flywheel: "Flywheel", target: ScoreTarget, version: str) -> FeatureBaseline | None:
    """That of the model that predicted, wherever it lies now."""
    with suppress(ArtefactError):
        directory = folder(flywheel.settings, target)
        return bundle_with(directory, {target.name: version}).classifiers[target.name].baseline
    return None

"""Training a candidate of the model of intent: from outcomes to a bundle in the folder ``intent/candidates/<version>``
of the models folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.intent.learning_rows import INTERVAL, directions, groups, learning_rows
from flywheel_assets.intent.model_comparison import (
    COMMANDS,
    LOGISTIC_PROBABILITY,
    RULES_PROBABILITY,
    IntentComparison,
    compare_on,
    comparison_rows,
    objections,
    remarks,
)
from flywheel_assets.intent.rules import INTENT_MODEL, IntentRules
from flywheel_assets.intent.user_features import numeric_features
from flywheel_assets.registry.booster import LIBRARIES, BoosterScorer
from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.files import CARD, HOLDOUT, versions_of
from flywheel_assets.registry.shelves import CANDIDATES
from flywheel_assets.training.boosted_trees import Parts, fit_booster, logistic_regression, split
from flywheel_assets.training.candidate_files import shelved, staged, writable
from flywheel_assets.training.ranking_metrics import (
    AUC,
    AVERAGE_PRECISION,
    BRIER_SKILL,
    CALIBRATION_ERROR,
    LIFT,
    ScoreProbability,
)
from flywheel_assets.warehouse.files import write_whole

SHOWN = (AUC, AVERAGE_PRECISION, LIFT, BRIER_SKILL, CALIBRATION_ERROR)


@dataclass(frozen=True)
class IntentCandidate:
    """A bundle in its folder, and how its model did on the holdout."""

    bundle: ModelBundle
    comparison: IntentComparison


def train_candidate(
    models_dir: Path, rows: pa.Table, rules: IntentRules, kinds: Sequence[str], now: datetime
) -> IntentCandidate:
    """Fits the model on the earlier of ``rows``, see :func:`flywheel_assets.intent.learning_rows.outcome_rows`, and
    judges it on the last. The same rows and rules give the same version; one that is there already stays. Raises
    TrainingError for too few outcomes, and for a folder that cannot be written to."""
    names = numeric_features(kinds)
    learnt = learning_rows(rows, names)
    parts = split(learnt.interval, learnt.intervals, learnt.converted)
    folder = writable(models_dir / CANDIDATES)
    ways, sums = directions(rules, kinds, names), groups(rules, kinds, names)
    scorer = fit_booster(INTENT_MODEL, COMMANDS, learnt, parts, ways, sums)
    score = rows["score"].cast(pa.float64()).to_numpy()
    mapped = ScoreProbability.fit(score[parts.calibration], learnt.converted[parts.calibration])
    judged = pa.array(np.flatnonzero(parts.holdout))
    holdout = rows.select(["user_id", INTERVAL, "converted", "score", "most_events", *names]).take(judged)
    holdout = holdout.append_column(RULES_PROBABILITY, pa.array(mapped(score[parts.holdout])))
    logistic = logistic_regression(learnt, parts)[parts.holdout]
    holdout = holdout.append_column(LOGISTIC_PROBABILITY, pa.array(logistic))
    comparison = compare_on(holdout, scorer)
    training = {
        "command": f"{COMMANDS} train",
        "trained_at": now.isoformat(timespec="seconds"),
        "rules": rules.digest,
        "intervals": dict(zip(("fit", "calibration", "holdout"), parts.keys, strict=True)),
        "rows": {name: int(mask.sum()) for name, mask in _masks(parts).items()},
        "conversions": {name: int(learnt.converted[mask].sum()) for name, mask in _masks(parts).items()},
        "trees": int(scorer.booster.num_boosted_rounds()),
        "comparison": comparison.to_json(),
    }
    with staged(folder) as staging:
        write_whole(staging / scorer.info.file, scorer.trees)
        bundle = write_manifest(
            staging, (), libraries=versions_of(LIBRARIES), training=training, boosters=[scorer.info]
        )
        pq.write_table(holdout, staging / HOLDOUT, compression="zstd")
        write_whole(staging / CARD, card(bundle, scorer, training, comparison).encode())
        home = shelved(staging, folder / bundle.version)
    return IntentCandidate(ModelBundle.open(home), comparison)


def _masks(parts: Parts) -> dict[str, np.ndarray]:
    return {"fit": parts.fit, "calibration": parts.calibration, "holdout": parts.holdout}


def card(bundle: ModelBundle, scorer: BoosterScorer, training: dict[str, Any], comparison: IntentComparison) -> str:
    """The model's card, as Markdown."""
    info, spans = scorer.info, training["intervals"]

    def span(part: str) -> str:
        first, last = spans[part][0], spans[part][-1]
        conversions, rows = training["conversions"][part], training["rows"][part]
        return f"{first if first == last else f'{first} to {last}'} ({conversions:,} of {rows:,} users converted)"

    against = objections(comparison)
    heads = ("ranking", *SHOWN, "model's AUC less this one's")
    lines = [
        f"# Model of intent, version {bundle.version}",
        "",
        "Gives each user the probability of a conversion in the next interval, from the features of users.",
        f"{training['trees']} trees, monotone where the rules are. `{training['command']}`, {training['trained_at']}.",
        "",
        f"- fitted on the outcomes of {span('fit')}",
        f"- calibrated on those of {span('calibration')}",
        f"- judged on those of {span('holdout')}",
        "",
        "On the users that it is judged on, with 95 % intervals (bootstrap of users):",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in comparison_rows(comparison, SHOWN)),
        "",
        *([f"Against a promotion: {one}." for one in against] or ["Nothing speaks against a promotion."]),
        *(f"Mind that {one}." for one in remarks(comparison)),
        "",
        "| feature | more of it | group |",
        "|---|---|---|",
        *(
            f"| {name} | {('', 'never lowers it', 'never raises it')[way]} | {group} |"
            for name, way, group in zip(info.features, info.directions, info.groups, strict=True)
        ),
        "",
    ]
    return "\n".join(lines)

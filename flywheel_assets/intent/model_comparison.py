"""A model of intent beside the rules, a logistic regression, the number of events and the model in use, on the same
held-out users; what speaks against a promotion, and the promotion. The files are the registry's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from flywheel_assets.errors import ArtefactError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intent.intent_predictions import feature_matrix
from flywheel_assets.intent.learning_rows import INTERVAL, users_of
from flywheel_assets.intent.pooled_outcomes import MODEL, MOST_EVENTS, RULES
from flywheel_assets.intent.rules import INTENT_MODEL
from flywheel_assets.registry.booster import BoosterScorer
from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.promotion import promote_judged
from flywheel_assets.registry.promotions_record import Promotion
from flywheel_assets.registry.shelves import read_holdout
from flywheel_assets.training.ranking_metrics import (
    AUC,
    CALIBRATION_ERROR,
    OF_PROBABILITY,
    Measured,
    differences,
    measure,
)

COMMANDS = "flywheel intent"

LOGISTIC, IN_USE = "logistic regression", "model in use"

RULES_PROBABILITY, LOGISTIC_PROBABILITY = "rules_probability", "logistic_probability"
"""Columns of the holdout beside features, `user_id`, `interval_start`, `score`, `most_events` and `converted`."""


@dataclass(frozen=True)
class IntentComparison:
    """Metrics by ranking and name, on ``rows`` of ``users`` different users of whom ``conversions`` converted.
    ``differences``: the model less each other ranking. ``problems``: what could not be compared, in words."""

    rows: int
    users: int
    conversions: int
    intervals: tuple[str, ...]
    figures: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Mapping[str, Estimate]]
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare_on(holdout: pa.Table, scorer: BoosterScorer, in_use: BoosterScorer | None = None) -> IntentComparison:
    """The model, and the one in use if there is one, on the rows of a holdout."""
    converted, user = holdout["converted"].to_numpy(), users_of(holdout)

    def column(name: str) -> Any:
        return holdout[name].cast(pa.float64()).to_numpy()

    def model(one: BoosterScorer) -> dict[str, Measured]:
        return measure(converted, one.probability(feature_matrix(holdout, one.info.features)), user, True)

    of_rules = measure(converted, column(RULES_PROBABILITY), user, True)
    found: dict[str, Mapping[str, Measured]] = {
        MODEL: model(scorer),
        RULES: measure(converted, column("score"), user) | {name: of_rules[name] for name in OF_PROBABILITY},
        LOGISTIC: measure(converted, column(LOGISTIC_PROBABILITY), user, True),
        MOST_EVENTS: measure(converted, column("most_events"), user),
    }
    problems = []
    if in_use:
        missing = [name for name in in_use.info.features if name not in holdout.column_names]
        if missing:
            problems.append(f"the model in use needs {', '.join(missing)}, which the holdout has not")
        else:
            found[IN_USE] = model(in_use)
    return IntentComparison(
        len(user),
        int(user.max()) + 1,
        int(converted.sum()),
        tuple(sorted(set(holdout[INTERVAL].to_pylist()))),
        {name: {metric: one.estimate for metric, one in metrics.items()} for name, metrics in found.items()},
        {name: differences(found[MODEL], metrics) for name, metrics in found.items() if name != MODEL},
        tuple(problems),
    )


def compare_bundle(bundle: ModelBundle, in_use: ModelBundle | None) -> IntentComparison:
    """A bundle with the one in use, on its own holdout. Raises ArtefactError where that is missing or damaged: it is
    not kept in the archive."""
    other = scorer_of(in_use) if in_use and in_use.version != bundle.version else None
    return compare_on(read_holdout(bundle), scorer_of(bundle), other)


def scorer_of(bundle: ModelBundle) -> BoosterScorer:
    """The model of a bundle, opened. Raises ArtefactError for one that has none."""
    if INTENT_MODEL not in bundle.boosters:
        raise ArtefactError(f"{bundle.directory} has no model named {INTENT_MODEL!r}; train it: {COMMANDS} train")
    return BoosterScorer.open(bundle.directory, bundle.boosters[INTENT_MODEL])


def objections(comparison: IntentComparison) -> list[str]:
    """What speaks against a promotion, in words: an AUC that is not better than the rules' beyond noise, or worse than
    that of the model in use, and probabilities that fit worse than theirs beyond noise."""
    against = list(comparison.problems)
    rules = comparison.differences[RULES]
    if rules[AUC].low <= 0:
        against.append(f"its AUC is not better than that of the rules beyond noise: {rules[AUC].as_difference}")
    in_use = comparison.differences.get(IN_USE)
    if in_use and in_use[AUC].high < 0:
        against.append(f"its AUC is worse than that of the model in use: {in_use[AUC].as_difference}")
    for name, other in ((RULES, rules), (IN_USE, in_use or {})):
        if CALIBRATION_ERROR in other and other[CALIBRATION_ERROR].low > 0:
            against.append(
                f"its calibration error is worse than of the {name}: {other[CALIBRATION_ERROR].as_difference}"
            )
    return against


def remarks(comparison: IntentComparison) -> list[str]:
    """What a reader has to know beside objections: rankings that the model is not better than, beyond noise."""
    simpler = {name: comparison.differences[name][AUC] for name in (LOGISTIC, MOST_EVENTS)}
    return [
        f"the model ranks no better than {name}, beyond noise: AUC {difference.as_difference}"
        for name, difference in simpler.items()
        if difference.low <= 0
    ]


def promote_model(flywheel: Flywheel, version: str, why: str, forced: bool) -> Promotion:
    """Makes the candidate, or an archived version, the model in use. Raises PromotionError when something speaks
    against it and it is not ``forced``, ArtefactError as :func:`flywheel_assets.registry.promotion.promote`."""

    def judge(bundle: ModelBundle, present: ModelBundle | None) -> tuple[list[str], dict[str, Any]]:
        comparison = compare_bundle(bundle, present)
        return objections(comparison), comparison.to_json()

    def stays(present: str | None) -> str:
        return f"users stay ranked by {f'the model {present}' if present else 'the score'}"

    models_dir = flywheel.settings.intent_models_dir
    return promote_judged(models_dir, version, flywheel.now(), why, forced, COMMANDS, judge, stays)


def comparison_rows(comparison: IntentComparison, metrics: Sequence[str]) -> list[tuple[str, ...]]:
    """Per ranking its name, the metrics with their intervals, and how far the model's AUC is above; for a table."""
    rows = []
    for name, figures in comparison.figures.items():
        ahead = comparison.differences.get(name)
        cells = [estimate_text(metric, figures[metric]) if metric in figures else "" for metric in metrics]
        rows.append((name, *cells, ahead[AUC].as_difference if ahead else ""))
    return rows


def estimate_text(metric: str, estimate: Estimate) -> str:
    """A metric with its interval; a calibration error without, which draws only ever raise."""
    if metric == CALIBRATION_ERROR:
        return f"{estimate.value:.4f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"

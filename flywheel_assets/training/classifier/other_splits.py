"""The same model made and judged on another split of the same examples, or another model on the same split."""

from flywheel_assets.registry.classifier import blended
from flywheel_assets.training.classifier.calibration import choose
from flywheel_assets.training.classifier.comparison import Learnt, Members, fit_members
from flywheel_assets.training.classifier.estimators import probability
from flywheel_assets.training.classifier.evaluation import FloatArray, Scored
from flywheel_assets.training.classifier.split import Parts, folds
from flywheel_assets.training.classifier.threshold import ThresholdRule, choose_threshold


def scored_by(members: Members, every: Learnt, parts: Parts, rule: ThresholdRule, seed: int, threads: int) -> Scored:
    """The test part by members fitted on the parts before it, with a calibration and a threshold that the validation
    part chose for members fitted without it."""

    def score(fitted_on: Learnt, on: Learnt) -> FloatArray:
        return blended([probability(one, on.encoded) for one in fit_members(members, fitted_on, seed, threads)])

    validation = every.take(parts.validation)
    fold = folds(validation.target, validation.user, seed)
    chosen, calibrated = choose(score(every.take(parts.fit), validation), validation.target, fold)
    threshold = choose_threshold(rule, calibrated, validation.target, fold, float(len(validation.target)))
    judged = chosen(score(every.take(parts.known), every.take(parts.test)))
    return Scored(judged, judged >= threshold)

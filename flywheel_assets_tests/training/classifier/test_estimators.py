import numpy as np
import pytest

from flywheel_assets.registry.classifier import blended, open_session, raw_probability
from flywheel_assets.training.classifier.candidate import TOLERANCE
from flywheel_assets.training.classifier.comparison import _not_worse, compare, halving, out_of_fold
from flywheel_assets.training.classifier.estimators import (
    GRIDS,
    LARGE_GRIDS,
    LIGHTGBM,
    LOGISTIC,
    PLAIN,
    SMOTE,
    XGBOOST,
    Kind,
    estimator,
    grid,
    kinds,
    probability,
    to_onnx,
)
from flywheel_assets_tests.training.classifier.rows import examples, learnt

FIT, HELD_OUT = learnt(examples(600, seed=1)), learnt(examples(400, seed=2))
TREES = {"n_estimators": 60, "learning_rate": 0.1}


@pytest.mark.parametrize("kind", kinds(), ids=str)
def test_a_compiled_model_gives_what_the_library_gives(kind: Kind) -> None:
    """Skewed numbers, null, rare categories, and values beyond those of training."""
    point = {name: values[-1] for name, values in grid(kind, FIT.positive_share, 600).items()}
    if kind.model in (XGBOOST, LIGHTGBM):
        point |= TREES
    fitted = FIT.fitted(kind, point, 1)
    rows = np.concatenate([HELD_OUT.encoded, 100 * HELD_OUT.encoded[:50], np.full((1, 7), np.nan, np.float32)])
    onnx = raw_probability(open_session(to_onnx(fitted, rows.shape[1])), rows)

    np.testing.assert_allclose(onnx, probability(fitted, rows), atol=TOLERANCE, rtol=0)
    assert onnx.std() > 0.05


def test_the_same_rows_give_the_same_file() -> None:
    for kind in (Kind(LOGISTIC, PLAIN), Kind(XGBOOST, PLAIN), Kind(LIGHTGBM, SMOTE)):
        point = {} if kind.model == LOGISTIC else TREES
        files = {to_onnx(FIT.fitted(kind, point, 1), 7) for _ in range(2)}
        assert len(files) == 1, kind


def test_smote_makes_rows_where_it_is_fitted_and_none_where_it_scores() -> None:
    made = estimator(Kind(LIGHTGBM, SMOTE), TREES, len(FIT.target), FIT.positive_share, 1)
    resampled, target = made[:-1].fit_resample(FIT.encoded, FIT.target.astype(int))
    fitted = made.fit(FIT.encoded, FIT.target.astype(int))

    assert len(resampled) > len(FIT.target)
    assert target.mean() == 0.5
    assert probability(fitted, HELD_OUT.encoded).shape == (400,)


def test_weights_and_smote_raise_probabilities_which_calibration_brings_back() -> None:
    compared = compare(FIT, HELD_OUT, kinds((LIGHTGBM,)), 1, 1, lambda line: None)
    by_name = {one.name: one for one in compared}
    plain, weighted = by_name["LightGBM"], by_name["LightGBM, class weights"]

    assert weighted.probability.mean() > plain.probability.mean() + 0.1
    assert weighted.figures["brier"] > plain.figures["brier"]
    assert weighted.figures["brier_calibrated"] < weighted.figures["brier"]


def test_of_candidates_that_noise_cannot_tell_apart_the_one_with_the_best_probabilities_comes_first() -> None:
    chosen, *others = compare(FIT, HELD_OUT, kinds((LOGISTIC, LIGHTGBM)), 1, 1, lambda line: None)
    highest = max(others, key=lambda one: one.figures["pr_auc"])

    assert [one.figures["pr_auc"] for one in others] == sorted((o.figures["pr_auc"] for o in others), reverse=True)
    assert chosen.figures["log_loss_calibrated"] <= highest.figures["log_loss_calibrated"]
    assert chosen.figures["pr_auc"] > highest.figures["pr_auc"] - 0.05


def test_a_candidate_that_ranks_worse_beyond_noise_is_not_chosen() -> None:
    noise = type(FIT)(np.random.default_rng(1).normal(size=FIT.encoded.shape).astype(np.float32), FIT.target, FIT.user)
    good, bad = (compare(one, HELD_OUT, (Kind(LOGISTIC, PLAIN),), 1, 1, lambda line: None)[0] for one in (FIT, noise))

    assert _not_worse([good, bad], HELD_OUT) == [good]


def test_a_blend_is_the_mean_of_the_log_odds_of_the_best_of_each_model() -> None:
    several = (Kind(LOGISTIC, PLAIN), Kind(LOGISTIC, SMOTE), Kind(LIGHTGBM, PLAIN))
    compared = compare(FIT, HELD_OUT, several, 1, 2, lambda line: None)
    blend = next(one for one in compared if one.row["model"] == "blend")
    best = {one.members[0][0].model: one for one in reversed(compared) if one is not blend}

    assert {kind.model for kind, _ in blend.members} == set(best)
    np.testing.assert_allclose(blend.probability, blended([best[kind.model].probability for kind, _ in blend.members]))


def test_halving_keeps_a_point_of_the_grid_and_survives_rare_positives() -> None:
    rare = FIT.take(np.flatnonzero(~FIT.target | (np.cumsum(FIT.target) <= 20)))
    kind = Kind(LIGHTGBM, SMOTE)
    found = halving(kind, rare, HELD_OUT, 1)

    assert all(found[name] in values for name, values in grid(kind, rare.positive_share, len(rare.target)).items())


def test_a_row_is_scored_out_of_fold_by_models_without_it() -> None:
    """A row that is there five times is known by heart only to models that saw it."""
    noise = np.random.default_rng(1).normal(size=(300, 7)).astype(np.float32)
    copies = FIT.take(np.arange(300))
    copies = type(copies)(noise, np.random.default_rng(2).random(300) < 0.5, np.arange(300))
    members = ((Kind(XGBOOST, PLAIN), {"max_depth": 5, "n_estimators": 200}),)
    held_out = out_of_fold(members, copies, 1, 1)
    fitted = copies.fitted(*members[0], 1)

    assert abs(held_out[copies.target].mean() - held_out[~copies.target].mean()) < 0.1
    assert probability(fitted, noise)[copies.target].mean() > 0.6


def test_every_model_has_a_grid_for_many_rows() -> None:
    assert set(LARGE_GRIDS) == set(GRIDS)


def test_many_rows_get_fewer_trees_with_the_same_parameters_to_choose() -> None:
    for kind in kinds():
        few, many = (grid(kind, 0.1, rows) for rows in (100_000, 200_000))
        assert set(few) <= set(many)
        if kind.model != LOGISTIC:
            assert max(many["n_estimators"]) < max(few.get("n_estimators", (200,)))

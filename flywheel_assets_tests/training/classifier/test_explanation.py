from itertools import permutations

import numpy as np
import pytest

from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.calibration_map import log_odds
from flywheel_assets.registry.classifier import ClassifierScorer
from flywheel_assets.training.classifier.candidate import ClassifierCandidate
from flywheel_assets.training.classifier.explanation import permutation_importance, shapley_values
from flywheel_assets_tests.training.classifier.rows import examples, learnt


@pytest.fixture(scope="module")
def scorer(trained: ClassifierCandidate) -> ClassifierScorer:
    return opened(trained.bundle)


def opened(bundle: ModelBundle) -> ClassifierScorer:
    return ClassifierScorer.open(bundle.directory, bundle.classifiers["conversion"])


class OnlyViews(ClassifierScorer):
    """A model that looks at views and at the device, and at both together."""

    def of_encoded(self, encoded: np.ndarray) -> np.ndarray:
        views = np.log1p(np.nan_to_num(encoded[:, 0]))
        return np.asarray(1 / (1 + np.exp(-(views - 6 + encoded[:, 1] + 0.3 * views * encoded[:, 1]))))


def test_values_and_their_base_sum_to_the_log_odds_of_the_row(scorer: ClassifierScorer) -> None:
    encoded = scorer.info.encoding.encode(examples().inputs)
    found = shapley_values(scorer, encoded[:40], encoded[200:], seed=1)

    np.testing.assert_allclose(found.base + found.values.sum(axis=1), log_odds(scorer.of_encoded(encoded[:40])))


def test_values_are_those_of_every_order_of_the_inputs(scorer: ClassifierScorer) -> None:
    made = OnlyViews(scorer.info, ())
    encoded = learnt(examples()).encoded
    rows, background = encoded[:3], encoded[100:400]
    found = shapley_values(made, rows, background, seed=1, most=300)
    places = [place for _, place in scorer.info.encoding.slices()]
    exact = np.zeros((3, 4))
    for order in permutations(range(4)):
        for row in range(3):
            mixed = background.copy()
            before = log_odds(made.of_encoded(mixed)).mean()
            for step in order:
                mixed[:, places[step]] = rows[row, places[step]]
                after = log_odds(made.of_encoded(mixed)).mean()
                exact[row, step] += (after - before) / 24
                before = after

    np.testing.assert_allclose(found.values, exact, atol=0.1)
    np.testing.assert_allclose(found.values[:, 2:], 0, atol=1e-9)


def test_a_reason_is_an_input_that_moves_the_row_the_furthest_first(scorer: ClassifierScorer) -> None:
    encoded = learnt(examples()).encoded
    found = shapley_values(OnlyViews(scorer.info, ()), encoded[:5], encoded, seed=1)

    names, moved = zip(*found.reasons(0), strict=True)
    assert set(names) == {"views", "device"}
    assert abs(moved[0]) >= abs(moved[1])


def test_shuffling_an_input_that_a_model_uses_costs_auc_and_one_that_it_does_not_costs_nothing(
    scorer: ClassifierScorer,
) -> None:
    of = examples()
    falls = permutation_importance(OnlyViews(scorer.info, ()), learnt(of).encoded, of.target, seed=1)

    assert falls["views"].mean() > 0.05
    assert falls["device"].mean() > 0.02
    assert (falls["noise"] == 0).all()


def test_of_a_trained_model_the_inputs_that_say_nothing_are_last(trained: ClassifierCandidate) -> None:
    rows = trained.training["importance"]

    assert {row["input"] for row in rows[:2]} == {"views", "device"}
    assert all(abs(row["auc_fall"]) < 0.03 for row in rows[2:])

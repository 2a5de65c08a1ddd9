from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from flywheel_assets.errors import TrainingError
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.leakage import auc_of, check_inputs, jumps, suspect
from flywheel_assets_tests.training.classifier.rows import examples

OF = examples()
EVERY = np.ones(len(OF), bool)
DRAW = np.random.default_rng(9)


def with_input(values: pa.Array, category: bool = False) -> Examples:
    return replace(
        OF,
        inputs=OF.inputs.append_column("told", values),
        categories=(*OF.categories, *(["told"] if category else [])),
    )


def refused(of: Examples, why: str) -> None:
    with pytest.raises(TrainingError, match=why) as error:
        check_inputs(of, EVERY)
    assert "Leave them out (--drop told)" in str(error.value)
    check_inputs(of, EVERY, allowed=["told"])


def test_honest_inputs_pass() -> None:
    check_inputs(OF, EVERY)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_ranks_almost_alone_is_refused_whichever_way_it_points(sign: int) -> None:
    refused(
        with_input(pa.array(sign * (OF.target + DRAW.normal(0, 0.3, len(OF))))),
        r"told: alone it reaches an AUC of 0\.9",
    )


def test_a_category_that_tells_is_refused() -> None:
    codes = np.where(OF.target, DRAW.integers(0, 5, len(OF)), DRAW.integers(5, 12, len(OF)))
    refused(with_input(pa.array(codes.astype(str)), category=True), r"told: alone it reaches an AUC of 1\.000")


def test_a_category_of_many_values_without_meaning_passes() -> None:
    check_inputs(with_input(pa.array(DRAW.integers(0, 1_000, len(OF)).astype(str)), category=True), EVERY)


def test_an_input_that_is_filled_only_after_the_outcome_is_refused() -> None:
    seldom = OF.target & (DRAW.random(len(OF)) < 0.2)
    refused(with_input(pa.array(np.ones(len(OF)), mask=~seldom)), "it is filled in .* rows, all of them positive")


def test_an_input_whose_being_filled_tells_is_refused() -> None:
    filled = OF.target | (DRAW.random(len(OF)) < 0.02)
    refused(with_input(pa.array(DRAW.normal(size=len(OF)), mask=~filled)), "told: alone it reaches an AUC of 0.9")


def test_only_the_rows_that_are_learnt_from_are_looked_at() -> None:
    last = np.arange(len(OF)) >= 1_200
    of = with_input(pa.array(np.where(last, OF.target, 0.0) + DRAW.normal(0, 0.01, len(OF))))

    assert suspect(of, last, "told") is not None
    check_inputs(of, ~last)


def test_auc_is_that_of_scikit_learn_with_ties() -> None:
    score = DRAW.integers(0, 9, len(OF)).astype(float)

    assert auc_of(OF.target, score) == pytest.approx(roc_auc_score(OF.target, score))
    assert auc_of(np.zeros(5, bool), np.arange(5.0)) == 0.5


def test_a_model_that_rests_on_one_input_is_told() -> None:
    without = {"told": 0.7, "views": 0.88, "noise": 0.91}
    found = jumps(list(without), 0.9, without.__getitem__)

    assert [(one.name, one.reason) for one in found] == [
        ("told", "without it the AUC falls from 0.900 to 0.700"),
    ]

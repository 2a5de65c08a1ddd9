import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.registry import bootstrap
from flywheel_assets.registry.bootstrap import estimate, resampled, sums_by_user


def test_sums_by_user_add_the_rows_of_each_user() -> None:
    sums = sums_by_user(np.array([0, 2, 0]), 3, np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]))
    assert sums.tolist() == [[5.0, 50.0], [0.0, 0.0], [2.0, 20.0]]


@given(users=st.integers(1, 60), resamples=st.integers(1, 30), seed=st.integers(0, 9))
def test_every_draw_has_as_many_users_as_there_are(users: int, resamples: int, seed: int) -> None:
    draws = resampled(np.ones((users, 1)), resamples, seed)
    assert draws.tolist() == [[float(users)]] * resamples


@given(cells=st.integers(1, 500), seed=st.integers(0, 9))
def test_draws_are_those_of_a_loop_however_many_are_made_at_once(cells: int, seed: int) -> None:
    sums = np.random.default_rng(7).normal(size=(23, 2))
    draw = np.random.default_rng(seed)
    expected = [sums[draw.integers(0, 23, 23)].sum(axis=0) for _ in range(11)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bootstrap, "_CELLS_AT_ONCE", cells)
        found = resampled(sums, 11, seed)

    np.testing.assert_allclose(found, expected)


def test_two_models_are_drawn_the_same_users() -> None:
    one = np.random.default_rng(1).normal(size=(40, 1))
    np.testing.assert_allclose(resampled(one + 3, 50, 1) - resampled(one, 50, 1), 3 * 40)


def test_rows_of_one_user_count_as_one_observation() -> None:
    hits = np.random.default_rng(1).integers(0, 2, 100).astype(float)
    few = resampled(sums_by_user(np.arange(100), 100, hits[:, None]), 500, 1) / 100
    same = resampled(sums_by_user(np.repeat(np.arange(100), 9), 100, np.repeat(hits, 9)[:, None]), 500, 1) / 900
    np.testing.assert_allclose(few, same)


def test_the_interval_holds_95_percent_of_the_draws() -> None:
    found = estimate(0.5, np.arange(1001) / 1000)
    assert (found.value, found.low, found.high) == (0.5, pytest.approx(0.025), pytest.approx(0.975))


def test_intervals_cover_the_truth_about_as_often_as_they_claim() -> None:
    draw = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        hits = (draw.random(80) < 0.7).astype(float)
        found = estimate(hits.mean(), resampled(hits[:, None], 200, trial)[:, 0] / 80)
        covered += found.low <= 0.7 <= found.high
    assert 0.88 <= covered / 200 <= 0.99

import numpy as np
import pytest

from flywheel_assets.intent.cuped import differences


def drawn(users: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes at two looks that a covariate explains in part, two arms, the covariate."""
    random = np.random.default_rng(3)
    before = random.normal(size=users)
    arms = random.integers(0, 2, users)
    first = random.random(users) < 1 / (1 + np.exp(1 - 2 * before))
    return np.column_stack([first, first | (random.random(users) < 0.1)]), arms, before[:, None]


def test_the_adjusted_difference_is_that_of_deng_et_al() -> None:
    outcomes, arms, before = drawn()
    found = differences(outcomes, arms, before, 2)
    for look in range(2):
        y, x = outcomes[:, look].astype(float), before[:, 0]
        theta = np.cov(y, x)[0, 1] / x.var(ddof=1)
        raw = y[arms == 1].mean() - y[arms == 0].mean()
        assert found.difference[look, 0] == pytest.approx(raw - theta * (x[arms == 1].mean() - x[arms == 0].mean()))
        assert found.variance_reduction[look] == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, abs=1e-3)
    adjusted = outcomes - (before * np.cov(outcomes.T.astype(float), before[:, 0])[:2, 2] / before.var(ddof=1))
    assert found.correlation[0, 1] == pytest.approx(np.corrcoef(adjusted.T)[0, 1])


def test_the_error_is_how_much_differences_vary_where_arms_do_not_differ() -> None:
    outcomes, _, before = drawn(2000)
    random = np.random.default_rng(1)
    runs = [differences(outcomes, random.integers(0, 2, 2000), before, 2) for _ in range(500)]
    varied = np.std([run.difference[:, 0] for run in runs], axis=0)
    assert varied == pytest.approx(np.mean([run.error[:, 0] for run in runs], axis=0), rel=0.1)


def test_a_covariate_that_is_constant_or_there_twice_changes_nothing() -> None:
    outcomes, arms, before = drawn()
    alone = differences(outcomes, arms, before, 2)
    more = differences(outcomes, arms, np.column_stack([before, np.ones(len(arms)), before * 3 + 1]), 2)
    none = differences(outcomes, arms, np.ones((len(arms), 1)), 2)
    assert more.difference == pytest.approx(alone.difference)
    assert more.error == pytest.approx(alone.error)
    assert none.variance_reduction == pytest.approx([0, 0])


@pytest.mark.parametrize("users", [0, 1, 2, 3])
def test_a_few_users_are_no_error(users: int) -> None:
    found = differences(np.zeros((users, 2), bool), np.zeros(users, int), np.ones((users, 1)), 3)
    assert np.isnan(found.difference).all()
    assert np.isnan(found.error).all()
    assert found.correlation.tolist() == [[1, 0], [0, 1]]
    assert found.variance_reduction.tolist() == [0, 0]


def test_an_arm_without_users_leaves_the_others() -> None:
    outcomes, arms, before = drawn()
    two, three = differences(outcomes, arms, before, 2), differences(outcomes, arms, before, 3)
    assert three.difference[:, 0] == pytest.approx(two.difference[:, 0])
    assert np.isnan(three.difference[:, 1]).all()

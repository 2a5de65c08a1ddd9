from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.errors import TrainingError
from flywheel_assets.training.classifier.examples import Examples
from flywheel_assets.training.classifier.split import Parts, folds, split
from flywheel_assets_tests.training.classifier.rows import examples


def users_of(of: Examples, rows: np.ndarray) -> set[int]:
    return set(of.user[rows].tolist())


def test_what_judges_comes_after_what_is_learnt_from() -> None:
    of = examples()
    assert of.time is not None
    parts = split(of, "sessions", 1)

    assert of.time[parts.fit].max() < of.time[parts.validation].min() <= of.time[parts.validation].max()
    assert of.time[parts.validation].max() < of.time[parts.test].min()
    assert parts.test.sum() == 300


def test_no_user_is_in_two_parts() -> None:
    of = examples()
    parts = split(of, "sessions", 1)
    users = [users_of(of, rows) for rows in (parts.fit, parts.validation, parts.test)]

    assert sum(map(len, users)) == len(set().union(*users))
    assert parts.how.endswith("no user is in two of them")


def test_users_stay_in_two_parts_where_apart_would_cost_half_of_the_positives() -> None:
    of = replace(examples(), user=np.arange(1500) % 50)
    parts = split(of, "sessions", 1)

    assert (parts.fit | parts.validation | parts.test).all()
    assert "100 % of the last are of users who are in an earlier part" in parts.how
    assert parts.how.endswith("because without them less than half of the positive rows of a part would be left")


def test_users_stay_in_two_parts_where_those_who_return_convert_more_often() -> None:
    of = examples()
    user, at = np.arange(1500), np.arange(1500)
    returning = (at < 900) & of.target & (at % 3 == 0)
    user[returning] = user[1200 : 1200 + returning.sum()]
    parts = split(replace(of, user=np.unique(user, return_inverse=True)[1]), "sessions", 1)
    kept, full = of.target[:900][~returning[:900]].mean(), of.target[:900].mean()

    assert (parts.fit | parts.validation | parts.test).all()
    assert parts.how.endswith(f"because without them {kept:.1%} of a part would be positive, not {full:.1%}")


def test_of_three_intervals_or_more_each_is_in_one_part() -> None:
    keys = np.array([f"2026-01-{day:02}" for day in range(1, 11)])
    of = replace(examples(), interval=keys.repeat(150))
    assert of.interval is not None
    parts = split(of, "sessions", 1)

    assert set(of.interval[parts.test]) == {"2026-01-09", "2026-01-10"}
    assert set(of.interval[parts.validation]) == {"2026-01-07", "2026-01-08"}
    assert parts.last_known == "2026-01-08"


def test_rows_are_split_at_random_only_where_nothing_orders_them_and_users_stay_whole() -> None:
    of = replace(examples(3000), time=None, user=np.arange(3000) // 3)
    parts = split(of, "sessions", 1)
    shares = [of.target[rows].mean() for rows in (parts.fit, parts.validation, parts.test)]

    assert "at random" in parts.how
    assert [int(rows.sum()) for rows in (parts.fit, parts.validation, parts.test)] == pytest.approx(
        [1800, 600, 600], 0.01
    )
    assert not users_of(of, parts.known) & users_of(of, parts.test)
    assert max(shares) - min(shares) < 0.05
    assert (split(of, "sessions", 2).test != parts.test).any()


def test_ten_positives_are_too_few_to_learn_from() -> None:
    of = examples()
    few = np.zeros(len(of), bool)
    few[::150] = True

    with pytest.raises(TrainingError, match=r"too few examples: the .* sessions to fit by have .* positive ones; exp"):
        split(replace(of, target=few), "sessions", 1)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=40, max_size=200), st.integers(0, 9))
def test_a_user_is_in_one_fold_whatever_the_rows(pairs: list[tuple[int, bool]], seed: int) -> None:
    user, target = np.array([u for u, _ in pairs]), np.array([t for _, t in pairs])
    fold = folds(target, user, seed)
    positive = len({u for u, t in pairs if t})

    assert all(len(set(fold[user == one])) == 1 for one in set(user))
    assert set(fold) <= set(range(5))
    if positive >= 5:
        assert set(fold[target]) == set(range(5))


def test_folds_of_rows_have_the_same_share_of_positives() -> None:
    target = np.arange(1000) % 20 == 0
    fold = folds(target, np.arange(1000), 4)

    assert np.bincount(fold).tolist() == [200] * 5
    assert np.bincount(fold[target]).tolist() == [10] * 5


def test_a_split_that_is_given_is_used_and_held_to_the_same_least() -> None:
    of = examples()
    at = np.arange(1500)
    given_parts = Parts(at % 3 == 0, at % 3 == 1, at % 3 == 2, "by thirds")
    assert split(replace(of, splits={"thirds": given_parts}), "sessions", 1) is given_parts
    tiny = replace(given_parts, test=at < 12)
    with pytest.raises(TrainingError, match="too few examples: the 12 sessions to judge by"):
        split(replace(of, splits={"tiny": tiny, "thirds": given_parts}), "sessions", 1)

"""What both models learn from: split by time, checked, the same rows always the same data."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.errors import ArtefactError, LabelError
from flywheel_assets.training.training_data import TrainingData, in_labelled_intervals, training_intervals
from flywheel_assets.training.user_labels_for_training import in_intervals
from flywheel_assets_tests.labelled import data_of

ORDERS = ("Low", "Medium", "High"), ("Passive", "Engaged")


def frames(*rows: tuple[str, str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A session and a user for each (interval, session label, user label)."""
    ids = [f"s{number}" for number in range(len(rows))]
    keys = [key for key, _, _ in rows]
    pages = [float(number) for number in range(len(rows))]
    labels = [label for _, label, _ in rows]
    sessions = pd.DataFrame(
        {"session_id": ids, "user_id": ids, "interval_start": keys, "pages": pages, "session_quality_label": labels}
    )
    users = sessions[["user_id", "interval_start"]].assign(user_flywheel_label=[label for _, _, label in rows])
    return sessions, users


def data(sessions: pd.DataFrame, users: pd.DataFrame, orders: Any = ORDERS) -> TrainingData:
    return data_of(sessions, users, ["pages"], orders, "me")


FOUR = frames(("k1", "High", "Engaged"), ("k1", "Low", "Passive"), ("k2", "Low", "Passive"), ("k2", "High", "Engaged"))


def test_the_last_interval_validates() -> None:
    found = data(*FOUR)

    assert found["session"].rows.part.tolist() == ["training", "training", "validation", "validation"]
    assert found.intervals == ("k1", "k2")


@given(st.integers(2, 60))
def test_about_a_fifth_of_the_intervals_validates(count: int) -> None:
    keys = [f"{n:03d}" for n in range(count)]
    training = training_intervals(keys)
    validating = count - len(training)

    assert training == tuple(keys[: len(training)])
    assert validating >= 1 <= len(training)
    assert abs(validating - count / 5) <= max(0.5, 1 - count / 5)


@pytest.mark.parametrize(("keys", "says"), [(["k1"], "in one interval, k1; expected two or more"), ([], "no interval")])
def test_one_interval_is_not_enough(keys: list[str], says: str) -> None:
    with pytest.raises(LabelError, match=says):
        training_intervals(keys)


def test_labels_that_nobody_has_are_left_out_of_the_order() -> None:
    assert data(*FOUR)["session"].order == ("Low", "High")


def test_one_label_only_is_an_error_that_names_it() -> None:
    with pytest.raises(LabelError, match="sessions need at least two different labels to learn from; all 2 are Low"):
        data(*frames(("k1", "Low", "Passive"), ("k2", "Low", "Engaged")))


def test_one_label_of_users_only_is_an_error_too() -> None:
    with pytest.raises(LabelError, match="users need at least two different labels to learn from; all 3 are Passive"):
        data(*frames(("k1", "Low", "Passive"), ("k1", "High", "Passive"), ("k2", "Low", "Passive")))


def test_a_label_that_only_validating_intervals_have_is_an_error_that_names_it() -> None:
    rows = frames(("k1", "Low", "Passive"), ("k1", "High", "Engaged"), ("k2", "Medium", "Passive"))

    with pytest.raises(LabelError, match="no sessions labelled Medium in the intervals that train, k1 to k1"):
        data(*rows)


def test_no_labelled_user_in_the_intervals_is_an_error() -> None:
    sessions, users = FOUR

    with pytest.raises(LabelError, match="none is labelled"):
        data(sessions, users.assign(interval_start="k9"))


def test_labels_that_no_two_models_could_have_are_an_error() -> None:
    rows = frames(("k1", "Low", "low"), ("k1", "High", "Engaged"), ("k2", "Low", "low"))

    with pytest.raises(ArtefactError, match="would share one probability column"):
        data(*rows, orders=(("Low", "High"), ("low", "Engaged")))


def test_a_session_without_a_label_stays_and_teaches_no_label() -> None:
    sessions, users = frames(*[("k1", "High", "Engaged"), ("k1", "Low", "Passive"), ("k2", "Low", "Passive")] * 2)
    for null in (None, float("nan"), pd.NA):
        partly = sessions.assign(session_quality_label=[null, *sessions.session_quality_label[1:]])
        found = data(partly, users)

        assert found["session"].rows.session_quality_label.tolist()[0] is None
        assert (len(found["session"].rows), found["session"].order) == (6, ("Low", "High"))
        assert found.fingerprint != data(sessions, users).fingerprint


def test_intervals_in_which_nobody_labelled_are_left_out() -> None:
    sessions, _ = FOUR
    nobody = sessions.assign(session_quality_label=[None, None, "Low", None])
    found = in_labelled_intervals(nobody, "session_quality_label")

    assert found.interval_start.tolist() == ["k2", "k2"]
    assert in_labelled_intervals(sessions, "session_quality_label").equals(sessions)
    assert in_labelled_intervals(nobody.iloc[:2], "session_quality_label").empty


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_the_order_of_rows_changes_nothing(one: list[int], other: list[int]) -> None:
    sessions, users = FOUR
    found = data(sessions.iloc[one], users.iloc[other])

    assert found.fingerprint == data(*FOUR).fingerprint
    assert found["session"].rows.equals(data(*FOUR)["session"].rows)


@pytest.mark.parametrize("column", ["session_id", "pages", "session_quality_label"])
def test_another_value_is_another_fingerprint(column: str) -> None:
    sessions, users = FOUR
    changed = sessions.copy()
    changed.loc[2, column] = {"session_id": "s9", "pages": 9.0, "session_quality_label": "High"}[column]

    assert data(changed, users).fingerprint != data(*FOUR).fingerprint


def test_another_order_of_labels_is_another_fingerprint() -> None:
    assert data(*FOUR, orders=(("High", "Low"), ORDERS[1])).fingerprint != data(*FOUR).fingerprint


def test_a_label_of_an_interval_goes_before_one_for_all() -> None:
    visits = pd.DataFrame({"user_id": ["a", "a", "a", "b"], "interval_start": ["k1", "k1", "k2", "k1"]})
    labels = pd.DataFrame(
        [("a", None, "Passive"), ("a", "k2", "Engaged"), ("a", "k3", "Engaged"), ("c", None, "Passive")],
        columns=["user_id", "interval_start", "user_flywheel_label"],
    )

    assert in_intervals(labels, visits).values.tolist() == [["a", "k1", "Passive"], ["a", "k2", "Engaged"]]

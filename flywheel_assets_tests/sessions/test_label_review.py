"""Which sessions are shown to be reviewed, and which features first."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.sessions.label_review import one_of_each_part, sessions_to_review, telling_features
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import Project

ORDER = ["Very Low Quality", "Low Quality", "Medium Quality", "High Quality"]


def shown(project: Project, key: str | None = None, most: int = 10, labelled: tuple[str, ...] = ()) -> pd.DataFrame:
    with project.flywheel() as flywheel:
        return sessions_to_review(flywheel, flywheel.interval(key) if key else None, most, labelled)


@given(st.integers(0, 200), st.integers(1, 30), st.integers(0, 9))
def test_one_of_each_equal_part_is_drawn(count: int, parts: int, seed: int) -> None:
    drawn = one_of_each_part(count, parts, np.random.default_rng(seed))
    assert len(drawn) == min(count, parts)
    for part, one in enumerate(drawn):
        assert part * count // len(drawn) <= one < (part + 1) * count // len(drawn)


def test_sessions_come_by_label_worst_first_with_the_probability_of_their_label(history: Project) -> None:
    found = shown(history)
    expected = {
        row["session_id"]: (row["session_quality_label"], max(v for n, v in row.items() if n.startswith("probability")))
        for key in (FIRST, AFTER_GAP, LAST)
        for row in history.rows("session_predictions", key)
    }
    assert len(expected) == 8
    columns = ("session_id", "session_quality_label", "probability")
    assert {one: (label, p) for one, label, p in found[[*columns]].itertuples(index=False)} == expected
    places = [ORDER.index(label) for label in found["session_quality_label"]]
    assert places == sorted(places)
    for _, of_label in found.groupby("session_quality_label"):
        assert of_label["probability"].is_monotonic_decreasing


def test_a_label_that_is_rare_in_the_last_interval_is_filled_from_earlier_ones(history: Project) -> None:
    last = {row["session_id"] for row in history.rows("session_predictions", LAST)}
    one_each = shown(history, most=1)
    assert one_each["session_quality_label"].is_unique
    for label, session_id in one_each[["session_quality_label", "session_id"]].itertuples(index=False):
        there = {
            r["session_id"] for r in history.rows("session_predictions", LAST) if r["session_quality_label"] == label
        }
        assert session_id in there or not there
    assert not set(one_each["session_id"]) <= last


def test_an_interval_that_is_asked_for_is_the_only_one(history: Project) -> None:
    assert set(shown(history, FIRST)["session_id"]) == {
        row["session_id"] for row in history.rows("session_predictions", FIRST)
    }


def test_sessions_with_a_label_of_ones_own_are_not_shown(history: Project) -> None:
    every = tuple(shown(history)["session_id"])
    assert set(shown(history, labelled=every[:3])["session_id"]) == set(every[3:])
    assert shown(history, labelled=every).empty


def test_the_same_sessions_are_shown_again(history: Project) -> None:
    assert shown(history, most=2).equals(shown(history, most=2))


def test_an_interval_without_labels_of_the_model_in_use_is_an_error_with_the_command(
    lived: Project, history: Project
) -> None:
    with pytest.raises(NotMaterializedError, match=r"no session in any interval was labelled .*: flywheel run --resc"):
        shown(lived)
    with pytest.raises(NotMaterializedError, match=r"no session in interval 2024-01-01 \("):
        shown(history, "2024-01-01")


def test_an_interval_without_sessions_shows_none(history: Project) -> None:
    assert shown(history, GAP).empty


def test_features_that_tell_the_labels_apart_come_first_and_those_without_a_value_not_at_all() -> None:
    sessions = pd.DataFrame(
        {
            "session_quality_label": ["Low", "Low", "High", "High"],
            "noise": [1.0, 9.0, 1.0, 9.0],
            "same": [3, 3, 3, 3],
            "nothing": [0, 0, 0, 0],
            "telling": [1.0, 2.0, 8.0, 9.0],
            "missing": [None, None, None, 1.0],
            "timestamp_utc": [datetime(2024, 1, 15, tzinfo=UTC)] * 4,
        }
    )
    features = ["noise", "same", "nothing", "telling", "missing"]
    assert telling_features(sessions, features) == ["telling", "missing", "noise", "same"]

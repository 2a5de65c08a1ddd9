"""A team's own labels as they lie in their folder."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flywheel_assets.errors import LabelError
from flywheel_assets.training.own_labels import OwnLabels, order_of_labels


def put(folder: Path, file: str, **columns: list[Any]) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)


def sessions(folder: Path) -> list[tuple[str, str]]:
    found = OwnLabels(folder).sessions()
    assert found is not None
    return [*found.itertuples(index=False, name=None)]


def test_there_are_none_without_files(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()

    assert OwnLabels(tmp_path).sessions() is None
    assert OwnLabels(tmp_path).users() is None
    assert OwnLabels(tmp_path).orders() == {}


def test_files_are_read_together_and_a_label_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    put(tmp_path, "sessions/a.parquet", session_id=["x", "y"], session_quality_label=["Low", "High"], by=["me", "me"])
    put(tmp_path, "sessions/b.parquet", session_id=["y", "z"], session_quality_label=["High", "Low"])

    assert sessions(tmp_path) == [("x", "Low"), ("y", "High"), ("z", "Low")]


def test_rows_without_a_label_or_an_id_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, "sessions/a.parquet", session_id=["x", "y", None], session_quality_label=["Low", None, "Low"])

    assert sessions(tmp_path) == [("x", "Low")]


def test_ids_that_are_numbers_are_texts(tmp_path: Path) -> None:
    put(tmp_path, "sessions/a.parquet", session_id=[1700000000], session_quality_label=["Low"])

    assert sessions(tmp_path) == [("1700000000", "Low")]


def test_a_session_with_two_labels_is_named(tmp_path: Path) -> None:
    put(tmp_path, "sessions/a.parquet", session_id=["x", "y", "x"], session_quality_label=["Low", "Low", "High"])

    with pytest.raises(LabelError, match=r"sessions labels x High and Low; expected one label each \(1 have more\)"):
        OwnLabels(tmp_path).sessions()


def test_a_missing_column_is_named_with_the_file(tmp_path: Path) -> None:
    put(tmp_path, "sessions/a.parquet", session_id=["x"], label=["Low"])

    with pytest.raises(
        LabelError, match=r"a\.parquet has no column session_quality_label; .* found: session_id, label"
    ):
        OwnLabels(tmp_path).sessions()


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    put(tmp_path, "sessions/a.parquet", session_id=["x"], session_quality_label=["Low"])
    (tmp_path / "sessions/b.parquet").write_text("nothing")

    with pytest.raises(LabelError, match=r"b\.parquet cannot be read as labels"):
        OwnLabels(tmp_path).sessions()


def test_a_users_label_is_of_an_interval_or_of_all(tmp_path: Path) -> None:
    put(tmp_path, "users/a.parquet", user_id=["ann"], user_flywheel_label=["Engaged"])
    put(tmp_path, "users/b.parquet", user_id=["bob"], user_flywheel_label=["Passive"], interval_start=["2024-01-15"])
    put(
        tmp_path, "users/c.parquet", user_id=["cy"], user_flywheel_label=["Passive"], interval_start=[date(2024, 1, 15)]
    )
    times = pd.to_datetime(["2024-01-29"])
    put(tmp_path, "users/d.parquet", user_id=["cy"], user_flywheel_label=["Engaged"], interval_start=list(times))
    found = OwnLabels(tmp_path).users()

    assert found is not None
    assert found.where(found.notna(), None).values.tolist() == [
        ["ann", None, "Engaged"],
        ["bob", "2024-01-15", "Passive"],
        ["cy", "2024-01-15", "Passive"],
        ["cy", "2024-01-29", "Engaged"],
    ]


def test_a_user_with_two_labels_for_all_intervals_is_named(tmp_path: Path) -> None:
    put(tmp_path, "users/a.parquet", user_id=["ann", "ann"], user_flywheel_label=["Engaged", "Passive"])

    with pytest.raises(LabelError, match="labels ann Engaged and Passive"):
        OwnLabels(tmp_path).users()


def test_the_order_is_as_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "label_order.toml").write_text('sessions = ["bad", "good"]\n')

    assert OwnLabels(tmp_path).orders() == {"sessions": ("bad", "good")}


@pytest.mark.parametrize("text", ["sessions = [", 'visits = ["a"]', 'users = "a"', 'users = ["a", "a"]', "users = [1]"])
def test_an_order_that_is_none_is_told_with_what_to_write(tmp_path: Path, text: str) -> None:
    (tmp_path / "label_order.toml").write_text(text)

    with pytest.raises(
        LabelError, match=r'label_order\.toml .*expected sessions = \["the worst", \.\.\., "the best"\]'
    ):
        OwnLabels(tmp_path).orders()


IN_USE = ("Low", "Medium", "High")


def test_labels_of_the_models_in_use_have_their_order() -> None:
    assert order_of_labels("sessions", {"High", "Low"}, None, IN_USE, "o.toml") == IN_USE


def test_a_stated_order_goes_before() -> None:
    assert order_of_labels("sessions", {"High", "Low"}, ("High", "Low"), IN_USE, "o.toml") == ("High", "Low")


def test_a_label_that_nobody_orders_is_named_with_the_line_to_write() -> None:
    with pytest.raises(LabelError, match="sessions are labelled Superb, missing from the order of") as raised:
        order_of_labels("sessions", {"Superb", "Low"}, None, IN_USE, "o.toml")

    assert 'Write sessions = ["Low", "Superb"], brought into order from worst to best, into o.toml' in str(raised.value)


def test_a_label_that_the_stated_order_lacks_is_named() -> None:
    with pytest.raises(LabelError, match=r"users are labelled C, missing from the order of o.toml: A, B"):
        order_of_labels("users", {"A", "B", "C"}, ("A", "B"), IN_USE, "o.toml")

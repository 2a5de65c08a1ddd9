from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from flywheel_assets.errors import ArtefactError, TrainingError
from flywheel_assets.training.classifier.examples import Examples, examples_of
from flywheel_assets_tests.training.classifier.rows import rows

Y = [0, 1, 0, 1]


def of(target: object = Y, **columns: object) -> Examples:
    return examples_of(pa.table({"x": [1.0, 2.0, 3.0, 4.0], **columns, "y": target}), "y")


@pytest.mark.parametrize(
    "target", [Y, [0.0, 1.0, 0.0, 1.0], [False, True, False, True], pa.array([0, 1, 0, 1], pa.uint8())]
)
def test_a_target_is_true_and_false_or_0_and_1(target: object) -> None:
    assert of(target).target.tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    ("target", "positive"),
    [
        (["no", "yes", "no", "yes"], "yes"),
        (pa.array(["a", "b", "c", "b"]).dictionary_encode(), "b"),
        ([3, 7, 3, 7], "7"),
    ],
)
def test_the_positive_class_of_any_other_target_is_named(target: object, positive: str) -> None:
    table = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "y": target})

    assert examples_of(table, "y", positive=positive).target.tolist() == [False, True, False, True]
    with pytest.raises(TrainingError, match=r"Name the value of the positive class: `positive` under \[columns"):
        examples_of(table, "y")
    with pytest.raises(TrainingError, match=r"no row has y 'other'; found: "):
        examples_of(table, "y", positive="other")


def test_a_target_of_one_class_is_refused() -> None:
    with pytest.raises(TrainingError, match="all 4 rows have y 1; expected rows of two classes"):
        of([1, 1, 1, 1])


def test_rows_without_a_target_are_left_out_and_told() -> None:
    found = of([0, 1, None, 1])

    assert (len(found), found.notes) == (3, ("1 rows have no y and are left out",))


def test_inputs_that_say_nothing_are_left_out_and_told() -> None:
    at = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    found = of(same=[5, 5, 5, 5], null=pa.nulls(4), nan=[np.nan] * 4, at=at, text=["a", "a", "b", None])

    assert found.names == ("x", "text")
    assert found.categories == ("text",)
    assert found.notes == (
        "same is left out: it is the same in every row",
        "null is left out: it is null in every row",
        "nan is left out: it is the same in every row",
        "at is left out: it holds timestamp[us, tz=UTC], neither numbers nor categories",
    )


def test_a_table_without_a_usable_input_is_refused_and_says_why() -> None:
    with pytest.raises(TrainingError, match="the table has no input to learn from: x is left out: it is the same"):
        examples_of(pa.table({"x": [1, 1], "y": [0, 1]}), "y")


def test_an_infinite_number_names_its_column() -> None:
    with pytest.raises(ArtefactError, match="column 'z' is infinite in 1 of 4 rows; expected numbers, or null"):
        of(z=[1.0, np.inf, 2.0, 3.0])


def test_a_column_that_is_missing_is_named_with_the_nearest() -> None:
    with pytest.raises(TrainingError, match=r"sessions.csv has no column 'att' \(nearest: 'at'\); found: "):
        examples_of(rows(10), "converted", time="att", source="sessions.csv")


def test_a_time_or_a_user_with_null_is_refused() -> None:
    table = pa.table({"x": [1, 2, 3, 4], "at": [1, None, 3, 4], "y": Y})
    for role in ({"time": "at"}, {"user": "at"}):
        with pytest.raises(TrainingError, match="1 of 4 rows have no at; fill it in"):
            examples_of(table, "y", **role)


def test_a_time_is_any_that_puts_rows_in_order() -> None:
    stamps = [datetime(2026, 1, day, tzinfo=UTC) for day in (4, 1, 3, 2)]
    for at in (stamps, [40, 10, 30, 20], [one.date() for one in stamps]):
        found = examples_of(pa.table({"x": [1, 2, 3, 4], "at": at, "y": Y}), "y", time="at")
        assert found.time is not None
        assert np.argsort(found.time).tolist() == [1, 3, 2, 0]
    with pytest.raises(TrainingError, match="at holds string; expected times or numbers in their order"):
        examples_of(pa.table({"x": [1, 2, 3, 4], "at": list("abcd"), "y": Y}), "y", time="at")


def test_codes_are_categories_where_they_are_named() -> None:
    table = pa.table({"code": [1, 2] * 40, "rare": [9] * 5 + [1] * 75, "y": [0, 1, 1, 0] * 20})
    found = examples_of(table, "y", categories=["code", "rare"])
    encoding = found.encoding(np.ones(80, bool))

    assert encoding.places == (
        *("code=1", "code=2", "code=(other)", "code=(missing)"),
        *("rare=1", "rare=(other)", "rare=(missing)"),
    )


def test_a_value_is_frequent_among_the_rows_that_are_learnt_from() -> None:
    table = pa.table({"page": ["a"] * 30 + ["b"] * 30, "y": [0, 1] * 30})
    first = np.arange(60) < 45

    assert examples_of(table, "y").encoding(first).columns[0].values == ("a",)


@pytest.mark.parametrize("role", ["time", "user"])
def test_nan_is_a_missing_time_or_user(role: str) -> None:
    table = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "role": [1.5, np.nan, None, 2.5], "y": Y})
    with pytest.raises(TrainingError, match="the table: 2 of 4 rows have no role; fill it in"):
        examples_of(table, "y", **{role: "role"})  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [[1.7, 1.2, 1.9, 1.2], [2**60 + 2, 2**60, 2**60 + 3, 2**60]])
def test_times_keep_their_order(at: list[float]) -> None:
    time = examples_of(pa.table({"x": [1.0, 2.0, 3.0, 4.0], "at": at, "y": Y}), "y", time="at").time

    assert time is not None
    assert np.argsort(time, kind="stable").tolist() == [1, 3, 0, 2]
    assert time[1] == time[3] < time[0] < time[2]


def test_rows_of_an_interval_count_where_they_are_not_among_those_learnt_from() -> None:
    table = pa.table({"x": [1.0, 2.0, 3.0, 4.0, 5.0], "key": ["a", "a", "a", "b", "c"], "y": [*Y, 0]})
    some = np.array([True, False, False, True, False])

    assert examples_of(table, "y", interval="key").rows_per_interval(some) == 2
    assert examples_of(table, "y").rows_per_interval(some) == 2

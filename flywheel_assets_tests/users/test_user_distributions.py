import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.users import user_distributions as distributions
from flywheel_assets.users.user_distributions import user_distributions
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import figures, frame, records

LABELS = ["Low Quality", "High Quality", "None"]
PREDICTIONS = {"user_id": "string", "session_quality_label": "string"}


def test_a_share_is_the_part_of_a_users_sessions_with_the_label(engine: DuckDBEngine) -> None:
    rows = [("a", "High Quality"), ("a", "Low Quality"), ("a", "High Quality"), ("a", "High Quality"), ("b", "None")]
    assert records(engine, user_distributions(frame(PREDICTIONS, rows), LABELS), "user_id") == [
        {"user_id": "a", "sessions": 4, "share_low_quality": 0.25, "share_high_quality": 0.75, "share_none": 0.0},
        {"user_id": "b", "sessions": 1, "share_low_quality": 0.0, "share_high_quality": 0.0, "share_none": 1.0},
    ]


def test_no_sessions_give_no_rows_with_a_column_for_every_label(engine: DuckDBEngine) -> None:
    table = engine.collect(user_distributions(frame(PREDICTIONS, []), LABELS))
    assert table.num_rows == 0
    assert {field.name: str(field.type) for field in table.schema} == {
        "user_id": "string",
        "sessions": "int32",
        "share_low_quality": "double",
        "share_high_quality": "double",
        "share_none": "double",
    }


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(LABELS)), min_size=1, max_size=40))
def test_shares_are_those_of_pandas_and_sum_to_1(engine: DuckDBEngine, rows: list[tuple[str, str]]) -> None:
    found = records(engine, user_distributions(frame(PREDICTIONS, rows), LABELS), "user_id")
    sessions = pd.DataFrame(rows, columns=["user", "label"])
    oracle = pd.crosstab(sessions.user, sessions.label, normalize="index").reindex(columns=LABELS, fill_value=0)
    assert [row["user_id"] for row in found] == list(oracle.index)
    assert [row["sessions"] for row in found] == list(sessions.groupby("user").size())
    for row, expected in zip(found, oracle.to_numpy(), strict=True):
        shares = list(row.values())[2:]
        assert shares == pytest.approx(list(expected))
        assert sum(shares) == pytest.approx(1, abs=1e-12)


COLUMNS = {"user_id": "string", "sessions": "int32", "share_low": "float64", "share_high": "float64"}


def verdicts(engine: DuckDBEngine, labelled: int, *rows: tuple[object, ...]) -> dict[str, Verdict]:
    table = frame(COLUMNS, rows)
    row = figures(engine, table, distributions.figures(table, ["Low", "High"]))
    return {v.check: v for v in distributions.verdicts(row, labelled)}


@pytest.mark.parametrize(
    ("low", "high", "good"),
    [
        (0.25, 0.75, True),
        (1 / 3, 2 / 3, True),
        (0.25, 0.75 + 5e-10, True),
        (0.25, 0.75 + 2e-9, False),
        (0.0, 0.0, False),
        (None, 1.0, False),
        (float("nan"), 1.0, False),
    ],
)
def test_each_users_shares_sum_to_1(engine: DuckDBEngine, low: float | None, high: float, good: bool) -> None:
    judged = verdicts(engine, 5, ("a", 3, low, high), ("b", 2, 1.0, 0.0))["shares"]
    assert (judged.passed, judged.severity) == (good, "ERROR")
    assert judged.numbers == {"failing_rows": 0 if good else 1, "rows": 2}


@pytest.mark.parametrize(("labelled", "passed"), [(4, False), (5, True), (6, False)])
def test_the_users_sessions_sum_to_the_labelled_ones(engine: DuckDBEngine, labelled: int, passed: bool) -> None:
    judged = verdicts(engine, labelled, ("a", 3, 0.0, 1.0), ("b", 2, 1.0, 0.0))["conservation"]
    assert (judged.passed, judged.severity) == (passed, "ERROR")


def test_a_user_who_is_there_twice_fails_though_the_sum_is_right(engine: DuckDBEngine) -> None:
    judged = verdicts(engine, 5, ("a", 3, 0.0, 1.0), ("a", 2, 1.0, 0.0))["conservation"]
    assert (judged.passed, judged.summary) == (False, "1 further rows of a user already counted")


def test_no_users_of_no_sessions_pass(engine: DuckDBEngine) -> None:
    assert all(v.passed for v in verdicts(engine, 0).values())

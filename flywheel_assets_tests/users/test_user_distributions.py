import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.users.user_distributions import user_distributions
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records

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

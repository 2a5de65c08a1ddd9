import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_assets.segments.visit_features import RATES, Rate, columns_of, rates_of, visit_features
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records

COUNTS = {"session_id": "string", "user_id": "string", "pageviews": "float64", "leads": "float64"}


def test_counts_stay_and_a_rate_is_one_by_the_other(engine: DuckDBEngine) -> None:
    table = frame(COUNTS, [("a.1", "a", 4.0, 1.0), ("b.1", "b", 8.0, 0.0)])

    assert records(engine, visit_features(table, ("pageviews", "leads")), "session_id") == [
        {"session_id": "a.1", "user_id": "a", "pageviews": 4.0, "leads": 1.0, "leads_per_pageview": 0.25},
        {"session_id": "b.1", "user_id": "b", "pageviews": 8.0, "leads": 0.0, "leads_per_pageview": 0.0},
    ]


@pytest.mark.parametrize("leads", [0.0, 3.0])
def test_what_is_divided_by_nothing_is_0(engine: DuckDBEngine, leads: float) -> None:
    (row,) = records(engine, visit_features(frame(COUNTS, [("a.1", "a", 0.0, leads)]), ("pageviews", "leads")))

    assert row["leads_per_pageview"] == 0.0


def test_a_rate_needs_both_of_its_columns_among_the_features() -> None:
    assert rates_of(["leads"]) == ()
    assert rates_of(["pageviews", "leads", "age"]) == (Rate("leads", "pageviews"),)
    assert columns_of(("leads", "age", "pageviews")) == ("leads", "age", "pageviews", "leads_per_pageview")


def test_other_landed_columns_stay_behind(engine: DuckDBEngine) -> None:
    table = frame({**COUNTS, "device": "string"}, [("a.1", "a", 4.0, 1.0, "phone")])

    assert "device" not in visit_features(table, ("pageviews", "leads")).columns


def test_rates_are_of_features_of_the_shipped_model_and_named_apart() -> None:
    assert {name for rate in RATES for name in (rate.numerator, rate.denominator)} <= set(FEATURES)
    assert len({rate.name for rate in RATES}) == len(RATES) == len({rate.numerator for rate in RATES})


@settings(max_examples=10)
@given(st.lists(st.tuples(*[st.integers(0, 50)] * len(FEATURES)), min_size=1, max_size=20))
def test_every_rate_is_what_pandas_divides(rows: list[tuple[int, ...]]) -> None:
    frame = pd.DataFrame(rows, columns=list(FEATURES)).assign(session_id=[f"{i:02}" for i in range(len(rows))])
    found = visit_features(ibis.memtable(frame.assign(user_id="u")), FEATURES).order_by("session_id").to_pandas()

    for rate in RATES:
        divided = (frame[rate.numerator] / frame[rate.denominator].where(frame[rate.denominator] > 0)).fillna(0.0)
        np.testing.assert_allclose(found[rate.name], divided)

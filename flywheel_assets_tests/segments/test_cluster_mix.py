from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from flywheel_assets.segments.cluster_mix import cluster_mix, conversion_drift, counts, exact_p, holm, verdicts
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.fits import segments_of
from flywheel_assets_tests.frames import SECOND, frame, records

TYPES = {"cluster": "int32", "converted": pa.bool_()}


def mix(engine: DuckDBEngine, *rows: tuple[int, bool | None], outcome: str | None = "leads") -> list[tuple]:
    segments = segments_of((0, 0), (5, 5), ids=(1, 4), outcome=outcome)
    found = cluster_mix(records(engine, counts(frame(TYPES, rows))), segments, SECOND)
    assert {(r["Interval"], r["Interval_Dates"]) for r in found} == {(2, "2024-01-15 - 2024-01-28")}
    return [(r["Cluster"], r["Sessions"], r["Share"], r["Conversions"], r["Conversion_Rate"]) for r in found]


def test_sessions_and_conversions_are_counted_by_cluster(engine: DuckDBEngine) -> None:
    assert mix(engine, (1, True), (1, False), (1, False), (4, True)) == [(1, 3, 0.75, 1, 1 / 3), (4, 1, 0.25, 1, 1.0)]


def test_a_cluster_without_sessions_is_there(engine: DuckDBEngine) -> None:
    assert mix(engine, (4, False)) == [(1, 0, 0.0, 0, None), (4, 1, 1.0, 0, 0.0)]


def test_an_interval_without_sessions_has_no_shares(engine: DuckDBEngine) -> None:
    assert mix(engine) == [(1, 0, None, 0, None), (4, 0, None, 0, None)]


def test_without_an_outcome_conversion_is_unknown(engine: DuckDBEngine) -> None:
    assert mix(engine, (4, None), outcome=None) == [(1, 0, 0.0, None, None), (4, 1, 1.0, None, None)]


def rows(*counts: tuple[int, int | None]) -> list[dict[str, Any]]:
    """Rows of cluster_mix: sessions and conversions a cluster."""
    return [
        {"Cluster": i, "Description": f"kind {i}", "Sessions": n, "Conversions": c}
        for i, (n, c) in enumerate(counts, start=1)
    ]


def test_the_same_mix_and_rates_pass() -> None:
    same = rows((500, 50), (500, 100))

    assert [verdict.passed for verdict in verdicts(same, same)] == [True, True]


def test_a_mix_that_moved_is_drift() -> None:
    mix, conversion = verdicts(rows((900, 90), (100, 20)), rows((500, 50), (500, 100)))

    assert (mix.passed, mix.severity) == (False, "ERROR")
    assert mix.summary.startswith("major against the previous interval by the same segments: PSI 0.879")
    assert conversion.passed


def test_without_an_interval_before_there_is_no_verdict() -> None:
    found = verdicts(rows((500, 50), (500, 100)), None)

    assert [verdict.passed for verdict in found] == [True, True]
    assert all("nothing to compare" in v.summary or "is missing, so there is no verdict" in v.summary for v in found)


def test_a_rate_that_fell_by_more_than_noise_is_warned_of_by_name() -> None:
    found = conversion_drift(rows((1000, 100), (1000, 40)), rows((1000, 100), (1000, 100)))

    assert (found.passed, found.severity) == (False, "WARN")
    assert found.summary == "2 (kind 2) from 10.00% to 4.00%"
    assert found.numbers == {"clusters_changed": 1, "clusters_compared": 2}


@pytest.mark.parametrize(
    ("now", "before"),
    [((50, 6), (50, 3)), ((100_000, 11_900), (100_000, 10_000))],
    ids=["noise", "certain, but by less than a quarter"],
)
def test_noise_and_trifles_are_no_news(now: tuple[int, int], before: tuple[int, int]) -> None:
    assert conversion_drift(rows(now), rows(before)).passed


def test_many_clusters_may_not_be_tested_until_one_fails() -> None:
    """p is 0.041 for the last one: drift on its own, not among twelve."""
    before, now = (1000, 20), (1000, 36)
    still = [(1000, 20)] * 11

    assert not conversion_drift(rows(now), rows(before)).passed
    assert conversion_drift(rows(*still, now), rows(*still, before)).passed


def test_clusters_without_sessions_or_conversions_are_not_compared() -> None:
    now, before = rows((0, 0), (10, 0), (1000, 300), (5, None)), rows((100, 90), (10, 0), (1000, 300), (5, None))

    assert conversion_drift(now, before).numbers["clusters_compared"] == 1
    assert conversion_drift(rows((10, None)), rows((10, None))).summary.startswith("nothing to compare")


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0, 1), st.floats(0, 1))
def test_the_p_value_is_that_of_fishers_exact_test(n: int, m: int, p: float, q: float) -> None:
    a, b = round(p * n), round(q * m)

    assert exact_p(a, n, b, m) == pytest.approx(fisher_exact([[a, n - a], [b, m - b]]).pvalue, abs=1e-9)


def test_one_session_that_converts_proves_nothing() -> None:
    assert conversion_drift(rows((1, 1)), rows((10, 0))).passed


def test_holm_multiplies_the_least_by_all_and_never_falls() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []

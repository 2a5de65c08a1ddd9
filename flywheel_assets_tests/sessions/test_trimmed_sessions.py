from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.sessions import trimmed_sessions as trimmed
from flywheel_assets.sessions.trimmed_sessions import Ledger, Threshold, guards, share_removed
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records

QUANTILE = Decimal("0.999")
SESSIONS = {"session_id": "string", "user_id": "string", "pageviews": "int64", "score": "float64"}
FEATURES = ["pageviews", "score"]


def sessions(*rows: tuple[str, int, float]) -> ir.Table:
    """user, pageviews, score; the session's id is its place."""
    return frame(SESSIONS, [(f"s{n}", *row) for n, row in enumerate(rows)])


def limits(engine: DuckDBEngine, table: ir.Table, features: Sequence[str], quantile: Decimal) -> tuple[Threshold, ...]:
    count = engine.collect(table).num_rows
    (figures,) = records(engine, trimmed.threshold_aggregates(table, features, quantile, count))
    return trimmed.thresholds(figures, features, quantile, count)


def ledger(engine: DuckDBEngine, table: ir.Table, found: tuple[Threshold, ...]) -> Ledger:
    (row,) = records(engine, trimmed.ledger_aggregates(table, found))
    return trimmed.ledger(len(records(engine, table)), found, row)


def kept(engine: DuckDBEngine, table: ir.Table, found: Sequence[Threshold]) -> list[str]:
    return [row["session_id"] for row in records(engine, trimmed.trimmed_sessions(table, found), "session_id")]


def test_a_session_at_the_threshold_stays_and_one_above_goes(engine: DuckDBEngine) -> None:
    table = sessions(("a", 10, 0.0), ("a", 11, 0.0), ("b", 0, 2.5), ("b", 0, np.nextafter(2.5, 3)))
    assert kept(engine, table, [Threshold("pageviews", 10.0, 0.0), Threshold("score", 2.5, 0.0)]) == ["s0", "s2"]


def test_one_feature_above_its_threshold_is_enough(engine: DuckDBEngine) -> None:
    table = sessions(("a", 11, 99.0), ("a", 11, 0.0), ("a", 0, 99.0), ("a", 0, 0.0))
    assert kept(engine, table, [Threshold("pageviews", 10.0, 0.0), Threshold("score", 2.5, 0.0)]) == ["s3"]


def test_a_feature_whose_threshold_is_its_minimum_is_not_trimmed_by(engine: DuckDBEngine) -> None:
    table = sessions(("a", 0, 0.0), ("a", 7, 0.0), ("a", 0, 9.0))
    rare, common = Threshold("pageviews", 0.0, 0.0), Threshold("score", 2.5, 0.0)
    assert (rare.guarded, common.guarded) == (True, False)
    assert kept(engine, table, [rare, common]) == ["s0", "s1"]
    assert kept(engine, table, [rare]) == ["s0", "s1", "s2"]
    assert ledger(engine, table, (rare, common)).removed == {"pageviews": 0, "score": 1}


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize(
    ("count", "with_signal", "guarded"),
    [(1001, 1, True), (1001, 2, False), (10_000, 9, True), (10_000, 10, True), (10_000, 11, False)],
)
def test_sessions_with_a_signal_that_about_a_thousandth_have_all_stay(
    engine: DuckDBEngine, count: int, with_signal: int, guarded: bool, feature: str
) -> None:
    has = [int(n < with_signal) for n in range(count)]
    table = frame(SESSIONS, [(f"s{n}", "u", signal, float(signal)) for n, signal in enumerate(has)])
    found = limits(engine, table, [feature], QUANTILE)
    assert [limit.guarded for limit in found] == [guarded]
    assert len(kept(engine, table, found)) == count


@pytest.mark.parametrize("value", [0.29, 0.58, 1e-9, 123456.7])
def test_a_feature_with_one_value_removes_no_session(engine: DuckDBEngine, value: float) -> None:
    table = sessions(*[("u", 0, value)] * 1035)
    assert len(kept(engine, table, limits(engine, table, ["score"], QUANTILE))) == 1035


@pytest.mark.parametrize("quantile", ["0.99", "0.999"])
def test_sessions_at_the_cap_of_a_feature_stay(engine: DuckDBEngine, quantile: str) -> None:
    table = sessions(*(("u", 0, 0.58 if n < 131 else n / 10_000) for n in range(1035)))
    assert len(kept(engine, table, limits(engine, table, ["score"], Decimal(quantile)))) == 1035


def test_columns_are_unchanged(engine: DuckDBEngine) -> None:
    table = sessions(("a", 1, 0.0))
    assert trimmed.trimmed_sessions(table, [Threshold("pageviews", 10.0, 0.0)]).schema() == table.schema()


@pytest.mark.parametrize(
    ("quantile", "least"), [("0.999", 1000), ("0.99", 100), ("0.9995", 2000), ("0.997", 334), ("0.5", 2), ("1", None)]
)
def test_trimming_begins_where_the_quantile_leaves_a_whole_session(quantile: str, least: int | None) -> None:
    assert trimmed.least_sessions(Decimal(quantile)) == least


def test_999_sessions_are_too_few_and_1000_are_not() -> None:
    assert trimmed.too_small(999, QUANTILE)
    assert not trimmed.too_small(1000, QUANTILE)
    assert trimmed.too_small(0, QUANTILE)


def test_quantile_1_trims_none_however_many_there_are() -> None:
    assert trimmed.too_small(10**9, Decimal(1))


def test_without_the_guard_a_small_interval_would_lose_every_features_maximum(engine: DuckDBEngine) -> None:
    rng = np.random.default_rng(1)
    names = [f"feature_{n}" for n in range(8)]
    counts = rng.lognormal(2, 1.5, (100, 1)) * rng.lognormal(0, 1, (100, 8))
    table = frame(
        {"session_id": "string", **dict.fromkeys(names, "float64")}, [(f"s{n}", *c) for n, c in enumerate(counts)]
    )
    removed = {f"s{n}" for n in range(100)} - set(kept(engine, table, limits(engine, table, names, QUANTILE)))
    assert removed == {f"s{n}" for n in counts.argmax(axis=0)}
    assert len(removed) >= 4, "of 100, where a tenth of one was asked for"


def test_of_1001_different_sessions_exactly_one_goes(engine: DuckDBEngine) -> None:
    table = sessions(*((f"u{n}", n, 0.0) for n in range(1001)))
    found = limits(engine, table, ["pageviews"], QUANTILE)
    assert found == (Threshold("pageviews", 999.0, 0.0),)
    assert set(kept(engine, table, found)) == {f"s{n}" for n in range(1000)}


VALUES = st.lists(st.integers(-(10**6), 10**9) | st.integers(0, 3), min_size=1, max_size=200)


@given(VALUES, st.sampled_from(["0.3337", "0.5", "0.9", "0.99", "0.999", "1"]))
def test_a_threshold_is_the_linearly_interpolated_quantile_and_never_below_a_tie(
    engine: DuckDBEngine, values: list[int], quantile: str
) -> None:
    table = sessions(*(("u", value, value / 7) for value in values))
    exact = np.quantile([Fraction(value) for value in values], Fraction(quantile), method="linear")
    below = sorted(values)[int((len(values) - 1) * Fraction(quantile))]
    whole, real = limits(engine, table, FEATURES, Decimal(quantile))
    assert (whole.minimum, real.minimum) == (min(values), min(values) / 7)
    assert whole.guarded == real.guarded == (below == min(values))
    if not whole.guarded:
        assert whole.threshold == pytest.approx(float(exact), rel=1e-12)
        assert real.threshold == pytest.approx(float(exact) / 7, rel=1e-12)
        assert (whole.threshold >= below, real.threshold >= below / 7) == (True, True)


def test_an_interval_without_sessions_has_no_thresholds_and_an_empty_ledger(engine: DuckDBEngine) -> None:
    found = limits(engine, sessions(), FEATURES, QUANTILE)
    assert found == (Threshold("pageviews", None, None), Threshold("score", None, None))
    assert ledger(engine, sessions(), found) == Ledger(0, 0, 0, False, found, {"pageviews": 0, "score": 0})
    assert ledger(engine, sessions(), found).share_removed == 0.0


def test_an_interval_too_small_to_be_trimmed_has_a_ledger_that_says_so() -> None:
    found = (Threshold("pageviews", 9.5, 0.0),)
    book = trimmed.ledger(40, found, None)
    assert book == Ledger(40, 0, 0, True, found, {"pageviews": 0})


def test_a_user_vanishes_when_all_of_their_sessions_go(engine: DuckDBEngine) -> None:
    table = sessions(("bot", 99, 0.0), ("bot", 99, 9.0), ("both", 99, 0.0), ("both", 1, 0.0), ("calm", 1, 0.0))
    book = ledger(engine, table, (Threshold("pageviews", 10.0, 1.0), Threshold("score", 2.5, 0.0)))
    assert book.users_vanished == 1
    assert (book.sessions, book.sessions_removed) == (5, 3)
    assert book.removed == {"pageviews": 3, "score": 1}
    assert book.share_removed == pytest.approx(3 / 5)


def test_a_ledger_survives_json() -> None:
    book = Ledger(5, 3, 1, False, (Threshold("pageviews", 9.5, 0.0), Threshold("leads", None, None)), {"pageviews": 3})
    assert Ledger.from_json(book.to_json()) == book


def test_a_ledger_has_a_line_a_feature() -> None:
    book = Ledger(5, 3, 1, False, (Threshold("leads", 0.0, 0.0),), {"leads": 0})
    assert book.lines() == [
        {"feature": "leads", "minimum": 0.0, "threshold": 0.0, "sessions_removed": 0, "guarded": True}
    ]


ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 12), st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.3, 1e9])),
    min_size=1,
    max_size=60,
)
QUANTILES = st.sampled_from([Decimal(q) for q in ("0.5", "0.9", "0.95", "0.99", "0.999")])


@given(ROWS, QUANTILES)
def test_no_feature_removes_more_than_the_quantile_explains(
    engine: DuckDBEngine, rows: list[tuple[str, int, float]], quantile: Decimal
) -> None:
    table = sessions(*rows)
    found = limits(engine, table, FEATURES, quantile)
    book = ledger(engine, table, found)
    most = np.ceil(float((1 - quantile) * (len(rows) - 1)))
    assert all(n <= most for n in book.removed.values())
    assert share_removed(book, len(kept(engine, table, found)), quantile).passed


@given(ROWS, QUANTILES)
def test_what_stays_and_the_ledger_are_those_of_pandas(
    engine: DuckDBEngine, rows: list[tuple[str, int, float]], quantile: Decimal
) -> None:
    table = sessions(*rows)
    found = limits(engine, table, FEATURES, quantile)
    oracle = pd.DataFrame(rows, columns=["user", *FEATURES])
    above = pd.DataFrame({t.feature: oracle[t.feature] > t.threshold for t in found if t.threshold != t.minimum})
    stays = ~above.any(axis=1).reindex(oracle.index, fill_value=False)
    book = ledger(engine, table, found)
    assert kept(engine, table, found) == sorted(f"s{n}" for n in oracle.index[stays])
    assert book.sessions_removed == (~stays).sum()
    assert book.users_vanished == (~stays.groupby(oracle.user).any()).sum()
    assert book.removed == {f: int(above[f].sum()) if f in above else 0 for f in FEATURES}


COMMON, RARE = Threshold("pageviews", 90.0, 1.0), Threshold("leads", 0.0, 0.0)


def book_of(sessions: int = 2001, removed: int = 2, too_small: bool = False, *limits: Threshold) -> Ledger:
    return Ledger(sessions, removed, 0, too_small, limits or (COMMON,), {"pageviews": removed})


@pytest.mark.parametrize(("removed", "passed"), [(0, True), (2, True), (3, False)])
def test_a_feature_removes_no_more_than_the_quantile_explains(removed: int, passed: bool) -> None:
    judged = share_removed(book_of(2001, removed), 2001 - removed, QUANTILE)
    assert (judged.passed, judged.severity) == (passed, "ERROR")
    assert judged.numbers["most_by_one_feature"] == 2
    assert passed or judged.summary == "pageviews removed 3, the quantile explains at most 2"


@pytest.mark.parametrize(("rows", "says"), [(1998, "+1 sessions"), (2000, "-1 sessions")])
def test_rows_that_the_ledger_does_not_account_for_fail(rows: int, says: str) -> None:
    judged = share_removed(book_of(2001, 2), rows, QUANTILE)
    assert (judged.passed, judged.summary) == (False, f"{says} that the ledger does not account for")


def test_an_empty_interval_and_quantile_1_explain_no_removal() -> None:
    assert share_removed(book_of(0, 0), 0, QUANTILE).passed
    assert share_removed(book_of(5000, 0), 5000, Decimal(1)).passed
    assert not share_removed(book_of(5000, 1), 4999, Decimal(1)).passed


def test_no_guard_held_passes() -> None:
    judged = guards(book_of(), 1000)
    assert (judged.passed, judged.summary) == (True, "every feature was used for trimming")


def test_a_guarded_feature_warns_and_is_named() -> None:
    judged = guards(book_of(2001, 2, False, COMMON, RARE), 1000)
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary == "not trimmed by leads: the threshold equals the minimum"
    assert judged.numbers == {"features_guarded": 1, "too_small": 0}


@pytest.mark.parametrize(("least", "why"), [(1000, "trimming begins at 1,000"), (None, "trimming is off (quantile 1)")])
def test_an_interval_that_was_not_trimmed_warns_and_says_why(least: int | None, why: str) -> None:
    judged = guards(book_of(999, 0, True), least)
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary == f"999 sessions: {why}, so none was trimmed"

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.landing.rows import session_start
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records

DIGITS = st.integers(8, 14).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n))
WORDS = st.text(st.characters(exclude_categories=["Cs", "Nd"], exclude_characters="\0"), max_size=4)
SESSION_IDS = st.lists(DIGITS | WORDS | st.just("."), max_size=5).map("".join)


def starts(engine: DuckDBEngine, session_ids: list[str | None], pattern: str | None = None) -> list[int | None]:
    table = frame({"n": "int64", "session_id": "string"}, list(enumerate(session_ids)))
    found = records(engine, table.select("n", start=session_start(table.session_id, pattern)), "n")
    return [row["start"] for row in found]


def expected(session_id: str, pattern: str | None) -> int | None:
    if pattern is None:
        digits = ["", *re.findall("[0-9]+", session_id)][-1]
    else:
        found = re.search(pattern, session_id)
        digits = found[1] if found else ""
    usable = re.fullmatch("[0-9]{10}|[0-9]{13}", digits)
    return int(digits[:10]) if usable else None


@pytest.mark.parametrize(
    ("session_id", "start"),
    [
        ("user-7.1705276800", 1705276800),
        ("user-7.1705276800123", 1705276800),
        ("1705276800", 1705276800),
        ("user-7.1705276800.web", 1705276800),
        ("1705276800.1705276801", 1705276801),
        ("user-7.0000000005", 5),
        ("user-7.170527680", None),
        ("user-7.17052768001", None),
        ("user-7.170527680012", None),
        ("user-7.1705276800123456", None),
        ("user-7.1705276800.2", None),
        ("user-7", None),
        ("", None),
        (None, None),
    ],
    ids=str,
)
def test_the_start_is_the_last_run_of_10_or_13_digits(
    engine: DuckDBEngine, session_id: str | None, start: int | None
) -> None:
    assert starts(engine, [session_id]) == [start]


def test_the_start_is_int64(engine: DuckDBEngine) -> None:
    table = frame({"session_id": "string"}, [["a.1705276800"]])
    assert str(session_start(table.session_id, None).type()) == "int64"
    assert str(engine.collect(table.select(start=session_start(table.session_id, None))).schema) == "start: int64"


def test_a_pattern_replaces_the_rule(engine: DuckDBEngine) -> None:
    ids = ["t1705276800-99", "t1705276800123-99", "t17052768-99", "x1705276800-99", None]
    assert starts(engine, ids, r"^t(\d+)-") == [1705276800, 1705276800, None, None, None]


def test_what_a_pattern_matches_must_be_digits_alone(engine: DuckDBEngine) -> None:
    assert starts(engine, ["12345.6789", "1e00000009", "-123456789", " 123456789"], "^(.*)$") == [None] * 4


@pytest.mark.parametrize("pattern", [None, r"^([0-9]+)", r"\.(.+)$"])
@given(session_ids=st.lists(SESSION_IDS, min_size=1, max_size=30))
def test_starts_are_those_of_an_independent_computation(
    engine: DuckDBEngine, pattern: str | None, session_ids: list[str]
) -> None:
    if pattern and "$" in pattern:  # of which Python's and the engine's mean different things at a line's end
        session_ids = [i.replace("\n", "") for i in session_ids]
    assert starts(engine, session_ids, pattern) == [expected(i, pattern) for i in session_ids]

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import LandingError
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.index import LandingIndex
from flywheel_assets.landing.rows import started
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.tables.generation import digest
from flywheel_assets.users.spine import reserved_names
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW, DuckDBEngine
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets_tests.frames import CALENDAR, records

FIRST, SECOND, THIRD = (CALENDAR.number(n) for n in (1, 2, 3))
RULES = LandingRules(CALENDAR, None, ("leads",), tuple(reserved_names(["Low"], ["Passive"])))


class SpyEngine(DuckDBEngine):
    """Notes the names of the landed files that it is asked to read."""

    def __init__(self) -> None:
        super().__init__("500MB", 1)
        self.files_read: list[str] = []

    def read_landed(self, paths: Sequence[Path], as_text: Collection[str] = ()) -> ir.Table:
        self.files_read += [path.name for path in paths]
        return super().read_landed(paths, as_text)

    def forget(self) -> None:
        self.files_read.clear()


@pytest.fixture(scope="module")
def spy() -> Iterator[SpyEngine]:
    engine = SpyEngine()
    yield engine
    engine.close()


@pytest.fixture
def landing(spy: SpyEngine, tmp_path: Path) -> Landing:
    spy.forget()
    (tmp_path / "landing").mkdir()
    return Landing(tmp_path / "landing", Warehouse(tmp_path / "warehouse", spy), RULES)


Land = Callable[..., Path]


@pytest.fixture
def land(landing: Landing) -> Land:
    """Writes a file with a session at each instant (or with each id), modified so many seconds after the epoch."""

    def write(name: str, *sessions: int | str | None, modified: int = 1, **columns: Any) -> Path:
        ids = [f"u.{s}" if isinstance(s, int) else s for s in sessions]
        contents = {"session_id": pa.array(ids, pa.string()), "user_id": ["u"] * len(ids), "leads": [1] * len(ids)}
        path = landing.folder / name
        pq.write_table(pa.table({**contents, **columns}), path)
        os.utime(path, ns=(modified * 10**9,) * 2)
        return path

    return write


def quarantined(landing: Landing, name: str) -> list[dict[str, Any]] | None:
    path = landing._warehouse.folder / "quarantine" / f"file={digest(name)}" / "part-0.parquet"
    return pq.read_table(path).to_pylist() if path.exists() else None


def problem(landing: Landing, name: str) -> str | None:
    return next(f.problem for f in landing.index().files if f.path == name)


def test_a_file_is_indexed_with_its_sessions_by_interval(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix, FIRST.end_unix - 1, SECOND.start_unix)
    land("b.parquet", SECOND.end_unix - 1)
    index = landing.index()
    assert [(f.path, f.rows) for f in index.files] == [
        ("a.parquet", {FIRST.key: 2, SECOND.key: 1}),
        ("b.parquet", {SECOND.key: 1}),
    ]
    assert [index.rows(i) for i in (FIRST, SECOND, THIRD)] == [2, 2, 0]


def test_the_files_of_an_interval_are_those_with_its_sessions_and_the_winner_is_last(
    landing: Landing, land: Land
) -> None:
    land("newest.parquet", SECOND.start_unix, modified=9)
    land("a.parquet", SECOND.start_unix, modified=5)
    land("b.parquet", SECOND.start_unix, modified=5)
    land("other.parquet", THIRD.start_unix, modified=99)
    files = landing.index().of_interval(SECOND)
    assert [f.path for f in files] == ["a.parquet", "b.parquet", "newest.parquet"]
    rows = records(landing._engine, landing.read(files), PRECEDENCE)
    assert [(Path(row[FILE]).name, row[PRECEDENCE]) for row in rows] == [
        ("a.parquet", 0),
        ("b.parquet", 1),
        ("newest.parquet", 2),
    ]


def test_files_of_other_widths_and_columns_are_read_as_one_table(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix, leads=pa.array([1], pa.int8()), device=["web"])
    land("b.parquet", FIRST.start_unix, modified=2, leads=pa.array([2.5], pa.float32()))
    rows = records(landing._engine, landing.read(landing.index().of_interval(FIRST)), PRECEDENCE)
    assert [(row["leads"], row["device"]) for row in rows] == [(1.0, "web"), (2.5, None)]


def test_an_index_that_is_up_to_date_reads_no_file(landing: Landing, land: Land, spy: SpyEngine) -> None:
    land("a.parquet", FIRST.start_unix, "no time")
    land("empty.parquet")
    (landing.folder / "broken.parquet").write_text("not parquet")
    first = landing.index()
    spy.forget()
    assert landing.index() == first
    assert spy.files_read == []


def test_only_new_and_changed_files_are_read(landing: Landing, land: Land, spy: SpyEngine) -> None:
    land("a.parquet", FIRST.start_unix)
    land("b.parquet", FIRST.start_unix)
    landing.index()
    spy.forget()
    land("b.parquet", SECOND.start_unix, modified=2)
    land("c.parquet", THIRD.start_unix)
    index = landing.index()
    assert sorted(spy.files_read) == ["b.parquet", "c.parquet"]
    assert {f.path: list(f.rows) for f in index.files} == {
        "a.parquet": [FIRST.key],
        "b.parquet": [SECOND.key],
        "c.parquet": [THIRD.key],
    }


def test_a_replaced_file_is_read_even_when_its_size_is_the_same(landing: Landing, land: Land) -> None:
    size = land("a.parquet", FIRST.start_unix).stat().st_size
    landing.index()
    assert land("a.parquet", SECOND.start_unix, modified=2).stat().st_size == size
    assert landing.index().files[0].rows == {SECOND.key: 1}


def test_a_vanished_file_leaves_the_index(landing: Landing, land: Land, spy: SpyEngine) -> None:
    land("a.parquet", FIRST.start_unix)
    land("b.parquet", SECOND.start_unix)
    landing.index()
    (landing.folder / "a.parquet").unlink()
    spy.forget()
    assert [f.path for f in landing.index().files] == ["b.parquet"]
    assert [f.path for f in landing.index().files] == ["b.parquet"], "and stays away"
    assert spy.files_read == []


@pytest.mark.parametrize(
    "rules",
    [
        replace(RULES, session_id_pattern=r"^u\.([0-9]{10})"),
        replace(RULES, features=("leads", "user_id")),
        replace(RULES, calendar=replace(CALENDAR, weeks=1)),
        replace(RULES, reserved=("device",)),
    ],
)
def test_an_index_made_under_other_rules_is_made_anew(
    landing: Landing, land: Land, spy: SpyEngine, rules: LandingRules
) -> None:
    land("a.parquet", FIRST.start_unix + 8 * 86_400, device=["web"])
    landing.index()
    spy.forget()
    again = Landing(landing.folder, landing._warehouse, rules).index()
    assert spy.files_read == ["a.parquet"] or again.set_aside


def test_other_weeks_put_sessions_into_other_intervals(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix + 8 * 86_400)
    assert list(landing.index().files[0].rows) == ["2024-01-01"]
    weekly = Landing(landing.folder, landing._warehouse, replace(RULES, calendar=replace(CALENDAR, weeks=1)))
    assert list(weekly.index().files[0].rows) == ["2024-01-08"]


def test_rows_of_no_interval_are_quarantined_by_file_with_the_reason(landing: Landing, land: Land) -> None:
    last = CALENDAR.number(CALENDAR.count)
    land(
        "a.parquet",
        FIRST.start_unix,
        None,
        " ",
        "u.12345",
        FIRST.start_unix - 1,
        last.end_unix - 1,
        last.end_unix,
        device=list("abcdefg"),
    )
    land("b.parquet", FIRST.start_unix)
    index = landing.index()
    assert index.files[0].rows == {FIRST.key: 1, last.key: 1, None: 5}
    found = sorted(quarantined(landing, "a.parquet"), key=lambda row: row["device"])
    assert [(row["device"], row["reason"]) for row in found] == [
        ("b", "session_id is null or empty"),
        ("c", "session_id is null or empty"),
        ("d", "session_id ends in no Unix time of 10 or 13 digits"),
        ("e", "before the first interval"),
        ("g", "after the last interval"),
    ]
    assert [row[ROW] for row in found] == [1, 2, 3, 4, 6], "and where in the file"
    told = [
        f"a.parquet has 5 rows of no interval, kept in quarantine/file={digest('a.parquet')}: "
        "session_id is null or empty (2), after the last interval (1), before the first interval (1), "
        "session_id ends in no Unix time of 10 or 13 digits (1)"
    ]
    assert index.problems() == told
    assert landing.index().problems() == told, "and when the index is read again"
    assert quarantined(landing, "b.parquet") is None


def test_a_file_that_was_mended_has_nothing_in_quarantine(landing: Landing, land: Land) -> None:
    land("a.parquet", "no time")
    landing.index()
    assert len(quarantined(landing, "a.parquet")) == 1
    land("a.parquet", FIRST.start_unix, modified=2)
    landing.index()
    assert quarantined(landing, "a.parquet") is None


def test_a_file_that_vanished_leaves_its_rows_in_quarantine(landing: Landing, land: Land) -> None:
    land("a.parquet", "no time")
    landing.index()
    (landing.folder / "a.parquet").unlink()
    landing.index()
    assert len(quarantined(landing, "a.parquet")) == 1, "they may be the last copy"


def test_a_file_that_vanished_and_came_back_has_its_rows_in_quarantine_again(landing: Landing, land: Land) -> None:
    land("a.parquet", "no time")
    landing.index()
    elsewhere = (landing.folder / "a.parquet").rename(landing.folder.parent / "a.parquet")
    landing.index()
    elsewhere.rename(landing.folder / "a.parquet")
    landing.index()
    assert len(quarantined(landing, "a.parquet")) == 1


def test_a_file_that_is_not_parquet_is_set_aside_and_named_and_the_others_go_on(landing: Landing, land: Land) -> None:
    (landing.folder / "broken.parquet").write_text("not parquet")
    whole = land("whole.parquet", FIRST.start_unix)
    (landing.folder / "cut.parquet").write_bytes(whole.read_bytes()[:-20])
    index = landing.index()
    assert [f.path for f in index.set_aside] == ["broken.parquet", "cut.parquet"]
    assert all(f.problem.startswith(f"{f.path} is not readable as parquet: ") for f in index.set_aside)
    assert [f.path for f in index.of_interval(FIRST)] == ["whole.parquet"]


@pytest.mark.parametrize("column", ["session_id", "user_id", "leads"])
def test_a_file_without_a_column_that_is_needed_is_set_aside(landing: Landing, land: Land, column: str) -> None:
    path = land("a.parquet", FIRST.start_unix)
    pq.write_table(pq.read_table(path).drop_columns([column]), path)
    others = [name for name in ("session_id", "user_id", "leads") if name != column]
    assert problem(landing, "a.parquet") == (
        f"a.parquet has no column '{column}' (the models need it); found: {', '.join(others)}"
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pa.array(["1"]), "string in column 'leads'; expected a number"),
        (pa.array([True]), "bool in column 'leads'; expected a number: write 1 for true and 0 for false"),
        (
            pa.array(["1"]).dictionary_encode(),
            "dictionary<values=string, indices=int32, ordered=0> in column 'leads'; expected a number",
        ),
    ],
)
def test_a_file_with_a_feature_that_is_no_number_is_set_aside(
    landing: Landing, land: Land, values: pa.Array, says: str
) -> None:
    land("a.parquet", FIRST.start_unix, leads=values)
    assert problem(landing, "a.parquet") == f"a.parquet has {says}"


@pytest.mark.parametrize("column", ["session_id", "user_id"])
def test_a_file_with_an_id_that_is_a_list_is_set_aside_and_the_others_go_on(
    landing: Landing, land: Land, column: str
) -> None:
    land("a.parquet", FIRST.start_unix, **{column: [["u.1"]]})
    land("b.parquet", FIRST.start_unix)
    assert (
        problem(landing, "a.parquet")
        == f"a.parquet has list<element: string> in column {column!r}; expected a text or a whole number"
    )
    assert [f.path for f in landing.index().of_interval(FIRST)] == ["b.parquet"]


@pytest.mark.parametrize("other", ["leads", "Leads"])
def test_a_file_with_a_column_twice_but_for_case_is_set_aside(landing: Landing, land: Land, other: str) -> None:
    path = land("a.parquet", FIRST.start_unix)
    table = pq.read_table(path).append_column(other, pa.array([2]))
    pq.write_table(table, path)
    assert problem(landing, "a.parquet") == (
        f"a.parquet has columns 'leads', {other!r}, the same to us: rename or drop one"
    )


@pytest.mark.parametrize("dtype", [pa.int8(), pa.uint64(), pa.float32(), pa.decimal128(21, 2)], ids=str)
def test_a_feature_of_any_number_type_is_used(landing: Landing, land: Land, dtype: pa.DataType) -> None:
    land("a.parquet", FIRST.start_unix, leads=pa.array([3]).cast(dtype))
    (file,) = landing.index().of_interval(FIRST)
    assert [row["leads"] for row in records(landing._engine, landing.read([file]))] == [3]


@pytest.mark.parametrize(
    ("column", "ours"),
    [
        ("interval", "Interval"),
        ("TIMESTAMP_UTC", "timestamp_utc"),
        ("Share_Low", "share_low"),
        ("reason", "reason"),
        ("_file", "_file"),
        ("_ROW", "_row"),
        ("_precedence", "_precedence"),
        ("file_row_number", "file_row_number"),
        ("_rank", "_rank"),
    ],
)
def test_a_file_with_a_column_of_our_name_in_any_case_is_set_aside_and_both_are_named(
    landing: Landing, land: Land, column: str, ours: str
) -> None:
    land("a.parquet", FIRST.start_unix, **{column: [1]})
    land("b.parquet", FIRST.start_unix)
    assert problem(landing, "a.parquet") == (
        f"a.parquet has a column {column!r}, which would collide with our {ours!r}: rename it"
    )
    assert [f.path for f in landing.index().of_interval(FIRST)] == ["b.parquet"]


def test_what_is_no_parquet_file_in_the_folder_is_not_looked_at(landing: Landing, land: Land) -> None:
    (landing.folder / "README.txt").write_text("ours")
    (landing.folder / "b.parquet").mkdir()
    (landing.folder / "a.parquet.tmp").write_text("half")
    assert landing.index() == LandingIndex(())


def test_a_file_whose_name_looks_like_a_pattern_is_read_by_its_name(landing: Landing, land: Land) -> None:
    land("s[1].parquet", FIRST.start_unix)
    land("s1.parquet", SECOND.start_unix)
    assert {f.path: list(f.rows) for f in landing.index().files} == {
        "s1.parquet": [SECOND.key],
        "s[1].parquet": [FIRST.key],
    }


def test_ids_that_landed_as_numbers_find_their_interval(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix, session_id=pa.array([FIRST.start_unix], pa.int64()))
    assert landing.index().files[0].rows == {FIRST.key: 1}


def test_the_first_key_is_of_the_earliest_interval_with_data(landing: Landing, land: Land) -> None:
    assert landing.index().first_key() is None
    land("strays.parquet", "no time")
    assert landing.index().first_key() is None
    land("a.parquet", THIRD.start_unix)
    land("b.parquet", SECOND.start_unix, CALENDAR.number(200).start_unix)
    assert landing.index().first_key() == SECOND.key


def test_a_fingerprint_changes_only_for_intervals_that_are_touched(landing: Landing, land: Land) -> None:
    def fingerprints() -> list[str]:
        index = landing.index()
        return [index.fingerprint(i) for i in (FIRST, SECOND, THIRD)]

    land("a.parquet", FIRST.start_unix, SECOND.start_unix)
    before = fingerprints()
    land("b.parquet", SECOND.start_unix)
    come = fingerprints()
    land("b.parquet", SECOND.start_unix, modified=2)
    changed = fingerprints()
    (landing.folder / "b.parquet").unlink()
    gone = fingerprints()
    assert [a == b for a, b in zip(before, come, strict=True)] == [True, False, True]
    assert [a == b for a, b in zip(come, changed, strict=True)] == [True, False, True]
    assert gone == before


def test_a_folder_that_is_not_there_is_an_error_that_says_where_it_should_be(landing: Landing, tmp_path: Path) -> None:
    landing.folder.rmdir()
    with pytest.raises(LandingError, match=r"no landing folder at .*landing: create it .* FLYWHEEL_LANDING_DIR"):
        landing.index()
    landing.folder.write_text("a file")
    with pytest.raises(LandingError, match="no landing folder"):
        landing.index()


BY_COLUMN = replace(RULES, time_column="at")


def test_a_time_column_decides_the_interval_and_the_id_does_not(landing: Landing, land: Land) -> None:
    by_column = Landing(landing.folder, landing._warehouse, BY_COLUMN)
    at = pa.array([FIRST.start, SECOND.start, None, FIRST.start], pa.timestamp("us", "UTC"))
    land("a.parquet", THIRD.start_unix, "x", "y", None, at=at)
    index = by_column.index()

    assert index.files[0].rows == {FIRST.key: 2, SECOND.key: 1, None: 1}
    assert [(row["session_id"], row["reason"]) for row in quarantined(landing, "a.parquet")] == [
        ("y", "at is null or holds no time")
    ]
    assert list(by_column.empty(index).columns)[:4] == ["session_id", "user_id", "leads", "at"]


def test_without_files_the_empty_table_has_the_time_column(landing: Landing) -> None:
    by_column = Landing(landing.folder, landing._warehouse, BY_COLUMN)
    assert records(landing._engine, started(by_column.empty(by_column.index()), None, "at")) == []


def test_a_file_without_the_time_column_or_with_one_that_holds_no_time_is_set_aside(
    landing: Landing, land: Land
) -> None:
    by_column = Landing(landing.folder, landing._warehouse, BY_COLUMN)
    land("a.parquet", FIRST.start_unix, At=[1])
    land("b.parquet", FIRST.start_unix, at=[True])
    assert by_column.index().problems() == [
        "a.parquet has no column 'at', which FLYWHEEL_SESSION_TIME_COLUMN names (nearest: 'At'); found: session_id, "
        "user_id, leads, At",
        "b.parquet has bool in column 'at'; expected a timestamp, a Unix time or a text (FLYWHEEL_SESSION_TIME_COLUMN "
        "names it)",
    ]


def test_everything_that_speaks_against_a_file_is_said_at_once(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix, leads=["1"], interval=[1], Reason=["x"], _row=[1])
    assert problem(landing, "a.parquet") == (
        "a.parquet has string in column 'leads'; expected a number; it also has columns 'interval', 'Reason', '_row', "
        "which would collide with our 'Interval', 'reason', '_row': rename them"
    )


def test_floats_of_ids_booleans_and_columns_without_values_are_explained(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix, user_id=[1.0])
    land("b.parquet", FIRST.start_unix, leads=pa.array([None], pa.null()))
    assert landing.index().problems() == [
        "a.parquet has double in column 'user_id'; expected a text or a whole number: pandas makes floats of whole "
        "numbers with a gap; write .astype('Int64') of that column",
        "b.parquet has null in column 'leads'; expected a number in each row, and every row is null: write 0 where "
        "there is nothing to count",
    ]


def test_when_nothing_landed_the_empty_table_has_the_contracts_columns(landing: Landing) -> None:
    table = landing.empty(landing.index())
    assert list(table.columns) == ["session_id", "user_id", "leads", FILE, ROW, PRECEDENCE]
    assert records(landing._engine, table) == []


def test_the_empty_table_has_the_columns_of_the_file_that_landed_last(landing: Landing, land: Land) -> None:
    land("new.parquet", FIRST.start_unix, modified=2, device=["web"])
    land("old.parquet", FIRST.start_unix, browser=["x"])
    (landing.folder / "broken.parquet").write_text("not parquet")
    table = landing.empty(landing.index())
    assert "device" in table.columns
    assert "browser" not in table.columns
    assert records(landing._engine, table) == []


def test_landed_files_are_never_written(landing: Landing, land: Land) -> None:
    path = land("a.parquet", FIRST.start_unix, "no time")
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(landing.folder.iterdir()))
    landing.read(list(landing.index().files)).count().execute()
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(landing.folder.iterdir())) == before

"""What a dry run finds in one file; that the commands show it is in cli/test_check.py."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import LandingError
from flywheel_assets.landing.dry_run import DryRun, dry_run
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets_tests.frames import CALENDAR

FIRST, SECOND = CALENDAR.number(1), CALENDAR.number(2)


@pytest.fixture
def landing(tmp_path: Path, engine: DuckDBEngine) -> Landing:
    """A landing folder that is not there, and none of a warehouse: a dry run needs neither."""
    rules = LandingRules(CALENDAR, None, ("leads",), ("Interval",))
    return Landing(tmp_path / "landing", Warehouse(tmp_path / "warehouse", engine), rules)


def write(path: Path, ids: Sequence[str | None], leads: Sequence[float | None]) -> Path:
    ids_column = pa.array(ids, pa.string())
    pq.write_table(pa.table({"session_id": ids_column, "user_id": ["u"] * len(ids), "leads": leads}), path)
    return path


def look(path: Path, landing: Landing) -> DryRun:
    """A dry run, which leaves nothing behind."""
    before = sorted(path.parents[0].rglob("*"))
    found = dry_run(path, landing, landing._engine, {"leads": 0.0})
    assert sorted(path.parents[0].rglob("*")) == before
    return found


def test_a_good_file_has_its_columns_and_its_rows_by_interval(landing: Landing, tmp_path: Path) -> None:
    ids = [f"a.{FIRST.start_unix}", f"b.{FIRST.start_unix}", f"a.{SECOND.start_unix}"]
    found = look(write(tmp_path / "a.parquet", ids, [1.0, 2.0, 3.0]), landing)

    assert found.columns == {"session_id": "string", "user_id": "string", "leads": "double"}
    assert found.file.rows == {FIRST.key: 2, SECOND.key: 1}
    assert (found.rows, found.sessions, found.repeated, found.quarantined) == (3, 3, 0, {})
    assert found.days == (FIRST.first_day, SECOND.first_day)
    assert (found.objection, found.advice) == ("", ())


def test_rows_that_would_be_quarantined_are_counted_by_reason(landing: Landing, tmp_path: Path) -> None:
    start = FIRST.start_unix
    ids = [f"a.{start}", None, "u.123456789", f"b.{start - 1}", f"c.{start}", f"d.{start}", f"e.{start}"]
    found = look(write(tmp_path / "a.parquet", ids, [1.0, -1.0, -1.0, -1.0, -1.0, None, float("nan")]), landing)

    assert found.quarantined == {
        "session_id is null or empty": 1,
        "session_id ends in no Unix time of 10 or 13 digits": 1,
        "before the first interval": 1,
        "leads is negative": 1,
        "leads is not a finite 32-bit number": 1,
        "leads is null": 1,
    }
    assert found.file.rows == {None: 3, FIRST.key: 4}
    assert (found.rows, found.sessions, found.repeated) == (7, 1, 0)
    assert found.objection == "little would land: 1 of 7 rows"


def test_rows_that_repeat_a_session_are_counted_and_land_once(landing: Landing, tmp_path: Path) -> None:
    ids = [f"a.{FIRST.start_unix}"] * 3
    found = look(write(tmp_path / "a.parquet", ids, [1.0, 2.0, 3.0]), landing)
    assert (found.sessions, found.repeated, found.objection) == (1, 2, "")


@pytest.mark.parametrize(("usable", "can_land"), [(2, True), (1, False)])
def test_a_file_can_land_when_half_of_its_rows_would(
    landing: Landing, tmp_path: Path, usable: int, can_land: bool
) -> None:
    ids = [f"a{n}.{FIRST.start_unix}" if n < usable else None for n in range(4)]
    assert (look(write(tmp_path / "a.parquet", ids, [1.0] * 4), landing).objection == "") == can_land


@pytest.mark.parametrize(
    ("session_id", "says"),
    [
        (
            "123e4567-e89b-12d3-a456-426614174000",
            "session_id is a UUID, which holds no time: set FLYWHEEL_SESSION_TIME",
        ),
        ("u.123E4567E89B12D3A456426614174000", "session_id ends in no Unix time of 10 or 13 digits"),
        ("123E4567E89B12D3A45642661417400A", "session_id is a UUID, which holds no time: set FLYWHEEL_SESSION_TIME"),
        ("u.2024-01-15T10:00:00Z", "session_id holds a time in ISO form and no Unix time: set FLYWHEEL_SESSION_TIME"),
        ("20240115T100000-u7", "session_id holds a time in ISO form and no Unix time: set FLYWHEEL_SESSION_TIME"),
        ("u7.1705312800123456", "session_id ends in microseconds: set FLYWHEEL_SESSION_ID_PATTERN="),
        ("u7.1705312800123456789", "session_id ends in nanoseconds: set FLYWHEEL_SESSION_ID_PATTERN="),
    ],
)
def test_ids_of_a_known_form_without_a_unix_time_are_named_with_what_to_set(
    landing: Landing, tmp_path: Path, session_id: str, says: str
) -> None:
    found = look(write(tmp_path / "a.parquet", [session_id], [1.0]), landing)
    ((reason, rows),) = found.quarantined.items()
    assert reason.startswith(says)
    assert (rows, found.objection) == (1, "nothing would land: 0 of 1 rows")
    if "PATTERN=" in reason:
        rules = replace(landing.rules, session_id_pattern=reason.split("PATTERN=")[1])
        as_told = look(tmp_path / "a.parquet", Landing(landing.folder, landing.warehouse, rules))
        assert (as_told.objection, list(as_told.file.rows)) == ("", [SECOND.key])


def test_a_column_of_timestamps_is_proposed_where_ids_hold_no_time(landing: Landing, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", ["a", "b"], [1.0, 2.0])
    at = pa.array([SECOND.start, FIRST.start])
    pq.write_table(pq.read_table(path).append_column("Started At", at), path)
    found = look(path, landing)
    assert found.advice == (
        "to take the start of a session from a column, set FLYWHEEL_SESSION_TIME_COLUMN=Started At",
    )

    rules = replace(landing.rules, time_column="Started At")
    as_told = look(path, Landing(landing.folder, landing.warehouse, rules))
    assert (as_told.objection, as_told.advice, as_told.file.rows) == ("", (), {FIRST.key: 1, SECOND.key: 1})


def test_digits_of_a_uuid_that_look_like_a_time_propose_no_interval(landing: Landing, tmp_path: Path) -> None:
    uuid = "123e4567-e89b-12d3-a456-426614174000"
    chance = ["123e4567-e89b-12d3-a456-ab1000000000", "123e4567-e89b-12d3-a456-ab9000000000"]
    found = look(write(tmp_path / "a.parquet", [uuid] * 3 + chance, [1.0] * 5), landing)
    assert (found.days, found.advice, found.objection) == (None, (), "nothing would land: 0 of 5 rows")


def ids_at(*days: date) -> list[str]:
    return [f"u{n}.{int(datetime(d.year, d.month, d.day, 12, tzinfo=UTC).timestamp())}" for n, d in enumerate(days)]


def test_sessions_before_the_first_interval_propose_one_of_the_same_grid(landing: Landing, tmp_path: Path) -> None:
    days = [date(2023, 5, 10), date(2023, 6, 1), date(2024, 2, 1)]
    found = look(write(tmp_path / "a.parquet", ids_at(*days), [1.0] * 3), landing)

    assert found.quarantined == {"before the first interval": 2}
    assert found.days == (days[0], days[-1])
    assert found.objection == "little would land: 1 of 3 rows"
    assert found.advice == ("to land the sessions before 2024-01-01, set FLYWHEEL_FIRST_INTERVAL=2023-05-08",)
    earlier = replace(landing.rules, calendar=replace(CALENDAR, first_day=date(2023, 5, 8)))
    as_told = look(tmp_path / "a.parquet", Landing(landing.folder, landing.warehouse, earlier))
    assert (as_told.sessions, as_told.advice) == (3, ())


def test_the_last_interval_is_proposed_where_ten_years_do_not_hold_all(landing: Landing, tmp_path: Path) -> None:
    days = [date(2009, 5, 10), date(2024, 2, 1)]
    found = look(write(tmp_path / "a.parquet", ids_at(*days), [1.0] * 2), landing)
    assert [advice.split(" set ")[1] for advice in found.advice] == [
        "FLYWHEEL_FIRST_INTERVAL=2009-04-27",
        "FLYWHEEL_LAST_INTERVAL=2024-02-01",
    ]
    late = look(write(tmp_path / "a.parquet", ids_at(date(2035, 1, 1)), [1.0]), landing)
    assert [advice.split(" set ")[1] for advice in late.advice] == ["FLYWHEEL_LAST_INTERVAL=2035-01-01"]


def test_a_session_in_a_thousand_with_a_wrong_clock_proposes_nothing(landing: Landing, tmp_path: Path) -> None:
    days = [date(2001, 9, 10), *[FIRST.first_day] * 998, date(2100, 1, 1)]
    found = look(write(tmp_path / "a.parquet", ids_at(*days), [1.0] * 1000), landing)
    assert (found.days, found.advice) == ((days[0], days[-1]), ())
    assert found.quarantined == {"before the first interval": 1, "after the last interval": 1}


def test_a_file_without_rows_has_none(landing: Landing, tmp_path: Path) -> None:
    whole = pq.read_table(write(tmp_path / "a.parquet", [f"a.{FIRST.start_unix}"], [1.0]))
    pq.write_table(whole.slice(0, 0), tmp_path / "a.parquet")
    found = look(tmp_path / "a.parquet", landing)
    assert (found.file.rows, found.quarantined, found.file.problem) == ({}, {}, None)
    assert (found.days, found.objection) == (None, "nothing would land: the file has no rows")


def test_a_file_that_lacks_a_column_shows_those_that_it_has(landing: Landing, tmp_path: Path) -> None:
    pq.write_table(pa.table({"session_id": ["a"], "Interval": [1]}), tmp_path / "a.parquet")
    found = look(tmp_path / "a.parquet", landing)

    assert found.columns == {"session_id": "string", "Interval": "int64"}
    says = "a.parquet has no column 'user_id', 'leads' (the models need them); found: session_id, Interval"
    says += "; it also has a column 'Interval', which would collide with our 'Interval': rename it"
    assert found.file.problem == says


@pytest.mark.parametrize("content", [b"", b"not parquet"])
def test_a_file_that_is_not_parquet_has_no_columns(landing: Landing, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    found = look(tmp_path / "a.parquet", landing)

    assert found.columns == {}
    assert found.file.problem is not None
    assert found.file.problem.startswith("a.parquet is not readable as parquet: ")


def test_a_file_whose_pages_are_damaged_is_named_with_the_column(landing: Landing, tmp_path: Path) -> None:
    ids = [f"{i}.{FIRST.start_unix}" for i in range(500)]
    path = write(tmp_path / "a.parquet", ids, [i / 7 for i in range(500)])
    chunk = pq.read_metadata(path).row_group(0).column(2)
    content = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(bytes(content))
    found = look(path, landing)

    assert found.file.problem is not None
    assert found.file.problem.startswith("a.parquet is damaged in column 'leads': ")
    assert found.file.rows == {}


def test_a_link_is_looked_at_under_its_own_name(landing: Landing, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    write(tmp_path / "real" / "a.parquet", [f"a.{FIRST.start_unix}"], [1.0])
    (tmp_path / "link.parquet").symlink_to(tmp_path / "real" / "a.parquet")
    (tmp_path / "folder").symlink_to(tmp_path / "real")

    assert look(tmp_path / "link.parquet", landing).file.rows == {FIRST.key: 1}
    assert look(tmp_path / "folder" / ".." / "real" / "a.parquet", landing).file.rows == {FIRST.key: 1}


@pytest.mark.parametrize("name", ["nothing.parquet", "folder.parquet", "nowhere.parquet"])
def test_what_is_no_file_is_an_error(landing: Landing, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "nowhere.parquet").symlink_to(tmp_path / "gone")
    with pytest.raises(LandingError, match=f"there is no file at {tmp_path / name}"):
        look(tmp_path / name, landing)

"""What a dry run finds in one file; that the commands show it is in cli/test_check.py."""

from collections.abc import Sequence
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
    assert (found.file.problem, found.quarantined, found.may_repeat) == (None, {}, False)


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


def test_a_session_that_is_there_twice_is_told(landing: Landing, tmp_path: Path) -> None:
    ids = [f"a.{FIRST.start_unix}"] * 2
    assert look(write(tmp_path / "a.parquet", ids, [1.0, 2.0]), landing).may_repeat


def test_a_file_without_rows_has_none(landing: Landing, tmp_path: Path) -> None:
    whole = pq.read_table(write(tmp_path / "a.parquet", [f"a.{FIRST.start_unix}"], [1.0]))
    pq.write_table(whole.slice(0, 0), tmp_path / "a.parquet")
    found = look(tmp_path / "a.parquet", landing)
    assert (found.file.rows, found.quarantined, found.file.problem) == ({}, {}, None)


def test_a_file_that_lacks_a_column_shows_those_that_it_has(landing: Landing, tmp_path: Path) -> None:
    pq.write_table(pa.table({"session_id": ["a"], "Interval": [1]}), tmp_path / "a.parquet")
    found = look(tmp_path / "a.parquet", landing)

    assert found.columns == {"session_id": "string", "Interval": "int64"}
    says = "a.parquet has no column 'user_id', 'leads' (the models need them); found: session_id, Interval"
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

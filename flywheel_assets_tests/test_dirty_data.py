"""What lands is not always what was meant to. Each case through a real run: what is told, and that the rest goes on.

Cases that a schema or an index alone shows are in landing/test_folder.py, an interval with nothing landed in
test_assets.py."""

import errno
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flywheel_assets.cli.main import main
from flywheel_assets.errors import LandingError, SettingsError
from flywheel_assets.warehouse import file_index
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.projects import FEATURES, MODELS, Project, sessions

KEY, OTHER = "2024-01-15", "2024-01-29"
START = 1_705_395_600
"""In the interval of KEY."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A good file with a session in each of two intervals."""
    made = Project(tmp_path)
    made.land("good.parquet", sessions(("ann", "2024-01-15 10", 3), ("ann", "2024-01-29 10", 3)))
    return made


def landed_files(project: Project) -> dict[str, Any]:
    """Every landed file with its bytes and the time of its last change."""
    return {
        path.name: (path.read_bytes() if path.is_file() else None, path.lstat().st_mtime_ns)
        for path in project.settings.landing_dir.iterdir()
    }


def staging(project: Project) -> list[Path]:
    return list((project.settings.warehouse_dir / "_staging").glob("*"))


def run(project: Project, *keys: str) -> list[str]:
    """What failed of each interval; whatever happened, landed files are as they were and nothing half-made is left."""
    before = landed_files(project)
    failures = [made.failure for made in project.run(*(keys or (KEY,)))]
    assert landed_files(project) == before
    assert staging(project) == []
    return failures


def land_sessions(project: Project) -> str:
    """What failed of making landed_sessions alone."""
    before = landed_files(project)
    result = project.materialize(KEY, "landed_sessions")
    assert landed_files(project) == before
    return "" if result.success else "failed"


def landed(project: Project, key: str = KEY) -> dict[str, dict[str, Any]]:
    """The rows of landed_sessions by session."""
    rows = project.rows("landed_sessions", key)
    assert len({row["session_id"] for row in rows}) == len(rows)
    return {row["session_id"]: row for row in rows}


def users(project: Project, key: str = KEY) -> list[str]:
    return sorted(row["user_id"] for row in project.rows("landed_sessions", key))


def problems(project: Project) -> list[str]:
    with project.flywheel() as flywheel:
        return flywheel.index.problems()


def quarantined(project: Project) -> list[tuple[str, str | None]]:
    """The user and the reason of every row in quarantine."""
    files = (project.settings.warehouse_dir / "quarantine").glob("*/part-0.parquet")
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return sorted((row["user_id"] or "", row["reason"]) for row in rows)


def two(**columns: Any) -> pa.Table:
    """Sessions of bob and cy, with these columns in place of or beside what they have."""
    table = sessions(("bob", "2024-01-16 10", 3), ("cy", "2024-01-17 10", 4))
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.append_column(name, values) if place < 0 else table.set_column(place, name, values)
    return table


def row(user: str | None, session: str | None = None, **features: float) -> dict[str, Any]:
    return {"session_id": session or f"{user}.{START}", "user_id": user, **features}


def damage(path: Path, column: str) -> None:
    """Spoils the first page of a column; the footer stays good."""
    group = pq.read_metadata(path).row_group(0)
    chunk = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == column)
    spoiled = bytearray(path.read_bytes())
    start = chunk.data_page_offset
    for i in range(start, start + chunk.total_compressed_size):
        spoiled[i] = (spoiled[i] * 7 + 13) % 256
    path.write_bytes(bytes(spoiled))


@pytest.fixture
def land_damaged(project: Project) -> Callable[..., Path]:
    """Lands a file whose pages of one column are spoiled."""

    def landing(column: str, *more: dict[str, Any]) -> Path:
        rows = [row(f"u{i}", **dict.fromkeys(FEATURES, i / 7)) for i in range(500)]
        path = project.settings.landing_dir / "damaged.parquet"
        table = sessions(*rows, *more)
        pq.write_table(table.append_column("device", table["user_id"]), path, use_dictionary=False)
        damage(path, column)
        return path

    return landing


def test_files_that_cannot_be_used_are_named_with_what_to_do_and_the_others_run(project: Project) -> None:
    folder = project.settings.landing_dir
    whole = (folder / "good.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "text.parquet").write_text("session_id,user_id\n1,2\n")
    (folder / "nowhere.parquet").symlink_to(folder / "gone")
    (folder / "circle.parquet").symlink_to(folder / "circle.parquet")
    project.land("no_leads.parquet", two().drop_columns(["leads"]))
    project.land("words.parquet", two(leads=pa.array(["one", "two"])))
    project.land("ours.parquet", two(interval=pa.array([1, 2])))
    project.land("ours_too.parquet", two(Interval=pa.array([1, 2])))
    project.land("id.parquet", two(user_id=pa.array([Decimal("1"), Decimal("2")])))
    project.land("wide.parquet", two(price=pa.array([Decimal("1"), None], pa.decimal256(50, 2))))
    project.land("no_rows.parquet", two().slice(0, 0))

    assert run(project, KEY, OTHER) == ["", ""]
    assert (users(project), users(project, OTHER)) == (["ann"], ["ann"])
    told = {text.split(" ")[0]: text for text in problems(project)}
    for name in ("cut.parquet", "empty.parquet", "text.parquet"):
        assert told[name].startswith(f"{name} is not readable as parquet: ")
        assert told.pop(name).endswith("; replace or remove it")
    collides = "which would collide with our 'Interval': rename it"
    assert told == {
        "nowhere.parquet": (
            "nowhere.parquet cannot be opened: No such file or directory; make it readable, or remove it"
        ),
        "circle.parquet": (
            "circle.parquet cannot be opened: Too many levels of symbolic links; make it readable, or remove it"
        ),
        "no_leads.parquet": (
            "no_leads.parquet has no column 'leads' (the models need it); found: session_id, user_id, impressions, "
            "pageviews, detail_pageviews, favorites, shares, distinct_categories, distinct_items"
        ),
        "words.parquet": "words.parquet has string in column 'leads'; expected a number",
        "ours.parquet": f"ours.parquet has a column 'interval', {collides}",
        "ours_too.parquet": f"ours_too.parquet has a column 'Interval', {collides}",
        "id.parquet": "id.parquet has decimal128(1, 0) in column 'user_id'; expected a text or a whole number",
        "wide.parquet": "wide.parquet has decimal256(50, 2) in column 'price'; expected at most 38 digits: cast it",
    }


def test_a_file_whose_session_ids_are_damaged_is_set_aside(project: Project, land_damaged: Callable[..., Path]) -> None:
    land_damaged("session_id")

    assert run(project) == [""]
    assert users(project) == ["ann"]
    assert problems(project)[0].startswith("damaged.parquet is not readable as parquet: ")


@pytest.mark.parametrize("column", ["user_id", "leads", "device"])
def test_a_file_damaged_elsewhere_fails_its_interval_with_the_column_and_the_others_go_on(
    project: Project, land_damaged: Callable[..., Path], column: str
) -> None:
    path = land_damaged(column)
    failed, _ = run(project, KEY, OTHER)

    assert failed.startswith(f"landed_sessions: damaged.parquet is damaged in column {column!r}: ")
    assert failed.endswith(f"replace or remove it, in {path.parent}, then run the interval again")
    assert len(project.rows("enriched_export", OTHER)) == 1, "all but the transitions, which need both intervals"
    path.unlink()
    assert land_sessions(project) == ""
    assert users(project) == ["ann"]


def test_a_damaged_file_with_a_row_of_no_interval_hides_no_other(
    project: Project, land_damaged: Callable[..., Path]
) -> None:
    land_damaged("leads", row("eve", "no time"))

    assert problems(project)[0].startswith("damaged.parquet is damaged in column 'leads': ")
    assert land_sessions(project) == ""
    assert users(project) == ["ann"]


def test_text_that_is_not_utf8_is_named_with_its_column(project: Project) -> None:
    table = two(device=pa.array([b"caf\xe9", b"x"], pa.binary()))
    place = table.schema.get_field_index("device")
    latin = pa.StringArray.from_buffers(2, *table["device"].chunk(0).buffers()[1:])
    project.land("latin.parquet", table.set_column(place, "device", latin))

    assert run(project)[0].startswith("landed_sessions: latin.parquet is damaged in column 'device': ")


def test_rows_without_an_id_or_a_time_are_kept_in_quarantine_with_the_reason(project: Project) -> None:
    rows = [row("no id", " \n"), row("null", "x"), row(None, f"a.{START}"), row("\t", f"b.{START}")]
    rows[1]["session_id"] = None
    for digits in ("", "170539560", "17053956001", "1705395600123456"):
        rows.append(row(f"{len(digits)} digits", f"s.{digits}"))
    project.land("dirty.parquet", sessions(*rows, row("bob"), row("millis", f"m.{START}123")))

    assert run(project) == [""]
    assert users(project) == ["ann", "bob", "millis"]
    no_time = "session_id ends in no Unix time of 10 or 13 digits"
    assert quarantined(project) == [
        ("", "user_id is null or empty"),
        ("\t", "user_id is null or empty"),
        ("0 digits", no_time),
        ("11 digits", no_time),
        ("16 digits", "session_id ends in microseconds: set FLYWHEEL_SESSION_ID_PATTERN=([0-9]{10})[0-9]{6}[^0-9]*$"),
        ("9 digits", no_time),
        ("no id", "session_id is null or empty"),
        ("null", "session_id is null or empty"),
    ]
    assert "dirty.parquet has 6 rows of no interval" in problems(project)[0]


def test_features_that_are_no_number_to_a_model_put_their_row_in_quarantine(project: Project) -> None:
    bad = {"negative": -1.0, "nan": float("nan"), "infinite": float("inf"), "lowest": -float("inf"), "huge": 1e300}
    project.land("dirty.parquet", sessions(row("bob", leads=7.0), *(row(user, leads=x) for user, x in bad.items())))

    assert run(project) == [""]
    assert users(project) == ["ann", "bob"]
    assert quarantined(project) == [
        ("huge", "leads is not a finite 32-bit number"),
        ("infinite", "leads is not a finite 32-bit number"),
        ("lowest", "leads is not a finite 32-bit number"),
        ("nan", "leads is not a finite 32-bit number"),
        ("negative", "leads is negative"),
    ]


def test_nan_is_found_where_the_statistics_of_the_file_leave_it_out(project: Project) -> None:
    project.land("dirty.parquet", sessions(row("bob", leads=7.0), row("nan", leads=float("nan"))))

    assert run(project) == [""]
    assert users(project) == ["ann", "bob"]
    assert quarantined(project) == [("nan", "leads is not a finite 32-bit number")]


def test_of_a_session_in_two_files_and_twice_in_one_the_last_row_stays(project: Project) -> None:
    project.land("old.parquet", sessions(row("bob", leads=1), row("cy", leads=2), row("cy", leads=3)), minute=1)
    project.land("new.parquet", sessions(row("bob", leads=4)), minute=2)

    assert run(project) == [""]
    found = landed(project)
    assert [found[f"{user}.{START}"]["leads"] for user in ("bob", "cy")] == [4, 3]
    assert len(found) == 3


def test_files_of_other_columns_and_widths_are_one_table_and_no_number_changes(project: Project) -> None:
    large, small = 2**64 - 1, -(2**62) - 1
    project.land("a.parquet", two(leads=pa.array([1, 2], pa.int8()), visit=pa.array([large, 1], pa.uint64())))
    project.land(
        "b.parquet",
        sessions(row("dan"), row("eve"))
        .append_column("visit", pa.array([small, 2]))
        .append_column("b", pa.array([1, 2])),
    )

    assert run(project) == [""]
    found = {r["user_id"]: (r["leads"], r["visit"], r["b"]) for r in project.rows("enriched_export", KEY)}
    assert found == {
        "ann": (0, None, None),
        "bob": (1, str(large), None),
        "cy": (2, "1", None),
        "dan": (0, str(small), 1),
        "eve": (0, "2", 2),
    }


TYPES = {
    "dictionary": pa.array(["1", "2"]).dictionary_encode(),
    "dictionary of numbers": pa.array([1, 2]).dictionary_encode(),
    "large_string": pa.array(["1", "2"], pa.large_string()),
    "int8": pa.array([1, 2], pa.int8()),
    "uint64": pa.array([1, 2], pa.uint64()),
}


@pytest.mark.parametrize("values", TYPES.values(), ids=TYPES)
def test_an_id_of_any_type_of_text_or_whole_number_is_used_as_text(project: Project, values: pa.Array) -> None:
    times = pa.array([START, START + 1]).cast(values.type) if values.type == pa.uint64() else None
    project.land("a.parquet", two(user_id=values, **({"session_id": times} if times else {})))

    assert land_sessions(project) == ""
    assert users(project) == ["1", "2", "ann"]
    assert times is None or str(START) in landed(project)


PASSING = {
    "dictionary": pa.array(["x", None]).dictionary_encode(),
    "large_string": pa.array(["x", None], pa.large_string()),
    "decimal": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
    "int8": pa.array([-1, None], pa.int8()),
    "uint64": pa.array([2**64 - 1, None], pa.uint64()),
    "nested": pa.array([{"a": [1, 2], "b": {"c": "x"}}, None]),
}


def test_other_columns_of_any_type_pass_through_to_the_export_as_they_are(project: Project) -> None:
    project.land("a.parquet", two(**PASSING))

    assert run(project) == [""]
    exported = {found["user_id"]: found for found in project.rows("enriched_export", KEY)}
    assert {name: exported["bob"][name] for name in PASSING} == {n: v[0].as_py() for n, v in PASSING.items()}
    assert {exported["cy"][name] for name in PASSING} == {None}


def test_other_columns_whose_types_do_not_unite_become_text(project: Project) -> None:
    for day, values in enumerate([pa.array([7]), pa.array([datetime(2024, 1, 1)]), pa.array([{"a": 1}])], 16):  # noqa: DTZ001
        name = "Seen" if day == 17 else "seen"
        table = sessions((f"u{day}", f"2024-01-{day} 10", 1)).append_column(name, values)
        project.land(f"{day}.parquet", table, minute=day)

    assert land_sessions(project) == ""
    found = {r["user_id"]: r.get("seen", r.get("Seen")) for r in project.rows("landed_sessions", KEY)}
    assert found == {"ann": None, "u16": "7", "u17": "2024-01-01 00:00:00", "u18": "{'a': 1}"}


AWKWARD = ['o\'ne "quoted"', "a,b;c", "two\nlines\r\nthree", "🦊 и ё", "[red]x[/red]", "%_\\", "x" * 10_000]


def test_awkward_user_ids_come_through_to_exports_and_explanations(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.land("a.parquet", sessions(*(row(user, f"{i}.{START}", pageviews=2) for i, user in enumerate(AWKWARD))))

    assert run(project) == [""]
    for table in ("enriched_export", "user_export"):
        assert {found["user_id"] for found in project.rows(table, KEY)} == {"ann", *AWKWARD}
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    for user in AWKWARD:
        told = CliRunner().invoke(main, ["explain", user, "--interval", KEY])
        assert told.exit_code == 0, told.output
        said = "".join(told.stdout.split())
        assert said.startswith("".join(f"{user} in 2024-01-15 - 2024-01-28: 1 session".split()))


def test_a_thousand_small_files_are_indexed_at_once(project: Project) -> None:
    for i in range(1000):
        project.land(f"{i}.parquet", sessions((f"u{i}", "2024-01-16 10", 3)))
    started = time.monotonic()
    assert problems(project) == []
    seconds = time.monotonic() - started
    print(f"indexed 1,000 files in {seconds:.1f} s")
    assert seconds < 30
    assert land_sessions(project) == ""
    assert len(landed(project)) == 1001


def test_one_damaged_file_among_many_is_found_in_few_readings(
    project: Project, land_damaged: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(64):
        project.land(f"{i}.parquet", sessions((f"u{i}", "2024-01-16 10", 3)))
    land_damaged("session_id")
    readings = []
    read_landed = DuckDBEngine.read_landed
    monkeypatch.setattr(DuckDBEngine, "read_landed", lambda *a: readings.append(a) or read_landed(*a))

    assert len(problems(project)) == 1
    assert len(readings) < 20


@contextmanager
def doing(monkeypatch: pytest.MonkeyPatch, first: Callable[[], None]) -> Iterator[None]:
    """While something is done before the engine writes."""
    write = DuckDBEngine.write

    def slow(self: DuckDBEngine, *arguments: Any) -> int:
        first()
        return write(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(DuckDBEngine, "write", slow)
        yield


@pytest.mark.parametrize("content", [None, b"half a file"], ids=["by sessions", "by what cannot be read"])
def test_a_file_replaced_while_it_is_read_fails_the_run_and_the_next_is_right(
    project: Project, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    project.land("a.parquet", sessions(("bob", "2024-01-16 10", 3)))
    assert run(project) == [""]
    project.land("a.parquet", sessions(("cy", "2024-01-16 10", 3)), minute=1)
    path = project.settings.landing_dir / "a.parquet"

    def replace() -> None:
        project.land("a.parquet", sessions(("dan", "2024-01-16 10", 3), ("eve", "2024-01-16 10", 3)), minute=2)
        if content:
            path.write_bytes(content)

    with doing(monkeypatch, replace):
        (failed,) = [made.failure for made in project.run(KEY)]
    assert failed == "landed_sessions: a.parquet changed while it was read; run the interval again"
    assert users(project) == ["ann", "bob"]
    assert staging(project) == []
    if not content:
        assert run(project) == [""]
        assert users(project) == ["ann", "dan", "eve"]


def test_a_file_without_permission_is_named_and_is_used_once_it_is_given(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.land("secret.parquet", sessions(("bob", "2024-01-16 10", 3)))
    read_schema = pq.read_schema

    def refuse(path: Path) -> pa.Schema:
        if Path(path).name == "secret.parquet":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read_schema(path)

    with monkeypatch.context() as patch:
        patch.setattr(pq, "read_schema", refuse)
        told = ["secret.parquet cannot be opened: Permission denied; make it readable, or remove it"]
        assert problems(project) == told
        assert problems(project) == told, "and the next time"
        assert land_sessions(project) == ""
        assert users(project) == ["ann"]
    assert problems(project) == []
    assert land_sessions(project) == ""
    assert users(project) == ["ann", "bob"]


def test_a_landing_folder_that_may_not_be_listed_is_one_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, scandir = project.settings.landing_dir, os.scandir

    def refuse(path: Any) -> Any:
        if path == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        with pytest.raises(LandingError, match=f"{folder} cannot be listed: Permission denied; make it readable"):
            problems(project)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Real errors of the system for whoever writes more to a file, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_on_a_full_disk_the_run_says_so_and_the_old_table_stays(project: Project) -> None:
    assert run(project) == [""]
    old = project.path("landed_sessions", KEY).read_bytes()
    many = [row(f"user {i * 7919 % 10_007} of many", f"{i * 7919}.{START + i % 9973}", leads=i) for i in range(20_000)]
    project.land("many.parquet", sessions(*many))
    with room_for(50_000):
        (failed,) = run(project)

    warehouse = project.settings.warehouse_dir
    assert failed.startswith(f"landed_sessions: FLYWHEEL_WAREHOUSE_DIR is {warehouse}, where what landed could not be ")
    assert "make sure that there is space and permission to write, and run again" in failed
    assert project.path("landed_sessions", KEY).read_bytes() == old
    assert land_sessions(project) == ""
    assert len(landed(project)) == 20_001


def test_a_warehouse_that_cannot_be_written_is_one_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "x")

    monkeypatch.setattr(file_index, "store", refuse)
    said = f"FLYWHEEL_WAREHOUSE_DIR is {project.settings.warehouse_dir}, .*: Read-only file system; make sure that"
    with pytest.raises(SettingsError, match=said):
        problems(project)


def test_a_warehouse_where_none_can_be_made_is_one_error(project: Project) -> None:
    with pytest.raises(SettingsError, match="FLYWHEEL_WAREHOUSE_DIR is /proc/warehouse: "):
        problems(project.with_settings(FLYWHEEL_WAREHOUSE_DIR="/proc/warehouse"))


def test_a_landing_folder_that_is_a_link_is_read_like_any_other(project: Project) -> None:
    folder = project.settings.landing_dir
    folder.rename(project.folder / "elsewhere")
    folder.symlink_to(project.folder / "elsewhere")

    assert run(project) == [""]
    assert users(project) == ["ann"]

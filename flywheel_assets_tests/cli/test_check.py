"""`flywheel check FILE` and `columns.toml`, as somebody uses them in a folder of their own."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import Result

from flywheel_assets.flywheel import Flywheel
from flywheel_assets_tests.projects import MODELS, Project, sessions

KEY = "2024-01-15"
NOW = datetime(2024, 1, 30, tzinfo=UTC)
"""In the interval after it."""

Type = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("record_in_memory")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)
    return Project(tmp_path)


@pytest.fixture
def flywheel(project: Project, typed: Type) -> Type:
    return typed


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def words(result: Result) -> str:
    return " ".join(result.output.split())


def check(flywheel: Type, project: Project, name: str) -> Result:
    """`flywheel check` of a landed file, which writes nothing."""
    before = files(project.folder)
    result = flywheel("check", str(project.settings.landing_dir / name))
    assert files(project.folder) == before
    assert "Traceback" not in result.output
    return result


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("late.csv", "late.csv is not read: only .parquet and .pq files are. Convert to parquet"),
        ("late.parquet.gz", "late.parquet.gz is not read: it is compressed. Unpack first"),
        (os.fsdecode(b"caf\xe9.parquet"), r"caf\xe9.parquet is not read: the name is not UTF-8. Rename it"),
    ],
)
def test_a_file_that_landing_would_not_read_cannot_land(flywheel: Type, project: Project, name: str, says: str) -> None:
    project.land("a.parquet", sessions(("ann", "2024-01-15 10", 3)))
    (project.settings.landing_dir / "a.parquet").rename(project.settings.landing_dir / name)
    result = check(flywheel, project, name)
    assert result.exit_code == 1
    assert says in words(result)


def test_a_good_file_can_land(flywheel: Type, project: Project) -> None:
    project.land("a.parquet", sessions(("ann", "2024-01-15 10", 3), ("ann", "2024-01-29 10", 3)))
    result = check(flywheel, project, "a.parquet")

    assert result.exit_code == 0
    assert re.search(r"^2024-01-15 - 2024-01-28 +1$", result.stdout, re.MULTILINE)
    assert re.search(r"^2024-01-29 - 2024-02-11, open +1$", result.stdout, re.MULTILINE)
    assert "first session 2024-01-15, last session 2024-01-29" in result.stdout
    assert "can land: it has every column that is needed" in result.stdout
    assert "quarantined" not in result.stdout


DIRTY = [{"session_id": "no time", "user_id": "u"}, {"session_id": "u.1705395600", "user_id": "u", "leads": -1.0}]


def test_a_dirty_file_can_land_and_says_what_would_be_quarantined(flywheel: Type, project: Project) -> None:
    good = [("ann", "2024-01-15 10", 3), ("bob", "2024-01-15 10", 3), ("bob", "2024-01-15 10", 4)]
    project.land("a.parquet", sessions(*DIRTY, *good))
    result = check(flywheel, project, "a.parquet")

    assert result.exit_code == 0
    assert "1 repeated rows: the last row of each session would be kept" in result.stdout
    assert re.search(r"^session_id ends in no Unix time of 10 or 13 digits +1$", result.stdout, re.MULTILINE)
    assert re.search(r"^leads is negative +1$", result.stdout, re.MULTILINE)


def test_a_file_of_which_little_would_land_is_exit_1_with_what_to_set(flywheel: Type, project: Project) -> None:
    project.land("a.parquet", sessions(*DIRTY, *[("ann", f"2023-05-{day} 10", 3) for day in (10, 11)]))
    result = check(flywheel, project, "a.parquet")

    assert result.exit_code == 1
    assert "first session 2023-05-10, last session 2024-01-16" in result.stdout
    assert "to land the sessions before 2024-01-01, set FLYWHEEL_FIRST_INTERVAL=2023-05-08" in result.stdout
    assert "nothing would land: 0 of 4 rows" in result.stdout
    assert "can land" not in result.stdout


def test_sessions_with_ids_that_hold_no_time_run_by_their_time_column(
    flywheel: Type, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ["123e4567-e89b-12d3-a456-426614174000", "00000000-e89b-12d3-a456-426614174000"]
    table = sessions(*({"session_id": one, "user_id": "ann"} for one in ids))
    at = pa.array([datetime(2024, 1, 16, 10, tzinfo=UTC), datetime(2024, 1, 17, tzinfo=UTC)])
    project.land("a.parquet", table.append_column("started", at))
    refused = check(flywheel, project, "a.parquet")

    assert refused.exit_code == 1
    assert "session_id is a UUID, which holds no time: set FLYWHEEL_SESSION_TIME_COLUMN" in words(refused)
    assert "to take the start of a session from a column, set FLYWHEEL_SESSION_TIME_COLUMN=started" in words(refused)
    monkeypatch.setenv("FLYWHEEL_SESSION_TIME_COLUMN", "started")
    checked = check(flywheel, project, "a.parquet")
    assert checked.exit_code == 0
    assert re.search(r"^started +timestamp\[us, tz=UTC\] +start of the session *$", checked.stdout, re.MULTILINE)
    assert flywheel("run").exit_code == 0
    exported = project.table("enriched_export", KEY)
    assert sorted(exported["session_id"].to_pylist()) == sorted(ids)
    assert sorted(exported["timestamp_utc"].to_pylist()) == at.to_pylist()
    assert "started" in exported.column_names
    monkeypatch.delenv("FLYWHEEL_SESSION_TIME_COLUMN")
    assert "session time column was started, is unset" in words(flywheel("status"))


def test_a_file_that_cannot_land_is_exit_1_with_the_reason(flywheel: Type, project: Project) -> None:
    project.land("a.parquet", sessions(("ann", "2024-01-15 10", 3)).rename_columns({"leads": "Leads"}))
    result = check(flywheel, project, "a.parquet")

    assert result.exit_code == 1
    assert "the whole file would be set aside: a.parquet has no column 'leads'" in words(result)
    assert "(nearest: 'Leads')" in words(result)


@pytest.mark.parametrize("content", [b"", b"PAR1 not parquet PAR1"])
def test_a_file_that_cannot_be_read_is_exit_1(flywheel: Type, project: Project, content: bytes) -> None:
    (project.settings.landing_dir / "a.parquet").write_bytes(content)
    result = check(flywheel, project, "a.parquet")

    assert result.exit_code == 1
    assert "the whole file would be set aside: a.parquet is not readable as parquet: " in words(result)


def test_a_file_that_is_not_there_is_one_line(flywheel: Type, project: Project) -> None:
    result = check(flywheel, project, "gone.parquet")

    assert result.exit_code == 2
    assert result.stderr == f"error: there is no file at {project.settings.landing_dir / 'gone.parquet'}\n"


THEIRS = {"session_id": "visit", "user_id": "Member No", "leads": "enquiries"}
COLUMNS = '[columns]\nvisit = "session_id"\n"Member No" = "user_id"\nenquiries = "leads"\n'


def theirs(*rows: tuple[str, str, int]) -> pa.Table:
    return sessions(*rows).rename_columns(THEIRS)


def test_their_column_names_are_used_by_check_run_and_status_alike(flywheel: Type, project: Project) -> None:
    (project.folder / "columns.toml").write_text(COLUMNS)
    project.land("theirs.parquet", theirs(("ann", "2024-01-15 10", 3)))
    project.land("ours.parquet", sessions(("bob", "2024-01-16 10", 3)))
    checked = check(flywheel, project, "theirs.parquet")

    assert checked.exit_code == 0
    assert re.search(r"^Member No +string +user_id *$", checked.stdout, re.MULTILINE)
    assert re.search(rf"^{KEY} - 2024-01-28 +2 +yes +not run", flywheel("status").stdout, re.MULTILINE)
    assert flywheel("run").exit_code == 0
    exported = project.table("enriched_export", KEY)
    assert sorted(exported["user_id"].to_pylist()) == ["ann", "bob"]
    assert not set(THEIRS.values()) & set(exported.column_names)
    assert re.search(rf"^{KEY} - 2024-01-28 +2 +yes +done", flywheel("status").stdout, re.MULTILINE)


def test_changed_column_names_make_intervals_stale(flywheel: Type, project: Project) -> None:
    project.land("theirs.parquet", theirs(("ann", "2024-01-15 10", 3)))
    project.land("ours.parquet", sessions(("bob", "2024-01-16 10", 3)))
    assert "left out: theirs.parquet has no column 'session_id'" in words(flywheel("run"))
    (project.folder / "columns.toml").write_text(COLUMNS)

    assert "stale landed_sessions: theirs.parquet landed; column names: visit is session_id" in words(
        flywheel("status")
    )
    assert flywheel("run").exit_code == 0
    assert sorted(project.table("landed_sessions", KEY)["user_id"].to_pylist()) == ["ann", "bob"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[columns]\nvisit = "sesion_id"\n',
            "maps 'visit' to 'sesion_id', which is not one of our columns (nearest: 'ses",
        ),
        ("[columns\n", "is not TOML: "),
        ('[columns]\na = "leads"\nb = "leads"\n', "maps two columns to 'leads'; expected one"),
    ],
)
def test_a_mistake_in_the_names_is_one_line_of_every_command(
    flywheel: Type, project: Project, text: str, said: str
) -> None:
    project.land("a.parquet", sessions(("ann", "2024-01-15 10", 3)))
    (project.folder / "columns.toml").write_text(text)
    for command in (("run",), ("check", "data/landing/a.parquet"), ("status",)):
        result = flywheel(*command)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"error: {project.folder / 'columns.toml'} {said}")
        assert len(result.stderr.splitlines()) == 1

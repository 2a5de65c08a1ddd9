"""What lands in the folder of events, in whatever form, makes the same sessions; what cannot be used is kept."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import EventsError
from flywheel_assets.warehouse.file_index import FileIndex
from flywheel_assets_tests.ingest.projects import events_project, land, land_events, mapping_text, unix
from flywheel_assets_tests.projects import Project

FIRST = "2024-01-01"

EVENTS = [
    ("ann", "2024-01-02 10:00:00", "view", "a"),
    ("ann", "2024-01-02 10:20:00", "view", "b;c"),
    ("ann", "2024-01-02 11:00:00", "buy", None),
    ("ü'\"<b>.😀", "2024-01-03 10:00:00", "ask me", "a"),
]

AS_CSV = "user;time;name;item\n" + "".join(
    ";".join('"' + (value or "").replace('"', '""') + '"' for value in event) + "\n" for event in EVENTS
)
AS_JSON = "".join(json.dumps(dict(zip(("user", "time", "name", "item"), e, strict=True))) + "\n" for e in EVENTS)


def one_row(**values: Any) -> pa.Table:
    row = {"user": "ann", "time": "2024-01-02 10:00", "name": "view", "item": "a"} | values
    return pa.Table.from_pylist([row])


def index(project: Project) -> FileIndex:
    with project.flywheel() as flywheel:
        return flywheel.events.index


def sessions(project: Project) -> dict[str, dict[str, Any]]:
    assert project.materialize(FIRST, "event_sessions").success
    return {row.pop("session_id"): row for row in project.rows("event_sessions", FIRST)}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    project = events_project(tmp_path_factory.mktemp("parquet"))
    land_events(project, "events.parquet", *EVENTS)
    found = sessions(project)
    assert {(row["user_id"], row["pageviews"], row["leads"], row["distinct_items"]) for row in found.values()} == {
        ("ann", 2, 0, 2),
        ("ann", 0, 1, 0),
        ("ü'\"<b>.😀", 0, 1, 1),
    }
    return found


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("events.csv", b"\xef\xbb\xbf" + AS_CSV.encode()),
        ("events.csv.gz", gzip.compress(AS_CSV.replace(";", "\t").replace("b\tc", "b;c").encode())),
        ("events.jsonl", AS_JSON.encode()),
        ("events.json.gz", gzip.compress(AS_JSON.encode())),
    ],
)
def test_text_files_make_the_sessions_that_parquet_makes(
    name: str, content: bytes, tmp_path: Path, expected: dict[str, dict[str, Any]]
) -> None:
    project = events_project(tmp_path)
    land(project, name, content)
    found = sessions(project)

    assert found.keys() == expected.keys()
    assert {k: (r["pageviews"], r["leads"], r["events"]) for k, r in found.items()} == {
        k: (r["pageviews"], r["leads"], r["events"]) for k, r in expected.items()
    }
    again = project.materialize(FIRST, "event_sessions")
    assert again.success


def test_files_whose_columns_have_other_types_are_read_together(tmp_path: Path) -> None:
    project = events_project(tmp_path)
    instant = datetime(2024, 1, 2, 10, tzinfo=UTC)
    land(project, "a.parquet", pa.table({"user": [7], "time": [instant], "name": ["view"], "item": [5]}))
    land(
        project,
        "b.parquet",
        pa.table({"user": ["7"], "time": ["2024-01-02T10:10:00Z"], "name": ["view"], "item": ["5"]}),
    )
    land(project, "c.csv", b"item,name,user,time,more\n6,view,7,2024-01-02 10:20,x\n")
    (row,) = sessions(project).values()

    assert (row["user_id"], row["events"], row["distinct_items"]) == ("7", 3, 2)


def test_rows_that_are_no_events_are_kept_with_the_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    text = mapping_text(extra="[values]\n").replace("[features.shares]\ncount = []", '[features.shares]\nsum = "item"')
    project = events_project(tmp_path, text)
    lines = [
        "user,time,name,item",
        "ann,2024-01-02 10:00,view,1.5",
        ",2024-01-02 10:00,view,1",
        "bob,yesterday,view,1",
        "bob,,view,1",
        "bob,1970-01-02 10:00,view,1",
        "bob,2023-12-31 10:00,view,1",
        "bob,2024-01-02 10:00,view,lots",
        "bob,2024-01-02 10:00",
    ]
    land(project, "events.csv", "\n".join(lines).encode())
    (problem,) = index(project).problems()

    for reason in (
        "user, the user, is null or empty (1)",
        "time is no time: expected a timestamp (1)",
        "time is null (1)",
        "time is before 1990: expected a timestamp (1)",
        "before the first interval (1)",
        "item is no number (1)",
        "the line cannot be read (1)",
    ):
        assert reason in problem
    folder = project.settings.warehouse_dir / problem.split("kept in ")[1].split(":")[0]
    assert pq.read_table(folder / "part-0.parquet").num_rows == 7
    assert [row["shares"] for row in sessions(project).values()] == [1.5]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("other.csv", b"who,when\na,b\n", "other.csv has no column 'user', 'time', 'name', 'item'"),
        ("half.csv.gz", gzip.compress(AS_CSV.encode() * 500)[:-20], "half.csv.gz cannot be read as CSV"),
        ("half.parquet", b"PAR1 and then nothing", "half.parquet is not readable as parquet"),
        ("floats.parquet", one_row(user=1.5), "Int64"),
        ("nested.parquet", one_row(user={"id": "a"}), "as in user.id"),
        ("numbers.parquet", one_row(time=1_704_189_600), "time_unit ="),
        ("case.parquet", one_row(User="bob"), "has columns 'user', 'User', the same to an engine"),
        ("role.jsonl", b'{"user": "ann", "name": "view"}\n', "has no column 'time'"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_set_aside_and_named_and_the_rest_goes_on(
    name: str, content: bytes | pa.Table, said: str, tmp_path: Path, expected: dict[str, dict[str, Any]]
) -> None:
    project = events_project(tmp_path)
    land_events(project, "events.parquet", *EVENTS)
    land(project, name, content)
    (problem,) = index(project).problems()

    assert problem.startswith(name)
    assert said in problem
    assert sessions(project).keys() == expected.keys()


def test_json_that_lacks_a_value_in_every_row_has_none_and_a_line_that_is_no_object_is_kept(tmp_path: Path) -> None:
    project = events_project(tmp_path)
    lines = ['{"user": "ann", "time": "2024-01-02T10:00:00Z", "name": "view"}'] * 2 + ["42", "[1, 2]", "null", "{"]
    land(project, "events.jsonl", "\n".join(lines).encode())
    (row,) = sessions(project).values()
    (problem,) = index(project).problems()

    assert (row["pageviews"], row["distinct_items"], row["copies"]) == (1, 0, 1)
    assert "rows of no interval" in problem


def test_a_value_that_is_no_finite_number_makes_nothing_and_not_nothing_of_the_session(tmp_path: Path) -> None:
    text = mapping_text().replace("[features.shares]\ncount = []", '[features.shares]\nsum = "item"')
    project = events_project(tmp_path, text)
    values = pa.table(
        {
            "user": ["ann"] * 4,
            "time": [f"2024-01-02 10:0{n}" for n in range(4)],
            "name": ["view"] * 4,
            "item": [2.5, float("nan"), float("inf"), None],
        }
    )
    land(project, "events.parquet", values)
    assert [row["shares"] for row in sessions(project).values()] == [2.5]


def test_a_time_column_for_session_files_says_nothing_of_events(tmp_path: Path) -> None:
    project = events_project(tmp_path, FLYWHEEL_SESSION_TIME_COLUMN="started_at")
    land_events(project, "events.parquet", *EVENTS)
    assert project.materialize(FIRST, "event_sessions", "landed_sessions").success
    assert len(project.rows("landed_sessions", FIRST)) == 3


def test_ids_of_one_visitor_are_merged_by_the_identity_file(tmp_path: Path) -> None:
    project = events_project(tmp_path, mapping_text(options='identities = "same.csv"'))
    (tmp_path / "same.csv").write_text("user_id,same_as\ncookie,device\ndevice,ann\nann,ann\n")
    rows = [
        ("cookie", "2024-01-02 10:00", "view"),
        ("device", "2024-01-02 10:10", "view"),
        ("ann", "2024-01-02 10:20", "view"),
    ]
    land_events(project, "events.parquet", *rows)

    assert {key: row["events"] for key, row in sessions(project).items()} == {f"ann.{unix('2024-01-02 10:00')}": 3}

    (tmp_path / "same.csv").write_text("user_id,same_as\na,b\nb,a\n")
    with project.flywheel() as flywheel, pytest.raises(EventsError, match="'a' is the same as itself"):
        _ = flywheel.events


def test_landed_session_files_stand_beside_sessions_of_events(tmp_path: Path) -> None:
    from flywheel_assets_tests.projects import sessions as session_rows

    project = events_project(tmp_path)
    land_events(project, "events.parquet", *EVENTS)
    of_events = f"ann.{unix('2024-01-02 10:00')}"
    rows = session_rows(("eve", "2024-01-04 10", 3), {"session_id": of_events, "user_id": "ann", "pageviews": 9})
    project.land("sessions.parquet", rows)
    result = project.materialize(FIRST, "event_sessions", "landed_sessions")
    landed = {row["session_id"]: row for row in project.rows("landed_sessions", FIRST)}

    assert result.success
    assert len(landed) == 4
    assert landed[of_events]["pageviews"] == 9, "a landed row wins over the one that events make"
    assert {row["user_id"] for row in landed.values()} == {"ann", "eve", "ü'\"<b>.😀"}


def test_without_a_landing_folder_events_are_enough_and_without_their_own_it_is_named(tmp_path: Path) -> None:
    project = events_project(tmp_path)
    land_events(project, "events.parquet", *EVENTS)
    project.settings.landing_dir.rmdir()
    assert project.materialize(FIRST, "event_sessions", "landed_sessions").success
    assert len(project.rows("landed_sessions", FIRST)) == 3

    (project.settings.events_dir / "events.parquet").unlink()
    project.settings.events_dir.rmdir()
    with project.flywheel() as flywheel, pytest.raises(EventsError, match="there is no folder of events at"):
        _ = flywheel.events.index

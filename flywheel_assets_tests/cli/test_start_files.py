"""What `flywheel start` makes of files before any table: errors in a sentence each, and what it writes down."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.cli.start_files import begin
from flywheel_assets.errors import EventsError, FlywheelError, LandingError
from flywheel_assets.features import read_features

START = datetime(2024, 1, 3, 10, tzinfo=UTC)

Begin = Callable[..., None]


@pytest.fixture
def mine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder without models."""
    monkeypatch.delenv("FLYWHEEL_MODELS_DIR")
    return folder


@pytest.fixture
def started(mine: Path) -> Begin:
    def started(*files: Path) -> None:
        with click.Context(click.Command("start")):
            begin(files)

    return started


def written(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist([*rows]), path)
    return path


def events(count: int = 40) -> list[dict[str, Any]]:
    names = ("view", "Converted", "cart")
    return [
        {"user_id": f"u{n % 4}", "time": START + timedelta(minutes=5 * n), "event": names[n % 3]} for n in range(count)
    ]


def sessions(count: int = 100, **more: Any) -> list[dict[str, Any]]:
    at = int(START.timestamp())
    return [
        {"session_id": f"s{n}.{at + 60 * n}", "user_id": f"u{n % 9}", "pages": n % 7, "cluster": n % 3} | more
        for n in range(count)
    ]


@pytest.mark.parametrize("content", [b"", b"garbage, not parquet"])
def test_a_file_that_is_no_parquet_is_named(mine: Path, started: Begin, content: bytes) -> None:
    (mine / "x.parquet").write_bytes(content)
    with pytest.raises(EventsError, match=r"x\.parquet (is empty|cannot be read as parquet)"):
        started(mine / "x.parquet")
    assert not (mine / "events.toml").exists()


def test_a_file_that_the_mapping_does_not_fit_is_named_and_nothing_lands(mine: Path, started: Begin) -> None:
    started(written(mine / "a.parquet", events()))
    other = written(mine / "b.parquet", [{"user_id": row["user_id"], "time": row["time"]} for row in events()])
    with pytest.raises(EventsError, match=r"b\.parquet has no column 'event', which events\.toml names"):
        started(other)
    assert [path.name for path in (mine / "data" / "events").iterdir()] == ["a.parquet"]


def test_names_of_events_that_no_feature_may_have_get_others(mine: Path, started: Begin) -> None:
    started(written(mine / "a.parquet", events()))
    names = [one.name for one in read_features(mine / "features.toml") or ()]
    assert "converted_count" in names
    assert "converted" not in names


def test_columns_of_sessions_that_no_feature_may_have_pass_through(mine: Path, started: Begin) -> None:
    started(written(mine / "a.parquet", sessions()))
    assert [one.name for one in read_features(mine / "features.toml") or ()] == ["pages"]


def test_a_mapping_of_a_teams_own_gives_the_features(mine: Path, started: Begin) -> None:
    (mine / "events.toml").write_text(
        '[columns]\nuser = "user_id"\ntime = "time"\nevent = "event"\n[features.views]\ncount = "view"\n'
        '[features.kinds]\ndistinct = "event"\n[features.hour]\nstart_hour = true\n[features.spent]\nsum = "price"\n'
        '[features.top]\nmax = "price"\n[features.stay]\nduration = "minutes"\n'
    )
    started(written(mine / "a.parquet", [row | {"price": 2.5} for row in events()]))
    found = {one.name: (one.kind, one.unit) for one in read_features(mine / "features.toml") or ()}
    assert found == {
        "views": ("count", ""),
        "kinds": ("count", ""),
        "hour": ("count", ""),
        "spent": ("amount", ""),
        "top": ("amount", ""),
        "stay": ("duration", "minutes"),
    }
    assert "# sum price\n[features.spent]" in (mine / "features.toml").read_text()


def test_sessions_are_known_though_one_is_there_twice_and_beside_events(mine: Path, started: Begin) -> None:
    started(written(mine / "a.parquet", events()))
    rows = sessions()
    started(written(mine / "b.parquet", [*rows, rows[0]]))
    assert [path.name for path in (mine / "data" / "landing").iterdir()] == ["b.parquet"]


def test_events_with_a_session_id_are_events(mine: Path, started: Begin) -> None:
    rows = [row | {"session_id": f"s{n // 3}"} for n, row in enumerate(events(60))]
    started(written(mine / "a.parquet", rows))
    assert (mine / "data" / "events" / "a.parquet").is_file()


def uuids(**times: datetime | None) -> list[dict[str, Any]]:
    return [row | {"session_id": f"{n:08x}-0000-4000-8000-000000000000"} | times for n, row in enumerate(sessions(50))]


def test_sessions_whose_ids_hold_no_time_have_that_of_the_only_timestamp(mine: Path, started: Begin) -> None:
    started(written(mine / "a.parquet", uuids(began=START)))
    text = (mine / ".env").read_text()
    assert (
        "# session_id holds no time, and this column is the only timestamp\nFLYWHEEL_SESSION_TIME_COLUMN=began\n"
        in text
    )
    assert "FLYWHEEL_FIRST_INTERVAL=2024-01-01\n" in text


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"began": START, "ended": START}, "began and ended are timestamps"),
        ({}, "no column is a timestamp"),
    ],
)
def test_which_column_holds_the_time_is_asked_where_it_is_not_clear(
    mine: Path, started: Begin, times: dict[str, datetime], said: str
) -> None:
    with pytest.raises(LandingError, match=f"{said}.*FLYWHEEL_SESSION_TIME_COLUMN="):
        started(written(mine / "a.parquet", uuids(**times)))
    assert not (mine / ".env").exists()
    assert not (mine / "features.toml").exists()


def test_later_sessions_without_the_column_of_times_are_named(
    mine: Path, started: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(written(mine / "a.parquet", uuids(began=START)))
    with pytest.raises(FlywheelError, match=r"b\.parquet has no column 'began'"):
        started(written(mine / "b.parquet", uuids()))

"""`flywheel events`, as somebody with raw events uses it in a folder of their own."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result

Type = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("record_in_memory")

START = datetime(2024, 1, 3, 10, tzinfo=UTC)


@pytest.fixture
def away(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files of events are before they land."""
    return tmp_path_factory.mktemp("exports")


def rows(count: int = 40) -> list[dict[str, Any]]:
    return [
        {
            "user_id": f"u{n % 4}",
            "time": START + timedelta(minutes=5 * n),
            "event": ["view", "view", "cart", "purchase"][n // 4 % 4],
        }
        for n in range(count)
    ]


def write(folder: Path, content: Sequence[dict[str, Any]], name: str = "e.parquet") -> str:
    path = folder / name
    pq.write_table(pa.Table.from_pylist(list(content)), path)
    return str(path)


def words(result: Result) -> str:
    return " ".join(result.output.split())


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_init_writes_both_files_and_never_over_one(folder: Path, flywheel: Type, away: Path) -> None:
    path = write(away, rows())
    first = flywheel("events", "init", path)
    assert first.exit_code == 0
    assert "preset plain: user user_id, time time, event event" in first.output
    assert f"next: flywheel events check {path}" in first.output
    assert "[features.purchase]" in (folder / "events.toml").read_text()
    before = files(folder)
    second = flywheel("events", "init", path)
    assert second.exit_code == 2
    assert "events.toml is there already and stays as it is; delete it for a new one" in words(second)
    assert files(folder) == before


def test_init_defines_the_features_that_are_there_and_leaves_their_file(
    folder: Path, flywheel: Type, away: Path
) -> None:
    text = '[features.purchase]\nkind = "count"\n[features.wishes]\nkind = "count"\n'
    (folder / "features.toml").write_text(text)
    made = flywheel("events", "init", write(away, rows()))
    assert "features.toml was there and stays as it is" in words(made)
    assert (folder / "features.toml").read_text() == text
    assert re.findall(r"^\[features\.(\w+)\]\n(.*)", (folder / "events.toml").read_text(), re.MULTILINE) == [
        ("purchase", 'count = "purchase"'),
        ("wishes", "count = []"),
    ]


def test_init_of_what_is_no_event_writes_nothing(folder: Path, flywheel: Type, away: Path) -> None:
    made = flywheel("events", "init", write(away, [{"a": 1}]))
    assert made.exit_code == 2
    assert "e.parquet: no column holds when an event happened" in words(made)
    assert not [*folder.glob("*.toml")]


def test_check_shows_what_would_become_of_a_file_and_writes_nothing(folder: Path, flywheel: Type, away: Path) -> None:
    """Four users, one event of which is there twice; a bot, cut at midnight; an event from the future, one without a
    user."""
    content = rows()
    flywheel("events", "init", write(away, content, "clean.parquet"))
    bot = [{"user_id": "bot", "time": START + timedelta(minutes=20 * n), "event": "ping"} for n in range(100)]
    late = {"user_id": "u9", "time": datetime(2030, 1, 1, tzinfo=UTC), "event": "view"}
    path = write(away, [*content, content[0], *bot, late, {**content[0], "user_id": None}])
    before = files(folder)
    shown = flywheel("events", "check", path)
    assert (shown.exit_code, files(folder)) == (0, before)
    said = words(shown)
    for sentence in (
        "view 26 view",
        "cart 8 cart",
        "ping 100 no feature",
        "2024-01-01 - 2024-01-14 141",
        "user_id, the user, is null or empty 1",
        "6 users, from 2024-01-03 10:00:00 to 2030-01-01 00:00:00 (UTC)",
        "142 events in intervals, 1 of them copies that are left out, make 7 sessions",
        "1 users are active for over 24 hours without a pause",
        "1 events are later than now",
        "can land",
        "next: put it into",
    ):
        assert sentence in said, (sentence, said)


def test_check_counts_sessions_that_begin_in_one_second(folder: Path, flywheel: Type, away: Path) -> None:
    content = [{"user_id": "u", "session_id": f"s{n}", "time": START, "event": "view"} for n in range(2)]
    path = write(away, content)
    flywheel("events", "init", path)
    assert "1 sessions hold several native sessions that began in one second" in words(
        flywheel("events", "check", path)
    )


@pytest.mark.parametrize("name", ["e.csv", "e.csv.gz"])
def test_check_reads_text_files_without_keeping_them(folder: Path, flywheel: Type, away: Path, name: str) -> None:
    import gzip

    text = "user_id;time;event\n" + "".join(f"u{n % 3};2024-01-03 10:{n:02}:00;view\n" for n in range(30))
    (away / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    flywheel("events", "init", str(away / name))
    before = files(folder)
    shown = flywheel("events", "check", str(away / name))
    assert "30 events in intervals, 0 of them copies that are left out, make 3 sessions" in words(shown)
    assert (shown.exit_code, files(folder), files(away).keys()) == (0, before, {str(away / name)})


def test_check_fails_where_little_would_land(folder: Path, flywheel: Type, away: Path) -> None:
    flywheel("events", "init", write(away, rows()))
    nameless = write(
        away, [{**row, "user_id": row["user_id"] if n % 3 else None} for n, row in enumerate(rows(42))][::-1]
    )
    assert flywheel("events", "check", nameless).exit_code == 0
    early = write(away, [{**row, "time": row["time"] - timedelta(days=1000)} for row in rows()])
    shown = flywheel("events", "check", early)
    assert shown.exit_code == 1
    assert "nothing would land: 0 of 40 rows are events" in words(shown)
    assert "set FLYWHEEL_FIRST_INTERVAL=2021-03-29" in words(shown)
    other = write(away, [{"visitor": "a", "time": START}], "other.parquet")
    shown = flywheel("events", "check", other)
    assert shown.exit_code == 1
    assert "would be set aside: other.parquet has no column 'user_id'" in words(shown)


def test_check_says_when_there_is_no_mapping_or_no_file(folder: Path, flywheel: Type, away: Path) -> None:
    path = write(away, rows())
    assert "there is no " in flywheel("events", "check", path).output
    flywheel("events", "init", path)
    assert "there is no file at" in flywheel("events", "check", str(away / "none.parquet")).output


def test_check_without_a_file_says_what_another_mapping_leaves_stale(folder: Path, flywheel: Type, away: Path) -> None:
    flywheel("events", "init", write(away, rows()))
    events = folder / "data" / "events"
    events.mkdir()
    later = [{**row, "time": row["time"] + timedelta(days=14)} for row in rows()]
    write(events, [*rows(), *later])
    ran = flywheel("run")
    assert ran.exit_code == 0, ran.output
    assert "were made under the present" in flywheel("events", "check").output
    mapping = folder / "events.toml"
    mapping.write_text("# a comment changes nothing\n" + mapping.read_text())
    assert "were made under the present" in flywheel("events", "check").output
    mapping.write_text(mapping.read_text().replace('count = "cart"', 'count = ["cart", "view"]'))
    stale = words(flywheel("events", "check"))
    found = re.search(
        r"the sessions of (\d+) of (\d+) intervals were made under another mapping.* took (\d+) seconds", stale
    )
    assert found, stale
    assert found[1] == found[2] != "0"
    assert flywheel("run").exit_code == 0
    assert "were made under the present" in flywheel("events", "check").output

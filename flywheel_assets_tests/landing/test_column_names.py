"""A team's own names for our columns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.errors import SettingsError
from flywheel_assets.landing.column_names import column_names, nearest
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets_tests.frames import CALENDAR, records

OURS = ("session_id", "user_id", "leads", "shares")
FIRST = CALENDAR.number(1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "columns.toml"


def landing(folder: Path, engine: DuckDBEngine, names: Mapping[str, str]) -> Landing:
    (folder / "landing").mkdir(exist_ok=True)
    rules = LandingRules(CALENDAR, None, ("leads", "shares"), (), names)
    return Landing(folder / "landing", Warehouse(folder / "warehouse", engine), rules)


def land(landing: Landing, name: str, **columns: list[Any]) -> None:
    pq.write_table(pa.table(columns), landing.folder / name)


def read(landing: Landing, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of these columns of every file, by file and position."""
    index = landing.index()
    assert index.problems() == []
    rows = records(landing._engine, landing.read(index.of_interval(FIRST)))
    return [tuple(row[name] for name in columns) for row in sorted(rows, key=lambda row: (row["_file"], row["_row"]))]


def test_without_the_file_every_name_is_ours(path: Path) -> None:
    assert column_names(path, OURS) == {}


def test_each_of_their_names_is_one_of_ours(path: Path) -> None:
    path.write_text('[columns]\nvisit = "session_id"  # theirs = ours\n"Page Leads" = "leads"\n')

    assert column_names(path, OURS) == {"visit": "session_id", "Page Leads": "leads"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "sesion_id",
            "which is not one of our columns (nearest: 'session_id'); there are: session_id, user_id, leads, shares",
        ),
        ("Leads", "which is not one of our columns (nearest: 'leads'); there are: "),
        ("zzz", "which is not one of our columns; there are: "),
    ],
)
def test_a_typo_names_the_nearest_column(path: Path, name: str, said: str) -> None:
    path.write_text(f'[columns]\nvisit = "{name}"\n')
    with pytest.raises(SettingsError) as found:
        column_names(path, OURS)

    assert str(found.value).startswith(f"{path} maps 'visit' to '{name}', {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[columns\n", "is not TOML: "),
        (b'[columns]\nvisit = "session_id"\nvisit = "user_id"\n', "is not TOML: "),
        (b'[columns]\ncaf\xe9 = "leads"\n', "is not TOML: "),
        (b'visit = "session_id"\n', "needs one table, [columns], of lines like visit = "),
        (b"[columns]\nvisit = 1\n", "needs one table, [columns], of lines like visit = "),
        (b'[columns]\nvisit = "leads"\n[other]\n', "needs one table, [columns], of lines like visit = "),
        (b'[columns]\na = "leads"\nb = "leads"\n', "maps two columns to 'leads'; expected one"),
    ],
)
def test_a_file_that_is_not_so_written_is_an_error_that_names_it(path: Path, text: bytes, said: str) -> None:
    path.write_bytes(text)
    with pytest.raises(SettingsError) as found:
        column_names(path, OURS)

    assert str(found.value).startswith(f"{path} {said}")


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert nearest("LEADS", ["Session", "Lead"]) == " (nearest: 'Lead')"
    assert nearest("leads", ["device"]) == ""


def test_files_with_their_names_and_with_ours_are_one_table(tmp_path: Path, engine: DuckDBEngine) -> None:
    there = landing(tmp_path, engine, {"visit": "session_id", "Page Leads": "leads", "who": "user_id"})
    start = FIRST.start_unix
    land(there, "ours.parquet", session_id=[f"u.{start}"], user_id=["u"], leads=[1], shares=[1.5])
    land(there, "theirs.parquet", visit=[start + 1], who=[7], **{"Page Leads": [2.5]}, shares=[2])

    assert read(there, "session_id", "user_id", "leads", "shares") == [
        (f"u.{start}", "u", 1, 1.5),
        (f"{start + 1}", "7", 2.5, 2),
    ]
    assert not {"visit", "who", "Page Leads"} & set(there.read(there.index().of_interval(FIRST)).columns)


def test_a_name_of_ours_may_mean_another_column_to_them(tmp_path: Path, engine: DuckDBEngine) -> None:
    there = landing(tmp_path, engine, {"shares": "leads", "leads": "shares"})
    land(there, "a.parquet", session_id=[f"u.{FIRST.start_unix}"], user_id=["u"], leads=[1], shares=[2])

    assert read(there, "leads", "shares") == [(2, 1)]


def test_a_file_without_their_column_is_told_with_both_names(tmp_path: Path, engine: DuckDBEngine) -> None:
    there = landing(tmp_path, engine, {"visit": "session_id"})
    land(there, "a.parquet", Visit=[f"u.{FIRST.start_unix}"], user_id=["u"], leads=[1], shares=[2])

    assert there.index().problems() == [
        "a.parquet has no column 'session_id', which columns.toml calls 'visit' (the models need it) "
        "(nearest: 'Visit'); found: Visit, user_id, leads, shares"
    ]


def test_a_file_with_their_name_and_ours_is_set_aside(tmp_path: Path, engine: DuckDBEngine) -> None:
    there = landing(tmp_path, engine, {"clicks": "leads"})
    land(there, "a.parquet", session_id=[f"u.{FIRST.start_unix}"], user_id=["u"], leads=[1], clicks=[1], shares=[2])

    assert there.index().problems() == ["a.parquet has columns 'leads', 'clicks', the same to us: rename or drop one"]


def test_a_changed_name_has_the_files_indexed_anew(tmp_path: Path, engine: DuckDBEngine) -> None:
    plain = landing(tmp_path, engine, {})
    land(plain, "a.parquet", visit=[f"u.{FIRST.start_unix}"], user_id=["u"], leads=[1], shares=[2])
    assert plain.index().set_aside

    named = landing(tmp_path, engine, {"visit": "session_id"})
    assert named.index().rows(FIRST) == 1

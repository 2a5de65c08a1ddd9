import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.errors import LandingError
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.rows import started
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.tables.generation import digest
from flywheel_assets.users.spine import reserved_names
from flywheel_assets.warehouse.engine import FILE, PRECEDENCE, ROW, DuckDBEngine
from flywheel_assets.warehouse.file_index import FileIdentity, FileIndex, LandedFile
from flywheel_assets.warehouse.listing import FileStat
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
    path = landing.warehouse.folder / "quarantine" / f"file={digest(name)}" / "part-0.parquet"
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


def test_a_file_that_is_touched_or_copied_is_the_same_and_is_not_read_again(
    landing: Landing, land: Land, spy: SpyEngine
) -> None:
    land("old.parquet", FIRST.start_unix, "no time")
    land("new.parquet", FIRST.start_unix, modified=2)
    before = landing.index()
    spy.forget()
    (landing.folder / "old.parquet").touch()
    touched = landing.index()
    copied = shutil.copytree(landing.folder, landing.folder.with_name("copy"), copy_function=shutil.copyfile)
    shutil.rmtree(landing.folder)
    assert landing.at(copied).index().fingerprint(FIRST) == before.fingerprint(FIRST)
    assert spy.files_read == []
    assert touched.fingerprint(FIRST) == before.fingerprint(FIRST)
    assert [f.path for f in touched.of_interval(FIRST)] == ["old.parquet", "new.parquet"], "the same one wins"


def test_a_file_replaced_by_one_of_the_same_size_time_and_footer_is_another(
    landing: Landing, land: Land, spy: SpyEngine
) -> None:
    ids = [FIRST.start_unix + n for n in range(4)]
    path = land("a.parquet", *ids, leads=[0, 1, 3, 9])
    before, stat, footer = landing.index(), path.stat(), pq.read_metadata(path)
    spy.forget()
    land("a.parquet", *ids, leads=[0, 3, 1, 9])
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert pq.read_metadata(path).row_group(0).to_dict() == footer.row_group(0).to_dict()

    index = landing.index()
    assert index.fingerprint(FIRST) != before.fingerprint(FIRST)
    assert spy.files_read == ["a.parquet"]
    with pytest.raises(LandingError, match=r"a\.parquet changed while it was read"):
        landing.verify(before.files)
    path.touch()
    landing.verify(index.files)


def test_a_file_that_went_and_came_back_is_the_same(landing: Landing, land: Land, spy: SpyEngine) -> None:
    path = land("a.parquet", FIRST.start_unix)
    before, content = landing.index(), path.read_bytes()
    path.unlink()
    spy.forget()
    assert landing.index().files == ()
    path.write_bytes(content)
    assert landing.index().fingerprint(FIRST) == before.fingerprint(FIRST)
    assert spy.files_read == []


def test_a_file_that_is_young_or_left_for_later_is_still_known(landing: Landing, land: Land, spy: SpyEngine) -> None:
    path = land("a.parquet", FIRST.start_unix)
    before = landing.index()
    spy.forget()
    path.touch()
    land("b.parquet", SECOND.start_unix)
    just_now = datetime.now(UTC) - timedelta(minutes=1)
    assert landing.index(just_now).young == ("a.parquet",)
    assert landing.index(most=0).unread == ("a.parquet",)
    assert landing.index().fingerprint(FIRST) == before.fingerprint(FIRST)
    assert spy.files_read == ["b.parquet"]


def test_files_are_the_same_under_other_rules(landing: Landing, land: Land) -> None:
    path = land("a.parquet", FIRST.start_unix)
    before = landing.index()
    path.touch()
    weekly = Landing(landing.folder, landing.warehouse, replace(RULES, calendar=replace(CALENDAR, weeks=1)))
    assert weekly.index().fingerprint(FIRST) == before.fingerprint(FIRST)


def test_an_index_of_an_earlier_version_is_used_and_its_files_may_be_touched_from_then_on(
    landing: Landing, land: Land, spy: SpyEngine
) -> None:
    path = land("a.parquet", FIRST.start_unix, "no time")
    land("b.parquet", SECOND.start_unix)
    before = landing.index()
    stored = pq.read_table(landing._index_path)
    pq.write_table(stored.drop_columns(["seen_modified_ns", "seen_changed_ns", "content"]), landing._index_path)
    spy.forget()
    landing.index()
    path.touch()
    assert landing.index().fingerprint(FIRST) == before.fingerprint(FIRST)
    assert spy.files_read == []


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=10))
def test_a_file_has_another_identity_when_its_content_is_another_and_only_then(
    seen: list[tuple[str, int, int]],
) -> None:
    """``seen``: content, time of modification, and time passed since the last change. x and z are of one size."""
    file, changed = None, 0
    contents: dict[FileIdentity, str] = {}
    for content, modified, passed in seen:
        changed += passed
        before, file = file, LandedFile.seen(FileStat("a", ord(content) % 2, modified, changed), content, file)
        assert contents.setdefault(file.identity, content) == content
        if before and before.content == content:
            assert file.identity == before.identity


def test_a_file_that_nobody_may_read_for_a_while_is_the_same_afterwards(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix)
    before = landing.index()
    for changed in (1, 2):
        (landing.folder / "a.parquet").chmod(0o600 + changed)
        denied = PermissionError(13, "Permission denied")
        with patch("hashlib.file_digest", side_effect=denied), patch("pyarrow.parquet.read_schema", side_effect=denied):
            refused = landing.index()
        assert refused.set_aside == ["a.parquet cannot be opened: Permission denied; make it readable, or remove it"]
        assert refused.rows(FIRST) == 0
    assert landing.index().fingerprint(FIRST) == before.fingerprint(FIRST)


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
    again = Landing(landing.folder, landing.warehouse, rules).index()
    assert spy.files_read == ["a.parquet"] or again.set_aside


def test_other_weeks_put_sessions_into_other_intervals(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix + 8 * 86_400)
    assert list(landing.index().files[0].rows) == ["2024-01-01"]
    weekly = Landing(landing.folder, landing.warehouse, replace(RULES, calendar=replace(CALENDAR, weeks=1)))
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
    broken, cut = index.set_aside
    assert broken.startswith("broken.parquet is not readable as parquet: ")
    assert cut.startswith("cut.parquet is not readable as parquet: ")
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


def paths(landing: Landing) -> list[str]:
    return [f.path for f in landing.index().files if not f.problem]


def test_parquet_is_read_wherever_it_is_in_the_folder(landing: Landing, land: Land) -> None:
    for folder in ("late.parquet", "2024/january", "day=2024-01-03", "elsewhere/far"):
        (landing.folder / folder).mkdir(parents=True)
    (landing.folder / "elsewhere").rename(landing.folder.parent / "elsewhere")
    (landing.folder / "linked").symlink_to(landing.folder.parent / "elsewhere")
    (landing.folder.parent / "elsewhere" / "far" / "back").symlink_to(landing.folder)
    names = [
        "2024/january/a.PARQUET",
        "b.pq",
        "day=2024-01-03/part-0.parquet",
        "late.parquet/part-0000.parquet",
        "late.parquet/part-0001.parquet",
        "linked/far/c.parquet",
    ]
    for name in names:
        land(name, FIRST.start_unix)

    index = landing.index()
    assert [f.path for f in index.of_interval(FIRST)] == names
    assert landing.read(index.of_interval(FIRST)).count().execute() == len(names)
    assert landing.index() == index
    assert index.set_aside == ["linked/far/back is not read: the link leads to a folder that it is in. Remove the link"]


def test_what_is_not_read_is_named_with_the_reason(landing: Landing, land: Land) -> None:
    for name in ("late.csv", "1.json", "2.json", "3.JSON", "4.json", "5.json", "a.parquet.tmp", "b.parquet.gz", "c"):
        (landing.folder / name).write_text("rows")
    os.mkfifo(landing.folder / "pipe.parquet")
    land("good.parquet", FIRST.start_unix)
    only = "only .parquet and .pq files are. Convert to parquet, or move out of the landing folder"

    index = landing.index()
    assert index.problems() == [
        f"1.json, 2.json, 3.JSON and 2 more are not read: {only}",
        f"a.parquet.tmp is not read: {only}",
        "b.parquet.gz is not read: it is compressed. Unpack first",
        f"c is not read: {only}",
        f"late.csv is not read: {only}",
        "pipe.parquet is not read: it is not a file with content. Remove it",
    ]
    assert index.set_aside_count == 10
    assert paths(landing) == ["good.parquet"]


def test_what_is_hidden_or_marks_the_end_of_a_job_is_passed_over(landing: Landing, land: Land) -> None:
    for folder in ("late.parquet/_temporary/0", ".ipynb_checkpoints", "_delta_log"):
        (landing.folder / folder).mkdir(parents=True)
        land(f"{folder}/a.parquet", FIRST.start_unix)
    for name in (".DS_Store", "_SUCCESS", "late.parquet/_SUCCESS", "late.parquet/.part-0.parquet.crc"):
        (landing.folder / name).write_text("x")
    assert landing.index() == FileIndex(())


def test_a_parquet_file_is_read_whatever_its_name_begins_with(landing: Landing, land: Land) -> None:
    land("_late.parquet", FIRST.start_unix)
    assert paths(landing) == ["_late.parquet"]


def test_a_warehouse_inside_of_the_landing_folder_has_not_landed(landing: Landing, land: Land, spy: SpyEngine) -> None:
    land("a.parquet", FIRST.start_unix, "no time")
    inside = Landing(landing.folder, Warehouse(landing.folder / "warehouse", spy), RULES)
    inside.index()
    assert (landing.folder / "warehouse" / "quarantine").is_dir()
    assert paths(inside) == ["a.parquet"]


def test_a_sub_folder_that_cannot_be_listed_is_named_and_the_others_go_on(landing: Landing, land: Land) -> None:
    (landing.folder / "closed").mkdir()
    land("a.parquet", FIRST.start_unix)
    real = os.scandir

    def scandir(folder: Path) -> Iterator[os.DirEntry[str]]:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    with patch("os.scandir", scandir):
        assert landing.index().set_aside == [
            "closed is not read: the folder cannot be listed (Permission denied). Make it readable"
        ]
        assert paths(landing) == ["a.parquet"]


def test_a_name_that_is_not_utf_8_is_escaped_and_hides_no_other(landing: Landing, land: Land) -> None:
    land("a.parquet", FIRST.start_unix)
    whole = landing.folder / "a.parquet"
    for name in (b"caf\xe9.parquet", b"caf\xe9.csv"):
        shutil.copy(whole, landing.folder / os.fsdecode(name))
    (landing.folder / os.fsdecode(b"\xe9t\xe9")).mkdir()

    index = landing.index()
    assert [f.path for f in index.files] == ["a.parquet"]
    assert index.set_aside == [
        r"\xe9t\xe9 is not read: the name is not UTF-8. Rename it",
        r"caf\xe9.csv is not read: the name is not UTF-8. Rename it",
        r"caf\xe9.parquet is not read: the name is not UTF-8. Rename it",
    ]


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


def test_sessions_are_counted_by_interval_over_all_files(landing: Landing, land: Land) -> None:
    land("strays.parquet", "no time")
    assert landing.index().sessions() == {}
    land("a.parquet", THIRD.start_unix)
    land("b.parquet", SECOND.start_unix, THIRD.start_unix, CALENDAR.number(200).start_unix)
    assert landing.index().sessions() == {THIRD.key: 2, SECOND.key: 1, CALENDAR.number(200).key: 1}


def test_a_fingerprint_changes_only_for_intervals_that_are_touched(landing: Landing, land: Land) -> None:
    def fingerprints() -> list[str]:
        index = landing.index()
        return [index.fingerprint(i) for i in (FIRST, SECOND, THIRD)]

    land("a.parquet", FIRST.start_unix, SECOND.start_unix)
    before = fingerprints()
    land("b.parquet", SECOND.start_unix)
    come = fingerprints()
    land("b.parquet", SECOND.start_unix + 1, modified=2)
    changed = fingerprints()
    (landing.folder / "b.parquet").unlink()
    gone = fingerprints()
    assert [a == b for a, b in zip(before, come, strict=True)] == [True, False, True]
    assert [a == b for a, b in zip(come, changed, strict=True)] == [True, False, True]
    assert gone == before


def test_each_file_is_looked_at_once_whatever_the_number_of_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: Counter[str] = Counter()

    def identity(file: LandedFile) -> FileIdentity:
        looks["identity"] += 1
        return file.path, file.size, file.modified_ns

    def precedence(file: LandedFile) -> tuple[int, str]:
        looks["precedence"] += 1
        return file.modified_ns, file.path

    monkeypatch.setattr(LandedFile, "identity", property(identity))
    monkeypatch.setattr(LandedFile, "precedence", property(precedence))
    intervals = [CALENDAR.number(n) for n in range(1, 51)]
    files = tuple(LandedFile(f"{i.key}/{n}.parquet", 1, n, rows={i.key: 1}) for i in intervals for n in range(4))
    index = FileIndex(files)
    for _ in range(3):
        assert len({index.fingerprint(i) for i in intervals}) == 50
        assert [index.rows(i) for i in intervals] == [4] * 50
        assert not any(index.news(i, [(f.path, 1, f.modified_ns) for f in index.of_interval(i)]) for i in intervals)
    assert looks["precedence"] == len(files)
    assert looks["identity"] <= 6 * len(files)


def test_a_folder_that_is_not_there_is_an_error_that_says_where_it_should_be(landing: Landing, tmp_path: Path) -> None:
    landing.folder.rmdir()
    with pytest.raises(LandingError, match=r"no landing folder at .*landing: create it .* FLYWHEEL_LANDING_DIR"):
        landing.index()
    landing.folder.write_text("a file")
    with pytest.raises(LandingError, match="no landing folder"):
        landing.index()


BY_COLUMN = replace(RULES, time_column="at")


def test_a_time_column_decides_the_interval_and_the_id_does_not(landing: Landing, land: Land) -> None:
    by_column = Landing(landing.folder, landing.warehouse, BY_COLUMN)
    at = pa.array([FIRST.start, SECOND.start, None, FIRST.start], pa.timestamp("us", "UTC"))
    land("a.parquet", THIRD.start_unix, "x", "y", None, at=at)
    index = by_column.index()

    assert index.files[0].rows == {FIRST.key: 2, SECOND.key: 1, None: 1}
    assert [(row["session_id"], row["reason"]) for row in quarantined(landing, "a.parquet")] == [
        ("y", "at is null or holds no time")
    ]
    assert list(by_column.empty(index).columns)[:4] == ["session_id", "user_id", "leads", "at"]


def test_without_files_the_empty_table_has_the_time_column(landing: Landing) -> None:
    by_column = Landing(landing.folder, landing.warehouse, BY_COLUMN)
    assert records(landing._engine, started(by_column.empty(by_column.index()), None, "at")) == []


def test_a_file_without_the_time_column_or_with_one_that_holds_no_time_is_set_aside(
    landing: Landing, land: Land
) -> None:
    by_column = Landing(landing.folder, landing.warehouse, BY_COLUMN)
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

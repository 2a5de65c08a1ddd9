"""SparkEngine keeps the contract that DuckDBEngine keeps, and both give the same rows for every domain expression."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.conversion import conversion_dataset
from flywheel_assets.engagement.engagement_history import by_interval, engagement_history
from flywheel_assets.errors import EngineError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.growth_accounting import resurrected
from flywheel_assets.ingest.proposal import propose
from flywheel_assets.intent import experiment_assignment, intent_outcomes, ranked_users, user_days, user_features
from flywheel_assets.intent.arm_balance import feature_means
from flywheel_assets.intent.experiment_cohorts import followed
from flywheel_assets.intervals import utc_offsets
from flywheel_assets.landing import landed_sessions
from flywheel_assets.landing import rows as landed_rows
from flywheel_assets.landing.folder import Landing
from flywheel_assets.landing.rules import LandingRules
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.scorer import Scorer, open_scorer
from flywheel_assets.sessions import session_predictions, trimmed_sessions
from flywheel_assets.sessions.label_review import sessions_to_review
from flywheel_assets.tables.changes import changes, moves
from flywheel_assets.users import enriched_export, label_transitions, user_labels
from flywheel_assets.users import user_distributions as distributions
from flywheel_assets.warehouse.engine import (
    BATCH_ROWS,
    FILE,
    PRECEDENCE,
    ROW,
    DuckDBEngine,
    Engine,
    footer,
    parquet_schema,
)
from flywheel_assets.warehouse.spark import SparkEngine
from flywheel_assets.warehouse.warehouse import Warehouse
from flywheel_assets_tests.conversion.projects import conversion_project
from flywheel_assets_tests.conversion.test_conversion_dataset import EVENTS as CONVERSION_EVENTS
from flywheel_assets_tests.engagement.computed import by_expressions
from flywheel_assets_tests.engagement.test_interaction_features import drawn
from flywheel_assets_tests.frames import CALENDAR, SECOND
from flywheel_assets_tests.ingest import ga4
from flywheel_assets_tests.ingest.projects import land_events
from flywheel_assets_tests.ingest.proposed import cut
from flywheel_assets_tests.intent.experiment_projects import KEYS, project_in, run
from flywheel_assets_tests.projects import MODELS, Project

MARCH = CALENDAR.key("2024-03-25")
"""The clocks of Berlin go forward in it, on 31 March at 01:00 UTC."""

wall_clock = datetime.fromisoformat

EVERY_TYPE = pa.table(
    {
        "word": ["a", None, "ü"],
        "int32": pa.array([1, None, 3], pa.int32()),
        "int64": pa.array([2**40, None, -1], pa.int64()),
        "float32": pa.array([0.1, None, -0.0], pa.float32()),
        "float64": pa.array([0.1, None, float("inf")], pa.float64()),
        "flag": [True, None, False],
        "day": pa.array([date(2024, 1, 1), None, date(1969, 1, 1)], pa.date32()),
        "price": pa.array([Decimal("1.25"), None, Decimal("-3.00")], pa.decimal128(10, 2)),
        "at": pa.array([datetime(2024, 1, 1, 12, 0, 0, 7, UTC), None, datetime(1969, 1, 1, tzinfo=UTC)]),
        "wall": pa.array([wall_clock("2024-03-31 02:30"), None, wall_clock("1969-01-01")], pa.timestamp("us")),
    }
)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkEngine]:
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if not os.environ.get("JAVA_HOME") and not shutil.which("java"):
        pytest.skip("there is no Java")
    engine = SparkEngine("1GB", 2)
    yield engine
    engine.close()


@pytest.fixture(params=["duckdb", "spark"])
def either(request: pytest.FixtureRequest) -> Engine:
    """Each of the engines in turn."""
    return request.getfixturevalue("engine" if request.param == "duckdb" else "spark")


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return open_scorer(ModelBundle.open(MODELS), "session", MODELS)


def written(path: Path, table: pa.Table | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), path)
    return path


def rows(engine: Engine, expression: ir.Table) -> list[dict[str, Any]]:
    """The rows in an order of their own. ``repr`` tells NaN, -0.0 and int from what they equal or don't."""
    return sorted(engine.collect(expression).to_pylist(), key=repr)


# The contract, kept by both


def test_every_type_is_written_and_read_as_it_is_with_its_metadata(either: Engine, tmp_path: Path) -> None:
    source, copy = written(tmp_path / "source.parquet", EVERY_TYPE), tmp_path / "it's a copy.parquet"
    notes = {"flywheel.ledger": '{"ü": "it\'s \\"quoted\\""}', "it's": "'; DROP TABLE x; --"}

    assert either.write(either.read([source]), copy, notes) == 3
    assert footer(copy) == (3, notes)
    assert parquet_schema(copy) == {f.name: str(f.type) for f in EVERY_TYPE.schema}
    assert sorted(pq.ParquetFile(copy).read().to_pylist(), key=repr) == sorted(EVERY_TYPE.to_pylist(), key=repr)
    assert {path.name for path in tmp_path.iterdir()} == {"source.parquet", "it's a copy.parquet"}
    read = either.read([copy])
    assert read.schema()["at"].timezone == "UTC"
    assert read.schema()["wall"].timezone is None
    assert repr(rows(either, read)) == repr(sorted(EVERY_TYPE.to_pylist(), key=repr))


def test_an_empty_result_has_its_types_and_metadata(either: Engine, tmp_path: Path) -> None:
    schema = {"n": "int32", "f": "float32", "at": "timestamp('UTC')", "wall": "timestamp", "word": "string"}
    path = tmp_path / "empty.parquet"

    assert either.write(either.empty(schema), path, {"k": "v"}) == 0
    assert footer(path) == (0, {"k": "v"})
    assert list(parquet_schema(path).values()) == ["int32", "float", "timestamp[us, tz=UTC]", "timestamp[us]", "string"]
    assert either.collect(either.read([path])).num_rows == 0


def test_an_order_is_kept_in_the_file(either: Engine, tmp_path: Path) -> None:
    numbers = [int(n) for n in np.random.default_rng(1).permutation(1000)]
    table = either.read([written(tmp_path / "numbers.parquet", {"n": numbers})])

    either.write(table.order_by("n"), tmp_path / "ordered.parquet", {})
    assert pq.read_table(tmp_path / "ordered.parquet")["n"].to_pylist() == list(range(1000))


def test_folders_that_look_like_partitions_add_no_column(either: Engine, tmp_path: Path) -> None:
    days = ["2024-01-01", "2024-01-15"]
    paths = [written(tmp_path / f"interval_start={day}" / "part-0.parquet", {"n": [1]}) for day in days]

    assert either.read(paths[:1]).columns == ("n",)
    assert either.read(paths).columns == ("n",)
    assert set(either.read_landed(paths).columns) == {"n", FILE, ROW, PRECEDENCE}


def test_landed_files_unite_by_name_with_file_place_and_precedence(either: Engine, tmp_path: Path) -> None:
    first = written(
        tmp_path / "b.parquet", {"id": ["s1", "s2"], "n": pa.array([1, 2], pa.int8()), "device": ["a", "b"]}
    )
    second = written(tmp_path / "a.parquet", {"n": pa.array([2**40], pa.int64()), "id": ["s3"], "score": [0.5]})
    third = written(tmp_path / "c.parquet", {"id": ["s4"], "n": pa.array([3], pa.int8()), "device": ["c"]})

    none = {"device": None, "score": None}
    found = either.collect(either.read_landed([first, second, third]).order_by("id"))
    assert found.to_pylist() == [
        {"id": "s1", "n": 1, **none, "device": "a", ROW: 0, FILE: str(first), PRECEDENCE: 0},
        {"id": "s2", "n": 2, **none, "device": "b", ROW: 1, FILE: str(first), PRECEDENCE: 0},
        {"id": "s3", "n": 2**40, **none, "score": 0.5, ROW: 0, FILE: str(second), PRECEDENCE: 1},
        {"id": "s4", "n": 3, **none, "device": "c", ROW: 0, FILE: str(third), PRECEDENCE: 2},
    ]
    assert found.column_names == ["id", "n", "device", "score", FILE, ROW, PRECEDENCE]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (pa.array([1], pa.int32()), pa.array([0.5]), [1.0, 0.5]),
        (pa.array([1]), pa.array(["x"]), ["1", "x"]),
        (pa.array([True]), pa.array(["x"]), ["true", "x"]),
        (pa.array([None], pa.null()), pa.array(["x"]), [None, "x"]),
        (pa.array(["x"]).dictionary_encode(), pa.array(["y"], pa.large_string()), ["x", "y"]),
        (
            pa.array([date(2024, 1, 2)]),
            pa.array([wall_clock("2024-01-01 07:00")]),
            [wall_clock("2024-01-02"), wall_clock("2024-01-01 07:00")],
        ),
    ],
)
def test_a_column_of_two_types_becomes_one_that_holds_both(
    either: Engine, tmp_path: Path, first: pa.Array, second: pa.Array, expected: list[Any]
) -> None:
    paths = [written(tmp_path / f"{i}.parquet", {"x": x}) for i, x in enumerate([first, second])]

    found = either.collect(either.read_landed(paths).order_by(PRECEDENCE))
    assert found["x"].to_pylist() == expected


def test_names_that_differ_in_case_are_one_column(either: Engine, tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.parquet", {name: [name]}) for name in ("Device", "device")]

    found = either.collect(either.read_landed(paths).order_by(PRECEDENCE))
    assert found["Device"].to_pylist() == ["Device", "device"]
    assert "device" not in found.column_names


def test_a_file_is_read_by_its_name_whatever_that_is(either: Engine, tmp_path: Path) -> None:
    names = ["s1", "s[1]", "s?", "s*", "a b+c%20ü", "x{a,b}", "it's", "a#b", "a=b"]
    names += ["late.parquet/part-0000", "day=2024-01-03/part-0"]
    paths = [written(tmp_path / f"{name}.parquet", {"id": [name]}) for name in names]

    assert rows(either, either.read(paths[1:2])) == [{"id": "s[1]"}]
    found = either.collect(either.read_landed(paths[1:]).order_by(PRECEDENCE)).to_pylist()
    assert [(row["id"], row[FILE]) for row in found] == list(zip(names[1:], map(str, paths[1:]), strict=True))


def test_a_result_is_scored_in_batches_and_written_with_its_metadata(
    either: Engine, scorer: Scorer, tmp_path: Path
) -> None:
    count = 2 * BATCH_ROWS + 1
    counts = np.floor(np.random.default_rng(1).lognormal(1, 1, (count, len(scorer.features))))
    table = pa.table({"id": range(count), **dict(zip(scorer.features, counts.T, strict=True))})
    source, path = written(tmp_path / "source.parquet", table), tmp_path / "scored.parquet"

    made = either.write_mapped(
        either.read([source]),
        lambda batch: scorer.labelled(batch, "label", "version"),
        lambda schema: scorer.schema(schema, "label", "version"),
        path,
        {"k": "it's"},
    )
    assert (made, footer(path)[0], footer(path)[1]["k"]) == (count, count, "it's")
    found = pq.read_table(path).sort_by("id")
    expected = scorer.labelled(table.combine_chunks().to_batches()[0], "label", "version")
    assert found.schema.remove_metadata() == expected.schema
    assert found["label"].to_pylist() == expected["label"].to_pylist()
    for name in expected.schema.names[-len(scorer.labels) - 1 : -1]:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_a_mapped_result_without_rows_has_the_functions_columns(either: Engine, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    label = pa.field("label", pa.string())
    made = either.write_mapped(either.empty({"n": "int64"}), lambda b: b, lambda s: s.append(label), path, {})
    assert (made, parquet_schema(path)) == (0, {"n": "int64", "label": "string"})


def test_what_the_function_raises_is_heard_and_the_engine_goes_on(either: Engine, tmp_path: Path) -> None:
    def function(batch: pa.RecordBatch) -> pa.RecordBatch:
        raise RuntimeError("no model")

    table = either.read([written(tmp_path / "a.parquet", {"n": [1]})])
    with pytest.raises(Exception, match="no model"):
        either.write_mapped(table, function, lambda schema: schema, tmp_path / "out.parquet", {})
    assert rows(either, table) == [{"n": 1}]
    assert not (tmp_path / "out.parquet.parts").exists()


# Of Spark alone


def test_timestamps_in_nanoseconds_become_microseconds(spark: SparkEngine, tmp_path: Path) -> None:
    values = pa.array([1705276800_123456789, -1, None], pa.int64())
    stamps = {"at": values.cast(pa.timestamp("ns", "Asia/Tokyo")), "wall": values.cast(pa.timestamp("ns"))}
    path = written(tmp_path / "a.parquet", stamps)

    for table in (spark.read([path]), spark.read_landed([path]).order_by(ROW)):
        found = spark.collect(table)
        assert [str(found.schema.field(name).type) for name in stamps] == ["timestamp[us, tz=UTC]", "timestamp[us]"]
        for name in stamps:
            assert found[name].cast(pa.int64()).to_pylist() == [1705276800_123456, -1, None]


def test_a_path_through_a_parent_folder_keeps_its_rows_and_its_name(spark: SparkEngine, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = written(tmp_path / "folder" / ".." / "a.parquet", {"n": [1]})
    assert rows(spark, spark.read_landed([path])) == [{"n": 1, ROW: 0, FILE: str(path), PRECEDENCE: 0}]


@pytest.mark.parametrize("name", ["_a.parquet", ".a.parquet", "a:b.parquet"])
def test_a_file_that_spark_would_pass_over_is_refused(spark: SparkEngine, tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, {"n": [1]})
    with pytest.raises(EngineError, match=r"Spark cannot read .*: it skips .*; rename it"):
        spark.read_landed([path])


def test_a_type_that_spark_does_not_have_is_an_error_that_names_file_and_type(
    spark: SparkEngine, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.parquet", {"t": pa.array([1], pa.time32("ms"))})
    with pytest.raises(EngineError, match=r"a\.parquet: .*TIME\(MILLIS.*Leave that column out, or set FLYWHEEL_ENGINE"):
        spark.read_landed([path])


def test_engines_of_a_process_share_spark_and_closing_one_leaves_the_others(spark: SparkEngine, tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"n": [1]})
    other = SparkEngine("1GB", 2)
    assert rows(other, other.read([path])) == [{"n": 1}]
    other.close()
    assert rows(spark, spark.read([path])) == [{"n": 1}]


def test_files_of_many_schemas_are_one_scan_a_schema(spark: SparkEngine, tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{i}.parquet", {"id": [i], f"extra_{i % 2}": ["x"]}) for i in range(40)]
    table = spark.read_landed(paths)

    plan = spark._frame(table)._jdf.queryExecution().executedPlan().toString()
    assert plan.count("FileScan parquet") == 2
    assert [row["id"] for row in spark.collect(table.order_by(PRECEDENCE)).to_pylist()] == list(range(40))


def test_without_java_or_pyspark_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("flywheel_assets.warehouse.spark.shutil.which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(EngineError, match=r"pyspark is not installed: pip install 'flywheel-assets\[spark\]'"):
        SparkEngine("1GB", 1)
    monkeypatch.undo()

    pytest.importorskip("pyspark")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("flywheel_assets.warehouse.spark.shutil.which", lambda name: None)
    with pytest.raises(EngineError, match="there is no Java: install a Java runtime, 17 or later, or set JAVA_HOME"):
        SparkEngine("1GB", 1)


# Both engines agree


Table = Callable[[Engine], ir.Table]
Figures = Callable[[ir.Table], dict[str, ir.Scalar]]
Agree = Callable[[Table], list[dict[str, Any]]]


@pytest.fixture
def agree(engine: DuckDBEngine, spark: SparkEngine) -> Agree:
    """Makes an expression on both engines, holds their rows and types to be the same, and returns the rows."""

    def compare(make: Table) -> list[dict[str, Any]]:
        on_duckdb, on_spark = (one.collect(make(one)) for one in (engine, spark))
        assert on_spark.schema == on_duckdb.schema
        expected, found = (sorted(map(repr, table.to_pylist())) for table in (on_duckdb, on_spark))
        assert found == expected
        return on_duckdb.to_pylist()

    return compare


LABELS = ("Low Quality", "High Quality")
USER_LABELS = ("Passive", "Engaged")


def session_ids(random: np.random.Generator, count: int, first: int, last: int) -> list[str | None]:
    """Ids of a few users: starts in seconds and milliseconds, at the end and not, none at all, and no id."""
    forms = ["u{}.{}", "u{}.{}000", "u{}.{}.web", "u{}.{}\n", "u{}-{}12", "u{}", "{}{}", "Ü{}.{}999 ", "{}.{}0", None]
    starts = random.integers(first, last, count)
    chosen = zip(random.choice(forms, count), starts, strict=True)
    ids = [form and form.format(random.integers(9), start) for form, start in chosen]
    return [*ids, "", "1705276800", "u.1705276800123"]


def landing(folder: Path) -> list[Path]:
    """Three files of different columns, with whatever may land."""
    random = np.random.default_rng(1)
    paths = []
    for number, dtype in enumerate([pa.int16(), pa.float64(), pa.uint64()]):
        ids = session_ids(random, 200, SECOND.start_unix - 86400, SECOND.end_unix + 86400)
        ids += [*ids[:20], *(f"twice.{SECOND.start_unix + n}" for n in range(20))]
        users = [random.choice(["u1", "u2", "ü", "", " \t ", "\n"]) for _ in ids]
        leads = random.integers(-1 if number < 2 else 0, 4, len(ids))
        scores = random.choice([0.0, -0.0, -1.5, 2.5, np.nan, np.inf, -np.inf, 1e300], len(ids))
        columns = {
            "session_id": ids,
            "user_id": pa.array([None if u == "u2" and i % 7 == 0 else u for i, u in enumerate(users)]),
            "leads": pa.array([None if i % 31 == 0 else n for i, n in enumerate(leads)], dtype),
            "score": pa.array([None if i % 37 == 0 else n for i, n in enumerate(scores)], pa.float64()),
            **({"device": [f"d{i}" for i in range(len(ids))]} if number else {"rank": range(len(ids))}),
        }
        paths.append(written(folder / f"{number}.parquet", columns))
    return paths


@pytest.mark.parametrize("pattern", [None, "^([0-9]+)", r"\.(.+)$", r"u(?:[0-9])\.([0-9]*)"])
def test_on_when_sessions_started(agree: Agree, tmp_path: Path, pattern: str | None) -> None:
    ids = session_ids(np.random.default_rng(1), 300, 0, 2**31)
    if pattern:  # where an id ends in a newline, $ is before it for Spark and not for DuckDB
        ids = [id_ and id_.rstrip("\n") for id_ in ids]
    path = written(tmp_path / "a.parquet", {"session_id": ids})

    def starts(engine: Engine) -> ir.Table:
        table = engine.read([path])
        return table.mutate(start=landed_rows.session_start(table.session_id, pattern))

    assert any(row["start"] is not None for row in agree(starts))


def test_on_the_instants_of_a_time_column_of_any_type(agree: Agree, tmp_path: Path) -> None:
    moments = [wall_clock("2024-01-15 10:00:59.999999"), wall_clock("1969-12-31 23:59:59"), None]
    numbers = [1705312859, 1705312859999, 1705312859999999, 1705312859999999999, 999_999_999, -1, 0, None]
    texts = ["2024-01-15T10:00:59.999Z", "2024-01-15 12:00+02:00", " 1705312859999 ", "1705312859\n", "2024-01-15", "x"]
    texts += ["2024-02-30 10:00:00", "2024-01-15 10:00:00.123456789+00", "17053128590", "2024-01-15 24:00", "", None]
    columns = {
        **{unit: pa.array(moments).cast(pa.timestamp(unit), safe=False) for unit in ("s", "ms", "us", "ns")},
        "zoned": pa.array(moments, pa.timestamp("us", "America/New_York")),
        "int32": pa.array([1705312859, 7, None], pa.int32()),
        "int64": numbers,
        "uint64": pa.array([n if n is None or n >= 0 else None for n in numbers[:3]], pa.uint64()),
        "float": [1705312859.999, 1705312859999.5, float("nan"), float("inf"), 1e300, -1.0, None],
        "decimal": pa.array([Decimal("1705312859.99"), Decimal("1.00"), None], pa.decimal128(20, 2)),
        "text": texts,
    }
    for name, values in columns.items():
        path = written(tmp_path / f"{name}.parquet", {"at": values})

        def starts(engine: Engine, path: Path = path) -> ir.Table:
            table = engine.read([path])
            return table.select(start=landed_rows.instant(table["at"]))

        assert 1705312859 in {row["start"] for row in agree(starts)}, name


def test_time_columns_of_several_types_are_one(either: Engine, tmp_path: Path) -> None:
    columns = [
        pa.array([SECOND.start], pa.timestamp("ms")),
        pa.array([SECOND.start], pa.timestamp("us", "UTC")),
        pa.array([SECOND.start_unix * 1000]),
        pa.array([SECOND.start.isoformat()]),
    ]
    for n, at in enumerate(columns):
        written(
            tmp_path / "landing" / f"{n}.parquet", {"session_id": [str(n)], "user_id": ["u"], "leads": [1], "at": at}
        )
    rules = LandingRules(CALENDAR, None, ("leads",), (), time_column="at")
    landing = Landing(tmp_path / "landing", Warehouse(tmp_path / "warehouse", either), rules)
    index = landing.index()

    assert index.problems() == []
    read = landed_rows.started(landing.read(index.of_interval(SECOND)), None, "at")
    assert [row["timestamp_unix"] for row in rows(either, read)] == [SECOND.start_unix] * 4


def test_on_why_a_row_belongs_to_no_interval(agree: Agree, tmp_path: Path) -> None:
    ids = session_ids(np.random.default_rng(2), 300, 0, 2**31)
    ids += ["123e4567-e89b-12d3-a456-426614174000", "u.2024-01-15T10:00:00", "u.1705312859999999", "\t"]
    path = written(tmp_path / "a.parquet", {"session_id": ids})

    def strays(engine: Engine) -> ir.Table:
        return landed_rows.strays(engine.read([path]), CALENDAR, None, None)

    assert len({row["reason"] for row in agree(strays)}) == 7


def test_on_which_rows_are_valid_and_which_row_of_a_session_stays(agree: Agree, tmp_path: Path) -> None:
    paths = landing(tmp_path)
    features = ("leads", "score")

    def split(engine: Engine) -> tuple[ir.Table, ir.Table]:
        rows = landed_rows.canonical(engine.read_landed(paths), features)
        found = landed_rows.of_interval(landed_rows.started(rows, None, None), SECOND)
        minimums = dict.fromkeys(features, 0.0)
        return landed_rows.valid_rows(found, minimums), landed_rows.invalid_rows(found, minimums)

    def landed(engine: Engine) -> ir.Table:
        return landed_sessions.landed_sessions(landed_sessions.one_row_a_session(split(engine)[0]), features)

    reasons = {row["reason"] for row in agree(lambda engine: split(engine)[1])}
    assert reasons >= {
        "score is not a finite 32-bit number",
        "score is null",
        "leads is null",
        "user_id is null or empty",
    }
    assert len(agree(lambda engine: split(engine)[0])) > len(agree(landed))


def test_on_thresholds_the_ledger_and_what_is_trimmed(agree: Agree, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    count = 3000
    columns = {
        "user_id": [f"u{n}" for n in random.integers(0, 800, count)],
        "views": np.floor(random.lognormal(2, 1.5, count)).astype("int64"),
        "seconds": random.lognormal(3, 1, count),
        "leads": (np.arange(count) < 3).astype("int64"),
        "share": np.minimum(random.random(count), 0.58),
    }
    path = written(tmp_path / "a.parquet", columns)
    features, quantile = ("views", "seconds", "leads", "share"), Decimal("0.999")

    (figures,) = agree(lambda one: trimmed_sessions.threshold_aggregates(one.read([path]), features, quantile, count))
    limits = trimmed_sessions.thresholds(figures, features, quantile, count)
    assert [limit.guarded for limit in limits] == [False, False, True, False]
    assert limits[3].threshold == 0.58
    (ledger,) = agree(lambda one: trimmed_sessions.ledger_aggregates(one.read([path]), limits))
    assert ledger["sessions_removed"] > 0
    kept = agree(lambda one: trimmed_sessions.trimmed_sessions(one.read([path]), limits))
    assert len(kept) == count - ledger["sessions_removed"]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """session_predictions of an interval, user_labels of it and of the one before; some users are in one alone."""
    random = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("labelled")
    count = 400
    unix = random.integers(MARCH.start_unix, MARCH.end_unix, count)
    unix[:4] = [MARCH.start_unix, MARCH.end_unix - 1, 1711846799, 1711846800]
    low = random.random(count).astype("float32")
    predictions = {
        "session_id": [f"s{i}.{n}" for i, n in enumerate(unix)],
        "user_id": [f"u{n}" for n in random.integers(0, 60, count)],
        "leads": random.integers(0, 5, count),
        "timestamp_unix": unix,
        "timestamp_utc": pa.array(unix, pa.timestamp("s", "UTC")).cast(pa.timestamp("us", "UTC")),
        "session_quality_label": random.choice(LABELS, count),
        "probability_low_quality": low,
        "probability_high_quality": np.where(random.random(count) < 0.1, np.nan, 1 - low).astype("float32"),
        "session_model_version": ["v1"] * count,
    }
    paths = {"predictions": written(folder / "predictions.parquet", predictions)}
    for name, users in (("now", range(60)), ("before", range(30, 90))):
        passive = random.random(len(users)).astype("float32")
        table = {
            "user_id": [f"u{n}" for n in users],
            "sessions": pa.array([1] * len(users), pa.int32()),
            "user_flywheel_label": random.choice(USER_LABELS, len(users)),
            "probability_passive": passive,
            "probability_engaged": 1 - passive,
            "user_model_version": ["v2"] * len(users),
        }
        paths[name] = written(folder / f"{name}.parquet", table)
    return paths


@pytest.mark.parametrize("timezone", ["America/Phoenix", "Europe/Berlin", "Asia/Kathmandu"])
def test_on_the_export_and_its_clock(agree: Agree, labelled: dict[str, Path], timezone: str) -> None:
    def export(engine: Engine) -> ir.Table:
        predictions, users = engine.read([labelled["predictions"]]), engine.read([labelled["now"]])
        return enriched_export.enriched_export(predictions, users, MARCH, LABELS, USER_LABELS, timezone)

    walls = {row["timestamp_unix"]: row["timestamp_mst"] for row in agree(export)}
    if timezone == "Europe/Berlin":
        assert walls[1711846799] == wall_clock("2024-03-31 01:59:59")
        assert walls[1711846800] == wall_clock("2024-03-31 03:00")


def test_on_the_types_of_the_export_in_its_file(
    engine: DuckDBEngine, spark: SparkEngine, labelled: dict[str, Path], tmp_path: Path
) -> None:
    for one, name in ((engine, "duckdb"), (spark, "spark")):
        predictions, users = one.read([labelled["predictions"]]), one.read([labelled["now"]])
        export = enriched_export.enriched_export(predictions, users, MARCH, LABELS, USER_LABELS, "Europe/Berlin")
        one.write(export, tmp_path / name, {})
    found = parquet_schema(tmp_path / "spark")
    assert found == parquet_schema(tmp_path / "duckdb")
    assert (found["timestamp_utc"], found["timestamp_mst"]) == ("timestamp[us, tz=UTC]", "timestamp[us]")


def test_on_the_mix_of_each_user(agree: Agree, labelled: dict[str, Path]) -> None:
    def mixes(engine: Engine) -> ir.Table:
        return distributions.user_distributions(engine.read([labelled["predictions"]]), LABELS)

    assert len(agree(mixes)) > 50


@pytest.mark.parametrize("ages", [0, 1])
def test_on_histories_of_users_and_the_chances_of_their_labels(
    agree: Agree, labelled: dict[str, Path], ages: int
) -> None:
    def histories(engine: Engine) -> ir.Table:
        predictions = engine.read([labelled["predictions"]])
        users = [engine.read([labelled[name]]) for name in ("now", "before")]
        labels = dict(enumerate(users[: ages + 1]))
        mixes = {
            age: distributions.user_distributions(predictions, LABELS).semi_join(rows, "user_id")
            for age, rows in labels.items()
        }
        return engagement_history(by_interval(labels, mixes, LABELS), ages, LABELS, USER_LABELS)

    assert len(agree(histories)) == (90 if ages else 60)


@pytest.mark.parametrize("before", ["before", None])
def test_on_label_transitions(agree: Agree, labelled: dict[str, Path], before: str | None) -> None:
    def transitions(engine: Engine) -> ir.Table:
        earlier = engine.read([labelled[before]]) if before else None
        return label_transitions.label_transitions(engine.read([labelled["now"]]), earlier, MARCH)

    assert sum(row["User_Count"] for row in agree(transitions)) == (90 if before else 60)


@pytest.mark.parametrize("earlier", [(), ("before",), ("before", "predictions")])
def test_on_users_who_came_back(agree: Agree, labelled: dict[str, Path], earlier: tuple[str, ...]) -> None:
    def came_back(engine: Engine) -> ir.Table:
        now, before = engine.read([labelled["now"]]), engine.read([labelled["before"]])
        return resurrected(now, before, [engine.read([labelled[name]]) for name in earlier])

    found = sum(row["User_Count"] for row in agree(came_back))
    assert found == 0 if "predictions" not in earlier else 20 < found <= 30


def test_on_what_a_rerun_changed(agree: Agree, tmp_path: Path) -> None:
    labels = ["High", "Low", None]
    pairs = [(before, after) for before in (*labels, "absent") for after in (*labels, "absent")]
    sides = []
    for side in (0, 1):
        users = {str(n): pair[side] for n, pair in enumerate(pairs) if pair[side] != "absent"}
        columns = {"user_id": list(users), "label": pa.array(users.values(), pa.string())}
        sides.append(written(tmp_path / f"{side}.parquet", columns))

    def moved(engine: Engine) -> ir.Table:
        return moves(*(engine.read([path]) for path in sides), "user_id", "label")

    found = changes(agree(moved))
    assert (found.added, found.removed, found.relabelled, found.unchanged) == (3, 3, 6, 3)


def test_on_the_figures_of_every_check(agree: Agree, labelled: dict[str, Path]) -> None:
    baseline = ModelBundle.open(MODELS)["session"].baseline
    assert baseline is not None
    narrow = replace(baseline, features={"leads": baseline.features["leads"]})

    def predictions(one: Engine) -> ir.Table:
        return one.read([labelled["predictions"]])

    def users(one: Engine) -> ir.Table:
        return one.read([labelled["now"]])

    def mixes(one: Engine) -> ir.Table:
        return distributions.user_distributions(predictions(one), LABELS)

    def export(one: Engine) -> ir.Table:
        return enriched_export.enriched_export(predictions(one), users(one), MARCH, LABELS, USER_LABELS, "UTC")

    def of(table: Table, figures: Figures, limit: int | None) -> Table:
        def gathered(one: Engine) -> ir.Table:
            found = table(one).limit(limit)
            gathered = figures(found)
            return gathered if isinstance(gathered, ir.Table) else found.aggregate(**gathered)

        return gathered

    checks: list[tuple[Table, Figures]] = [
        (predictions, lambda t: landed_sessions.figures(t, MARCH, {"leads": 0.0})),
        (predictions, lambda t: session_predictions.figures(t, LABELS, narrow)),
        (mixes, lambda t: distributions.figures(t, LABELS)),
        (users, lambda t: user_labels.figures(t, USER_LABELS)),
        (export, enriched_export.figures),
    ]
    for table, figures in checks:
        assert agree(of(table, figures, None))[0]["rows"] > 0
        assert agree(of(table, figures, 0))[0]["rows"] == 0


def test_on_which_sessions_are_shown_to_be_reviewed(history: Project, engine: DuckDBEngine, spark: SparkEngine) -> None:
    by_duckdb, by_spark = (
        sessions_to_review(Flywheel(history.settings, one), None, 1, ()).to_dict("records") for one in (engine, spark)
    )
    assert len(by_duckdb) > 1
    assert by_spark == by_duckdb


def test_on_what_users_did_and_who_is_in_an_experiment(
    tmp_path: Path, engine: DuckDBEngine, spark: SparkEngine
) -> None:
    project = project_in(tmp_path)
    assert [one.failure for one in run(project, *KEYS[:2])] == ["", ""]

    def seen(one: Engine) -> list[list[dict[str, Any]]]:
        flywheel = Flywheel(project.settings, one)
        first, second = (flywheel.interval(key) for key in KEYS[:2])
        tables = ("intent_scores", "user_features", "user_labels", "experiment_assignment")
        scores, features, labels, assigned = (flywheel.warehouse.read(name, first) for name in tables)
        (experiment,) = flywheel.intent.experiments.values()
        predictions = features.select("user_id", probability=features.events / 1024)
        days = [flywheel.warehouse.read("user_days", interval) for interval in (first, second)]
        mapping, offsets = flywheel.events.mapping, utc_offsets("UTC", second.start_unix, second.end_unix)
        events, cut = flywheel.events.of_interval(second), flywheel.warehouse.read("event_sessions", second)
        assert events is not None
        return [
            rows(one, user_days.user_days(events, cut, mapping, offsets)),
            rows(one, user_features.user_features(days[0].union(days[1]), list(mapping.kinds), [], second, 90)),
            rows(one, ranked_users.ranked_users(scores, features, [], 5)),
            rows(one, ranked_users.ranked_users(scores, features, [], 5, predictions)),
            rows(one, intent_outcomes.intent_outcomes(scores, features, days[1], "purchases")),
            rows(one, intent_outcomes.intent_outcomes(scores, features, days[1], "purchases", predictions)),
            rows(one, experiment_assignment.candidates(scores, features, labels)),
            rows(one, followed(flywheel, experiment, second, True)),
            rows(one, feature_means(assigned, features)),
            rows(one, assigned.aggregate(**experiment_assignment.figures(assigned))),
        ]

    *exact, means, figures = seen(engine)
    *found, spark_means, spark_figures = seen(spark)
    assert (found, spark_figures) == (exact, figures)
    for one, other in zip(means, spark_means, strict=True):
        assert other == pytest.approx(one)


def test_on_what_is_known_of_sessions_at_a_horizon_and_of_their_users(
    agree: Agree, engine: DuckDBEngine, tmp_path: Path
) -> None:
    project = conversion_project(tmp_path)
    land_events(project, "2024.parquet", *CONVERSION_EVENTS)
    first = project.settings.calendar.number(1)

    def seen(one: Engine) -> ir.Table:
        return Flywheel(project.settings, one).conversion.horizons(first)

    assert len(agree(seen)) == 4
    flywheel = Flywheel(project.settings, engine)
    path = tmp_path / "horizons.parquet"
    pq.write_table(engine.collect(seen(engine)), path)
    columns = [column.name for column in flywheel.columns(conversion_dataset.TABLE)]
    past, offsets = flywheel.conversion.placeholders["<past feature>"], [(0, 3600)]

    def made(one: Engine) -> ir.Table:
        rows = one.read([path])
        return conversion_dataset.conversion_dataset(rows, rows, columns, past, 90, offsets)

    assert any(row["repeat_session"] for row in agree(made))


@pytest.mark.parametrize("wrapped", [False, True], ids=["lists", "list.element"])
def test_ga4s_nested_events_are_cut_alike(
    engine: DuckDBEngine, spark: SparkEngine, tmp_path: Path, wrapped: bool
) -> None:
    path = tmp_path / "ga4.parquet"
    pq.write_table(ga4.table(ga4.EVENTS, wrapped), path)
    proposal = propose(engine, [path])
    assert cut(engine, path, proposal) == cut(spark, path, proposal)


def test_features_of_interactions_agree(engine: DuckDBEngine, spark: SparkEngine, tmp_path: Path) -> None:
    folders = [tmp_path / "duckdb", tmp_path / "spark"]
    for folder in folders:
        folder.mkdir()
    of_duckdb, of_spark = (
        by_expressions(one, drawn(2, 60), folder) for one, folder in zip((engine, spark), folders, strict=True)
    )
    assert of_spark.keys() == of_duckdb.keys()
    for key, features in of_duckdb.items():
        assert of_spark[key] == pytest.approx(features, abs=1e-6), key

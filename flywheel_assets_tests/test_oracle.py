"""Every table of a small dirty history, row for row, against an independent computation in pandas."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from flywheel_assets.ranges import intervals_to_run
from flywheel_assets.registry.keras_import import import_keras
from flywheel_assets_tests.oracle import Classifier, Tables, whole_path
from flywheel_assets_tests.projects import FEATURES, MODELS, Project

FIRST_DAYS = [date(2024, 1, 1) + timedelta(days=14 * i) for i in range(5)]
KEYS = [day.isoformat() for day in FIRST_DAYS]
NOTHING_LANDED, TOO_SMALL, CLOCKS_CHANGE = KEYS[1], KEYS[2], KEYS[4]
NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)
"""In the sixth interval, where sessions have landed too."""

IDS = {
    "landed_sessions": ["session_id"],
    "trimmed_sessions": ["session_id"],
    "session_predictions": ["session_id"],
    "user_distributions": ["user_id"],
    "user_labels": ["user_id"],
    "enriched_export": ["session_id"],
    "label_transitions": ["From_Label", "To_Label"],
}


def drawn(seed: int, day: date, count: int, users: int = 60) -> pd.DataFrame:
    """Sessions spread over the fortnight from ``day``: counts with long tails, few leads, no shares."""
    rng = np.random.default_rng(seed)
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    unix = np.sort(rng.choice(14 * 86400, count, replace=False)) + start
    names = [f"u{number}" for number in rng.integers(0, users, count)]
    features = {name: np.floor(rng.lognormal(1, 1.2, count)).astype("int32") for name in FEATURES}
    features |= {"leads": (rng.random(count) < 0.005).astype("int32"), "shares": np.zeros(count, "int32")}
    ids = [f"{name}.{second}" for name, second in zip(names, unix, strict=True)]
    return pd.DataFrame({"session_id": ids, "user_id": names, **features})


def spoiled(rows: pd.DataFrame) -> pd.DataFrame:
    """The first rows made invalid or stray, one in each way; others with ids of other shapes."""
    rows = rows.astype(dict.fromkeys(FEATURES, "float64")).reset_index(drop=True)
    for row, (name, value) in enumerate(
        [
            ("user_id", None),
            ("user_id", " "),
            ("pageviews", None),
            ("favorites", np.inf),
            ("impressions", -1.0),
            ("session_id", None),
            ("session_id", "no digits"),
            ("session_id", "too.short.170410320"),
            ("session_id", "early.1600000000"),
        ]
    ):
        rows.loc[row, name] = value
    rows.loc[10, "session_id"] += "123"  # milliseconds
    rows.loc[11, "session_id"] += "-mobile"
    return rows


@pytest.fixture(scope="module")
def files() -> dict[str, pd.DataFrame]:
    """Two files, the winner last. The first holds sessions of several intervals, the open one included, and the second
    other features for some sessions of the first, one of them twice."""
    blocks = [(1, KEYS[0], 320), (3, TOO_SMALL, 40), (4, KEYS[3], 260), (5, CLOCKS_CHANGE, 210), (6, "2024-03-11", 50)]
    one, three, four, five, open_one = (drawn(seed, date.fromisoformat(key), n) for seed, key, n in blocks)
    early = pd.concat([one[:200], three, four[:100], open_one], ignore_index=True).assign(device="phone")
    again = pd.concat([one[150:180], one[170:171]], ignore_index=True)
    again["detail_pageviews"] = np.arange(len(again)) + 7
    late = pd.concat([spoiled(one[200:]), four[100:], five, again], ignore_index=True).assign(country="AZ")
    return {"early.parquet": early, "late.parquet": late}


@pytest.fixture(scope="module")
def project(files: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(
        tmp_path_factory.mktemp("oracle"),
        FLYWHEEL_TRIM_QUANTILE="0.99",
        FLYWHEEL_REPORTING_TIMEZONE="America/Denver",
    )
    for minute, (name, rows) in enumerate(files.items()):
        project.land(name, pa.Table.from_pandas(rows, preserve_index=False), minute)
    with project.flywheel() as flywheel:
        intervals = intervals_to_run(flywheel, None, None, NOW)
    assert [run.failure for run in project.run(*(interval.key for interval in intervals))] == [""] * 5
    return project


@pytest.fixture(scope="module")
def expected(files: dict[str, pd.DataFrame]) -> Mapping[str, Tables]:
    import_keras()
    manifest = json.loads((MODELS / "manifest.json").read_text())
    return whole_path(
        [*files.values()],
        FIRST_DAYS,
        14,
        0.99,
        ZoneInfo("America/Denver"),
        Classifier.load(MODELS, "session_quality_model.keras", "sessions", manifest["models"]["session"]["version"]),
        Classifier.load(MODELS, "user_flywheel_model.keras", "users", manifest["models"]["user"]["version"]),
    )


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("table", IDS)
def test_every_row_is_what_pandas_makes_of_it(
    table: str, key: str, project: Project, expected: Mapping[str, Tables]
) -> None:
    found = project.table(table, key).to_pandas()
    wanted = expected[key][table]

    pd.testing.assert_frame_equal(
        found.sort_values(IDS[table], ignore_index=True),
        wanted.sort_values(IDS[table], ignore_index=True)[found.columns],
        check_dtype=False,
        rtol=0,
        atol=1e-5,
    )
    assert {*wanted.columns} == {*found.columns}


def test_the_history_has_every_kind_of_dirt(files: dict[str, pd.DataFrame], expected: Mapping[str, Tables]) -> None:
    rows = {key: {name: len(frame) for name, frame in tables.items()} for key, tables in expected.items()}
    removed = {key: counts["landed_sessions"] - counts["trimmed_sessions"] for key, counts in rows.items()}

    assert rows[KEYS[0]]["landed_sessions"] == 320 - 9
    assert rows[NOTHING_LANDED]["landed_sessions"] == 0
    assert rows[TOO_SMALL]["landed_sessions"] == 40
    assert removed[NOTHING_LANDED] == removed[TOO_SMALL] == 0
    assert all(removed[key] > 0 for key in (KEYS[0], KEYS[3], CLOCKS_CHANGE))
    assert (expected[KEYS[0]]["trimmed_sessions"].leads > 0).any(), "leads are rare, and not trimmed by"
    hours = expected[CLOCKS_CHANGE]["enriched_export"]
    assert (hours.timestamp_utc.dt.tz_localize(None) - hours.timestamp_mst).nunique() == 2


def test_quarantine_holds_the_invalid_rows_with_their_reasons(project: Project) -> None:
    quarantine = project.settings.warehouse_dir / "quarantine"
    reasons = [
        reason for path in quarantine.glob("*/*.parquet") for reason in pd.read_parquet(path, columns=["reason"]).reason
    ]

    assert sorted(reasons) == [
        "before the first interval",
        "favorites is not a finite 32-bit number",
        "impressions is negative",
        "pageviews is null",
        "session_id ends in no Unix time of 10 or 13 digits",
        "session_id ends in no Unix time of 10 or 13 digits",
        "session_id is null or empty",
        "user_id is null or empty",
        "user_id is null or empty",
    ]


def test_columns_stand_in_the_order_and_have_the_types_of_the_contract(project: Project) -> None:
    quality = ["high_quality", "low_quality", "medium_quality", "very_low_quality"]
    flywheel = ["engaged", "exploring", "highly_engaged", "passive"]
    text, number, real, utc = pa.string(), pa.int32(), pa.float32(), pa.timestamp("us", "UTC")
    landed = dict.fromkeys(("session_id", "user_id"), text) | dict.fromkeys(FEATURES, pa.float64())
    landed |= {"device": text, "country": text}
    times = {"timestamp_unix": pa.int64(), "timestamp_utc": utc}
    session = {f"probability_{label}": real for label in quality}
    user = {f"probability_{label}": real for label in flywheel}
    dates = {"Interval": number, "Interval_Dates": text}
    contract = {
        "landed_sessions": landed | times,
        "trimmed_sessions": landed | times,
        "session_predictions": landed
        | times
        | {"session_quality_label": text}
        | session
        | {"session_model_version": text},
        "user_distributions": {"user_id": text, "sessions": number}
        | {f"share_{label}": pa.float64() for label in quality},
        "user_labels": {"user_id": text, "sessions": number, "user_flywheel_label": text}
        | user
        | {"user_model_version": text},
        "enriched_export": landed
        | {"session_quality_label": text, "user_flywheel_label": text}
        | session
        | user
        | {"session_model_version": text, "user_model_version": text}
        | times
        | {"timestamp_mst": pa.timestamp("us")}
        | dates,
        "label_transitions": {"From_Label": text, "To_Label": text, "User_Count": pa.int64(), "From_Interval": number}
        | dates,
    }

    found = {table: project.table(table, KEYS[0]).schema for table in contract}

    for table, columns in contract.items():
        assert [*zip(found[table].names, found[table].types, strict=True)] == [*columns.items()], table

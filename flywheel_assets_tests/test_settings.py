import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flywheel_assets.errors import SettingsError
from flywheel_assets.intervals import Calendar
from flywheel_assets.settings import SETTINGS, Settings

DEFAULTS = {
    "FLYWHEEL_LANDING_DIR": "data/landing",
    "FLYWHEEL_EVENTS_DIR": "data/events",
    "FLYWHEEL_EVENTS_FILE": "events.toml",
    "FLYWHEEL_SESSION_TIMEOUT_MINUTES": "30",
    "FLYWHEEL_LOOK_BACK_DAYS": "90",
    "FLYWHEEL_INTENT_FILE": "intent_rules.toml",
    "FLYWHEEL_EXPERIMENTS_FILE": "experiments.toml",
    "FLYWHEEL_CONVERSION_FILE": "conversion.toml",
    "FLYWHEEL_ENGAGEMENT_FILE": "engagement.toml",
    "FLYWHEEL_INTERACTIONS_DIR": "data/interactions",
    "FLYWHEEL_RANKED_USERS": "200",
    "FLYWHEEL_WAREHOUSE_DIR": "data/warehouse",
    "FLYWHEEL_MODELS_DIR": "models",
    "FLYWHEEL_LABELS_DIR": "data/labels",
    "FLYWHEEL_FIRST_INTERVAL": "2024-01-01",
    "FLYWHEEL_LAST_INTERVAL": "",
    "FLYWHEEL_INTERVAL_WEEKS": "2",
    "FLYWHEEL_INTERVAL_TIMEZONE": "UTC",
    "FLYWHEEL_REPORTING_TIMEZONE": "America/Phoenix",
    "FLYWHEEL_SESSION_ID_PATTERN": "",
    "FLYWHEEL_SESSION_TIME_COLUMN": "",
    "FLYWHEEL_TRIM_QUANTILE": "0.999",
    "FLYWHEEL_COLUMNS_FILE": "columns.toml",
    "FLYWHEEL_FEATURES_FILE": "features.toml",
    "FLYWHEEL_USER_EXPORT": "true",
    "FLYWHEEL_MAX_FLIPS": "0.2",
    "FLYWHEEL_SEGMENT_COUNTS": "2-12",
    "FLYWHEEL_SEGMENT_COUNT": "",
    "FLYWHEEL_KEEP_RUNS_DAYS": "30",
    "FLYWHEEL_OUTCOME": "",
    "FLYWHEEL_ENGINE": "duckdb",
    "FLYWHEEL_MEMORY_LIMIT": "",
    "FLYWHEEL_THREADS": "",
}


def read(folder: Path, **environment: str) -> Settings:
    return Settings.read(folder, {f"FLYWHEEL_{name}": value for name, value in environment.items()})


def test_there_are_these_settings_with_these_defaults_and_each_has_a_meaning() -> None:
    assert {name: default for name, (default, _) in SETTINGS.items()} == DEFAULTS
    assert all(meaning for _, meaning in SETTINGS.values())


def test_unset_settings_have_their_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path)
    half_of_memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 // 2**20
    assert settings == Settings(
        landing_dir=tmp_path / "data/landing",
        events_dir=tmp_path / "data/events",
        events_file=tmp_path / "events.toml",
        session_timeout_minutes=30,
        look_back_days=90,
        intent_file=tmp_path / "intent_rules.toml",
        experiments_file=tmp_path / "experiments.toml",
        conversion_file=tmp_path / "conversion.toml",
        engagement_file=tmp_path / "engagement.toml",
        interactions_dir=tmp_path / "data/interactions",
        ranked_users=200,
        warehouse_dir=tmp_path / "data/warehouse",
        models_dir=tmp_path / "models",
        labels_dir=tmp_path / "data/labels",
        calendar=Calendar(date(2024, 1, 1), date(2034, 1, 1), 2, "UTC"),
        reporting_timezone="America/Phoenix",
        session_id_pattern=None,
        session_time_column=None,
        trim_quantile=Decimal("0.999"),
        columns_file=tmp_path / "columns.toml",
        features_file=tmp_path / "features.toml",
        user_export=True,
        max_flips=0.2,
        segment_counts=(2, 12),
        segment_count=None,
        keep_runs_days=30,
        outcome="",
        engine="duckdb",
        memory_limit=f"{half_of_memory}MiB",
        threads=os.cpu_count(),
    )


def test_every_setting_is_read(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        LANDING_DIR="/srv/landing",
        EVENTS_DIR="raw",
        EVENTS_FILE="mapping.toml",
        SESSION_TIMEOUT_MINUTES="45",
        LOOK_BACK_DAYS="60",
        INTENT_FILE="rules.toml",
        EXPERIMENTS_FILE="tests.toml",
        CONVERSION_FILE="goal.toml",
        ENGAGEMENT_FILE="engaged.toml",
        INTERACTIONS_DIR="ratings",
        RANKED_USERS="50",
        WAREHOUSE_DIR="wh",
        MODELS_DIR="my/models",
        LABELS_DIR="my/labels",
        FIRST_INTERVAL="2016-03-14",
        LAST_INTERVAL="2017-03-14",
        INTERVAL_WEEKS="1",
        INTERVAL_TIMEZONE="America/New_York",
        REPORTING_TIMEZONE="America/Denver",
        SESSION_ID_PATTERN=r"-(\d{10})$",
        TRIM_QUANTILE="0.99",
        COLUMNS_FILE="names.toml",
        FEATURES_FILE="ours.toml",
        USER_EXPORT="False",
        MAX_FLIPS="0.05",
        SEGMENT_COUNTS="3 - 8",
        SEGMENT_COUNT="4",
        KEEP_RUNS_DAYS="90",
        OUTCOME="orders",
        ENGINE="Spark",
        MEMORY_LIMIT="1.5 gb",
        THREADS="3",
    )
    assert settings == Settings(
        landing_dir=Path("/srv/landing"),
        events_dir=tmp_path / "raw",
        events_file=tmp_path / "mapping.toml",
        session_timeout_minutes=45,
        look_back_days=60,
        intent_file=tmp_path / "rules.toml",
        experiments_file=tmp_path / "tests.toml",
        conversion_file=tmp_path / "goal.toml",
        engagement_file=tmp_path / "engaged.toml",
        interactions_dir=tmp_path / "ratings",
        ranked_users=50,
        warehouse_dir=tmp_path / "wh",
        models_dir=tmp_path / "my/models",
        labels_dir=tmp_path / "my/labels",
        calendar=Calendar(date(2016, 3, 14), date(2017, 3, 14), 1, "America/New_York"),
        reporting_timezone="America/Denver",
        session_id_pattern=r"-(\d{10})$",
        session_time_column=None,
        trim_quantile=Decimal("0.99"),
        columns_file=tmp_path / "names.toml",
        features_file=tmp_path / "ours.toml",
        user_export=False,
        max_flips=0.05,
        segment_counts=(3, 8),
        segment_count=4,
        keep_runs_days=90,
        outcome="orders",
        engine="spark",
        memory_limit="1.5 gb",
        threads=3,
    )


def test_an_empty_variable_means_the_default(tmp_path: Path) -> None:
    assert read(tmp_path, **{name.removeprefix("FLYWHEEL_"): " " for name in SETTINGS}) == read(tmp_path)


def test_the_last_interval_is_ten_years_after_a_leap_day_too(tmp_path: Path) -> None:
    assert read(tmp_path, FIRST_INTERVAL="2024-02-29").calendar.last_day == date(2034, 2, 28)


def test_folders_are_absolute_and_plain_and_a_tilde_is_home(tmp_path: Path) -> None:
    settings = read(tmp_path, LANDING_DIR="../landing/./x", MODELS_DIR="~/models")
    assert settings.landing_dir == tmp_path.parent / "landing/x"
    assert settings.models_dir == Path.home() / "models"


def test_a_size_may_be_a_fraction_of_its_unit(tmp_path: Path) -> None:
    assert read(tmp_path, MEMORY_LIMIT="0.5GB").memory_limit == "0.5GB"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MAX_FLIPS", "20%", "expected a number from 0 to 1"),
        ("MAX_FLIPS", "1.1", "expected a number from 0 to 1"),
        ("MAX_FLIPS", "nan", "expected a number from 0 to 1"),
        ("INTERVAL_WEEKS", "0", "expected a whole number from 1"),
        ("INTERVAL_WEEKS", "-2", "expected a whole number from 1"),
        ("INTERVAL_WEEKS", "1.5", "expected a whole number from 1"),
        ("THREADS", "0", "expected a whole number from 1"),
        ("THREADS", "all", "expected a whole number from 1"),
        ("TRIM_QUANTILE", "1.5", "expected a number above 0 and at most 1, as in 0.999"),
        ("TRIM_QUANTILE", "0", "expected a number above 0 and at most 1"),
        ("TRIM_QUANTILE", "nan", "expected a number above 0 and at most 1"),
        ("TRIM_QUANTILE", "99.9%", "expected a number above 0 and at most 1"),
        ("INTERVAL_TIMEZONE", "Mars/Olympus", "expected a timezone's name, as in UTC or America/Phoenix"),
        ("REPORTING_TIMEZONE", "America", "expected a timezone's name"),
        ("REPORTING_TIMEZONE", "../UTC", "expected a timezone's name"),
        ("FIRST_INTERVAL", "January", "expected a date, as in 2024-01-15"),
        ("FIRST_INTERVAL", "2024-02-30", "expected a date"),
        ("LAST_INTERVAL", "15.01.2024", "expected a date"),
        ("SESSION_ID_PATTERN", r"\d{10}", "with 0 groups; expected one, around the Unix time"),
        ("SESSION_ID_PATTERN", r"(\d{10})(\d{3})?", "with 2 groups; expected one"),
        ("SESSION_ID_PATTERN", r"(\d{10}", "not a regular expression"),
        ("SESSION_ID_PATTERN", r"(?<=\.)(\d{10})$", "without lookaround"),
        ("USER_EXPORT", "yes", "expected true or false"),
        ("SEGMENT_COUNTS", "5", "expected two whole numbers from 2 to 50, as in 2-12"),
        ("SEGMENT_COUNTS", "1-5", "expected two whole numbers from 2 to 50, as in 2-12"),
        ("SEGMENT_COUNTS", "8-5", "expected two whole numbers from 2 to 50, as in 2-12"),
        ("SEGMENT_COUNT", "1", "expected a whole number from 2 to 50, or nothing"),
        ("SEGMENT_COUNT", "some", "expected a whole number from 2 to 50, or nothing"),
        ("ENGINE", "polars", "expected duckdb or spark"),
        ("MEMORY_LIMIT", "4", "expected a size with its unit, as in 4GB"),
        ("MEMORY_LIMIT", "50%", "expected a size with its unit"),
        ("MEMORY_LIMIT", "0GB", "expected a size with its unit"),
        ("MEMORY_LIMIT", "1MB", "at least 100MB"),
        ("INTERVAL_WEEKS", "999999999", "expected a whole number from 1 to 52"),
        ("THREADS", "99999999999", "expected a whole number from 1 to 1024"),
    ],
)
def test_a_bad_setting_is_an_error_that_names_it_its_value_and_what_was_expected(
    tmp_path: Path, name: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError) as error:
        read(tmp_path, **{name: value})
    assert str(error.value).startswith(f"FLYWHEEL_{name} is {value!r}")
    assert says in str(error.value)


def test_a_last_interval_that_no_session_id_can_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected a day in 2200 or before"):
        read(tmp_path, FIRST_INTERVAL="9999-12-27")


def test_quantile_1_is_a_setting_and_trims_none(tmp_path: Path) -> None:
    assert read(tmp_path, TRIM_QUANTILE="1").trim_quantile == 1


def test_a_last_interval_before_the_first_is_an_error_that_names_both(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LAST_INTERVAL is 2023-12-31, before FLYWHEEL_FIRST_INTERVAL, 2024-01-01"):
        read(tmp_path, LAST_INTERVAL="2023-12-31")
    assert read(tmp_path, LAST_INTERVAL="2024-01-01").calendar.count == 1


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"FLYWHEEL_INTERVAL_DAYS is not a setting; the settings are: .*_WEEKS"):
        read(tmp_path, INTERVAL_DAYS="14")
    (tmp_path / ".env").write_text("FLYWHEEL_LANDING=x\n")
    with pytest.raises(SettingsError, match="FLYWHEEL_LANDING is not a setting"):
        read(tmp_path)


def test_names_of_others_are_none_of_our_business(tmp_path: Path) -> None:
    assert Settings.read(tmp_path, {"PATH": "/bin", "MY_FLYWHEEL_X": "1"}) == read(tmp_path)


def test_a_file_is_read_and_the_environment_wins_over_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FLYWHEEL_INTERVAL_WEEKS=3\nFLYWHEEL_THREADS=5\nFLYWHEEL_ENGINE=\nOTHER=1\nBARE\n")
    settings = read(tmp_path, THREADS="7")
    assert (settings.calendar.weeks, settings.threads, settings.engine) == (3, 7, "duckdb")


def test_the_file_of_the_working_folder_and_the_environment_of_the_process_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("FLYWHEEL_INTERVAL_WEEKS=3\n")
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLYWHEEL_THREADS", "7")
    settings = Settings.read()
    assert (settings.calendar.weeks, settings.threads) == (3, 7)
    assert settings.landing_dir == tmp_path / "data/landing"
    assert "FLYWHEEL_INTERVAL_WEEKS" not in os.environ, "and the file does not leak into it"


def test_a_start_is_in_a_column_or_in_the_id(tmp_path: Path) -> None:
    assert read(tmp_path, SESSION_TIME_COLUMN=" started at ").session_time_column == "started at"
    with pytest.raises(SettingsError, match=r"SESSION_ID_PATTERN and FLYWHEEL_SESSION_TIME_COLUMN are both set"):
        read(tmp_path, SESSION_TIME_COLUMN="started_at", SESSION_ID_PATTERN=r"-(\d{10})$")


def test_a_file_of_settings_that_is_not_utf_8_is_one_sentence_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("FLYWHEEL_LANDING_DIR=für".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"\.env is not UTF-8: .*; save it as UTF-8"):
        Settings.read(tmp_path, {})

"""Every FLYWHEEL_* setting, with its default and meaning. Read from the environment, then from `.env` in the folder
that the process starts in; an unset or empty variable means the default."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from dotenv import dotenv_values

from flywheel_assets.errors import SettingsError
from flywheel_assets.intervals import Calendar

SETTINGS = {
    "FLYWHEEL_LANDING_DIR": ("data/landing", "where parquet lands; read, never written"),
    "FLYWHEEL_EVENTS_DIR": ("data/events", "where raw events land, if there is an `events.toml`; read, never written"),
    "FLYWHEEL_EVENTS_FILE": ("events.toml", "the file that says what raw events hold, if there is one"),
    "FLYWHEEL_SESSION_TIMEOUT_MINUTES": ("30", "a pause over so many minutes ends a session of raw events"),
    "FLYWHEEL_LOOK_BACK_DAYS": ("90", "so many days of events, to an interval's end, make the features of users"),
    "FLYWHEEL_INTENT_FILE": ("intent_rules.toml", "the file with the rules of the intent score, if there is one"),
    "FLYWHEEL_EXPERIMENTS_FILE": ("experiments.toml", "the file that defines experiments, if there is one"),
    "FLYWHEEL_CONVERSION_FILE": ("conversion.toml", "the file that says which sessions convert, if there is one"),
    "FLYWHEEL_ENGAGEMENT_FILE": (
        "engagement.toml",
        "the file that says what engagement is, if there is one",
    ),
    "FLYWHEEL_INTERACTIONS_DIR": ("data/interactions", "imported interactions of users with items, and the items"),
    "FLYWHEEL_RANKED_USERS": ("200", "so many users with the highest intent score are ranked"),
    "FLYWHEEL_WAREHOUSE_DIR": ("data/warehouse", "where every table, export and quarantined row goes"),
    "FLYWHEEL_MODELS_DIR": ("models", "the model artefacts, their manifest and the compiled scorers"),
    "FLYWHEEL_LABELS_DIR": ("data/labels", "labels of your own to train on, and the files that label segments"),
    "FLYWHEEL_FIRST_INTERVAL": ("2024-01-01", "the first day of interval 1"),
    "FLYWHEEL_LAST_INTERVAL": (
        "",
        "the last interval starts on or before this day; ten years after the first if unset",
    ),
    "FLYWHEEL_INTERVAL_WEEKS": ("2", "the length of an interval, in weeks"),
    "FLYWHEEL_INTERVAL_TIMEZONE": ("UTC", "the timezone whose midnights bound the intervals"),
    "FLYWHEEL_REPORTING_TIMEZONE": ("America/Phoenix", "the timezone of the wall clock in `timestamp_mst`"),
    "FLYWHEEL_SESSION_ID_PATTERN": ("", "a regular expression whose one group is the Unix time in a session id"),
    "FLYWHEEL_SESSION_TIME_COLUMN": ("", "the column that holds a session's start, where session ids hold none"),
    "FLYWHEEL_TRIM_QUANTILE": ("0.999", "sessions above this quantile of any feature are trimmed; 1 trims none"),
    "FLYWHEEL_COLUMNS_FILE": ("columns.toml", "the file that maps your column names to ours, if there is one"),
    "FLYWHEEL_FEATURES_FILE": ("features.toml", "the file that states the features of a session, if there is one"),
    "FLYWHEEL_USER_EXPORT": ("true", "whether the user-level export is written beside the session-level one"),
    "FLYWHEEL_MAX_FLIPS": ("0.2", "the share of sessions or users whose label an unforced promotion may change"),
    "FLYWHEEL_SEGMENT_COUNTS": ("2-12", "the numbers of session clusters to try"),
    "FLYWHEEL_SEGMENT_COUNT": ("", "the number of clusters; chosen by the rule if unset"),
    "FLYWHEEL_KEEP_RUNS_DAYS": ("30", "how many days the record keeps a run that a later one replaced"),
    "FLYWHEEL_OUTCOME": (
        "",
        "the feature that marks a session as a conversion when above 0, or `none`; `leads` if unset, where it is one",
    ),
    "FLYWHEEL_ENGINE": ("duckdb", "`duckdb`, inside the process, or `spark`"),
    "FLYWHEEL_MEMORY_LIMIT": ("", "the engine's memory, as in `4GB`; half of the machine's if unset"),
    "FLYWHEEL_THREADS": ("", "the engine's threads; the machine's cores if unset"),
}
"""Name: (default, meaning). A test keeps the table in docs/settings.md the same."""

ENGINES = ("duckdb", "spark")

LAST_YEAR = 2200
"""Unix times of ten digits end in 2286."""

MOST_CLUSTERS = 50

MOST_TIMEOUT_MINUTES = 720
"""Two days of events around an interval decide its sessions: two of these pauses and a day fit."""

LEAST_MEMORY_BYTES = 100_000_000


@dataclass(frozen=True)
class Settings:
    """All settings, checked. Paths are absolute; ``trim_quantile`` is a Decimal, so that 1 / (1 - q) is exact."""

    landing_dir: Path
    events_dir: Path
    events_file: Path
    session_timeout_minutes: int
    look_back_days: int
    intent_file: Path
    experiments_file: Path
    conversion_file: Path
    engagement_file: Path
    interactions_dir: Path
    ranked_users: int
    warehouse_dir: Path
    models_dir: Path
    labels_dir: Path
    calendar: Calendar
    reporting_timezone: str
    session_id_pattern: str | None
    session_time_column: str | None
    trim_quantile: Decimal
    columns_file: Path
    features_file: Path
    user_export: bool
    max_flips: float
    segment_counts: tuple[int, int]
    segment_count: int | None
    keep_runs_days: int
    outcome: str
    engine: str
    memory_limit: str
    threads: int

    @property
    def intent_models_dir(self) -> Path:
        """The models folder of the model of intent: champion, candidates and archive of its own."""
        return self.models_dir / "intent"

    @property
    def conversion_models_dir(self) -> Path:
        """That of the model of conversion."""
        return self.models_dir / "conversion"

    @property
    def engagement_models_dir(self) -> Path:
        """That of the model of engagement by interactions."""
        return self.models_dir / "engagement" / "interactions"

    @classmethod
    def read(cls, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> "Settings":
        """The settings of this process: ``environment`` (os.environ if None) over ``folder/.env`` (the working folder).

        Raises SettingsError for a value that cannot be used, for an unknown FLYWHEEL_* name and for a `.env` that is
        not UTF-8.
        """
        folder = folder or Path.cwd()
        in_file = _values_in(folder / ".env")
        values = {**in_file, **(os.environ if environment is None else environment)}
        unknown = sorted(k for k in values if k.startswith("FLYWHEEL_") and k not in SETTINGS)
        if unknown:
            raise SettingsError(f"{unknown[0]} is not a setting; the settings are: {', '.join(SETTINGS)}")
        get = {name: values.get(name, "").strip() or default for name, (default, _) in SETTINGS.items()}

        first_day = _day("FLYWHEEL_FIRST_INTERVAL", get["FLYWHEEL_FIRST_INTERVAL"])
        last_day = (
            _day("FLYWHEEL_LAST_INTERVAL", get["FLYWHEEL_LAST_INTERVAL"])
            if get["FLYWHEEL_LAST_INTERVAL"]
            else _years_later(first_day, 10)
        )
        if last_day < first_day:
            raise SettingsError(f"FLYWHEEL_LAST_INTERVAL is {last_day}, before FLYWHEEL_FIRST_INTERVAL, {first_day}")
        if last_day.year > LAST_YEAR:
            raise SettingsError(f"FLYWHEEL_LAST_INTERVAL is {last_day}; expected a day in {LAST_YEAR} or before")
        if get["FLYWHEEL_SESSION_ID_PATTERN"] and get["FLYWHEEL_SESSION_TIME_COLUMN"]:
            raise SettingsError(
                "FLYWHEEL_SESSION_ID_PATTERN and FLYWHEEL_SESSION_TIME_COLUMN are both set; expected one of them, the "
                "place of a session's start: unset the other"
            )
        return cls(
            landing_dir=_path(folder, get["FLYWHEEL_LANDING_DIR"]),
            events_dir=_path(folder, get["FLYWHEEL_EVENTS_DIR"]),
            events_file=_path(folder, get["FLYWHEEL_EVENTS_FILE"]),
            session_timeout_minutes=_whole_number(
                "FLYWHEEL_SESSION_TIMEOUT_MINUTES", get["FLYWHEEL_SESSION_TIMEOUT_MINUTES"], MOST_TIMEOUT_MINUTES
            ),
            look_back_days=_whole_number("FLYWHEEL_LOOK_BACK_DAYS", get["FLYWHEEL_LOOK_BACK_DAYS"], 3_660),
            intent_file=_path(folder, get["FLYWHEEL_INTENT_FILE"]),
            experiments_file=_path(folder, get["FLYWHEEL_EXPERIMENTS_FILE"]),
            conversion_file=_path(folder, get["FLYWHEEL_CONVERSION_FILE"]),
            engagement_file=_path(folder, get["FLYWHEEL_ENGAGEMENT_FILE"]),
            interactions_dir=_path(folder, get["FLYWHEEL_INTERACTIONS_DIR"]),
            ranked_users=_whole_number("FLYWHEEL_RANKED_USERS", get["FLYWHEEL_RANKED_USERS"], 1_000_000),
            warehouse_dir=_path(folder, get["FLYWHEEL_WAREHOUSE_DIR"]),
            models_dir=_path(folder, get["FLYWHEEL_MODELS_DIR"]),
            labels_dir=_path(folder, get["FLYWHEEL_LABELS_DIR"]),
            calendar=Calendar(
                first_day,
                last_day,
                _whole_number("FLYWHEEL_INTERVAL_WEEKS", get["FLYWHEEL_INTERVAL_WEEKS"], 52),
                _timezone("FLYWHEEL_INTERVAL_TIMEZONE", get["FLYWHEEL_INTERVAL_TIMEZONE"]),
            ),
            reporting_timezone=_timezone("FLYWHEEL_REPORTING_TIMEZONE", get["FLYWHEEL_REPORTING_TIMEZONE"]),
            session_id_pattern=_pattern("FLYWHEEL_SESSION_ID_PATTERN", get["FLYWHEEL_SESSION_ID_PATTERN"]),
            session_time_column=get["FLYWHEEL_SESSION_TIME_COLUMN"] or None,
            trim_quantile=_quantile("FLYWHEEL_TRIM_QUANTILE", get["FLYWHEEL_TRIM_QUANTILE"]),
            columns_file=_path(folder, get["FLYWHEEL_COLUMNS_FILE"]),
            features_file=_path(folder, get["FLYWHEEL_FEATURES_FILE"]),
            user_export=_yes_or_no("FLYWHEEL_USER_EXPORT", get["FLYWHEEL_USER_EXPORT"]),
            max_flips=_share("FLYWHEEL_MAX_FLIPS", get["FLYWHEEL_MAX_FLIPS"]),
            segment_counts=_range("FLYWHEEL_SEGMENT_COUNTS", get["FLYWHEEL_SEGMENT_COUNTS"]),
            segment_count=_cluster_count("FLYWHEEL_SEGMENT_COUNT", get["FLYWHEEL_SEGMENT_COUNT"]),
            keep_runs_days=_whole_number("FLYWHEEL_KEEP_RUNS_DAYS", get["FLYWHEEL_KEEP_RUNS_DAYS"], 36_500),
            outcome=get["FLYWHEEL_OUTCOME"],
            engine=_one_of("FLYWHEEL_ENGINE", get["FLYWHEEL_ENGINE"].lower(), ENGINES),
            memory_limit=_size("FLYWHEEL_MEMORY_LIMIT", get["FLYWHEEL_MEMORY_LIMIT"] or _half_of_memory()),
            threads=_whole_number("FLYWHEEL_THREADS", get["FLYWHEEL_THREADS"] or str(os.cpu_count() or 1), 1024),
        )


def interval_advice(calendar: Calendar, earliest: int, latest: int, rows: str) -> list[str]:
    """The first and the last interval to set, where ``rows``, named in the plural, lie before or after the calendar's:
    the earliest and the latest Unix second of what is to land."""
    first_day, last_day = calendar.first_day_at(earliest), calendar.day_at(latest)
    end = calendar.number(calendar.count).last_day
    advice = []
    if first_day < calendar.first_day:
        advice.append(f"to land the {rows} before {calendar.first_day}, set FLYWHEEL_FIRST_INTERVAL={first_day}")
        end = min(end, _years_later(first_day, 10))
    if end < last_day:
        advice.append(f"to land the {rows} after {end}, set FLYWHEEL_LAST_INTERVAL={last_day}")
    return advice


def _values_in(path: Path) -> dict[str, str]:
    try:
        return {name: value or "" for name, value in dotenv_values(path).items()}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8: {error}; save it as UTF-8") from None


def _path(folder: Path, value: str) -> Path:
    """Absolute and without `..`, which engines resolve differently than we do; a link stays a link."""
    return Path(os.path.abspath(folder / Path(value).expanduser()))  # noqa: PTH100


def _day(name: str, value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise SettingsError(f"{name} is {value!r}; expected a date, as in 2024-01-15") from None


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February, or the end of the calendar
        return date.max if day.year + years > date.max.year else day.replace(year=day.year + years, day=28)


def _whole_number(name: str, value: str, most: int) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= most:
        raise SettingsError(f"{name} is {value!r}; expected a whole number from 1 to {most}")
    return int(value)


def _range(name: str, value: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})\s*-\s*(\d{1,3})", value)
    if not found or not 2 <= int(found[1]) <= int(found[2]) <= MOST_CLUSTERS:
        raise SettingsError(f"{name} is {value!r}; expected two whole numbers from 2 to {MOST_CLUSTERS}, as in 2-12")
    return int(found[1]), int(found[2])


def _cluster_count(name: str, value: str) -> int | None:
    if value and (not value.isdecimal() or not 2 <= int(value) <= MOST_CLUSTERS):
        raise SettingsError(f"{name} is {value!r}; expected a whole number from 2 to {MOST_CLUSTERS}, or nothing")
    return int(value) if value else None


def _timezone(name: str, value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        raise SettingsError(f"{name} is {value!r}; expected a timezone's name, as in UTC or America/Phoenix") from None
    return value


def _pattern(name: str, value: str) -> str | None:
    if not value:
        return None
    try:
        groups = re.compile(value).groups
        pc.match_substring_regex(pa.array([""]), value)  # RE2, as the engine has it
    except (re.error, pa.ArrowInvalid) as error:
        raise SettingsError(
            f"{name} is {value!r}, not a regular expression that RE2 accepts, without lookaround: {error}"
        ) from None
    if groups != 1:
        raise SettingsError(
            f"{name} is {value!r}, with {groups} groups; expected one, around the Unix time, as in -(\\d{{10}})$"
        )
    return value


def _quantile(name: str, value: str) -> Decimal:
    try:
        quantile = Decimal(value)
    except ArithmeticError:
        quantile = Decimal("NaN")
    if not quantile.is_finite() or not 0 < quantile <= 1:
        raise SettingsError(f"{name} is {value!r}; expected a number above 0 and at most 1, as in 0.999")
    return quantile


def _share(name: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:  # nor NaN
        raise SettingsError(f"{name} is {value!r}; expected a number from 0 to 1, as in 0.2")
    return share


def _yes_or_no(name: str, value: str) -> bool:
    return _one_of(name, value.lower(), ("true", "false")) == "true"


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise SettingsError(f"{name} is {value!r}; expected {' or '.join(choices)}")
    return value


def _size(name: str, value: str) -> str:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B", value, re.IGNORECASE)
    powers = {"K": 1, "M": 2, "G": 3, "T": 4}
    if not found or float(found[1]) * 1000 ** powers[found[2].upper()] < LEAST_MEMORY_BYTES:
        raise SettingsError(f"{name} is {value!r}; expected a size with its unit, as in 4GB, and at least 100MB")
    return value


def _half_of_memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2 // 2**20}MiB"

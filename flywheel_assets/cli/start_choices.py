"""What `flywheel start` chooses from the data, and how each choice is written down where a person can change it."""

import json
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import ibis.expr.types as ir

from flywheel_assets.errors import LandingError
from flywheel_assets.features import Feature
from flywheel_assets.intervals import Calendar
from flywheel_assets.landing.extent import isolated_ends
from flywheel_assets.landing.rows import started
from flywheel_assets.report.numbers import plural
from flywheel_assets.warehouse.engine import Engine
from flywheel_assets.warehouse.files import put, write_whole
from flywheel_assets.warehouse.listing import content_digest

OUTCOMES = ("purchase", "transaction", "order", "payment_done", "payment", "checkout", "conversion", "signup", "lead")
"""What marks a conversion, the most telling first, as the name of a feature or a part of it."""

ENOUGH_INTERVALS = 5
"""Fewer intervals of two weeks than this are too few to see users move, so a short history has weeks."""

WEEK_SECONDS = 7 * 24 * 3600

MAKEFILE = """# Written by flywheel start. `make ui` opens the Dagster UI of this folder.
FLYWHEEL ?= {flywheel}

.PHONY: ui report
ui:
\t$(FLYWHEEL) ui
report:
\t$(FLYWHEEL) report --open
"""


@dataclass(frozen=True)
class Choice:
    """A setting, its value, and why in words."""

    setting: str
    value: str
    why: str


def interval_choices(first: date, last: date) -> list[Choice]:
    """The first interval and its length for data of these days: intervals begin on the Monday of the first day, and are
    two weeks long where there are ENOUGH_INTERVALS of them, else one."""
    monday = first - timedelta(days=first.weekday())
    days = (last - first).days + 1
    weeks = 2 if (last - monday).days + 1 >= 14 * ENOUGH_INTERVALS else 1
    length = "two weeks: there are" if weeks == 2 else f"a week: there {'is' if days == 1 else 'are'} only"
    return [
        Choice("FLYWHEEL_FIRST_INTERVAL", monday.isoformat(), f"the Monday on or before the first event, {first}"),
        Choice("FLYWHEEL_INTERVAL_WEEKS", str(weeks), f"{length} {plural(days, 'day')}, {first} to {last}"),
    ]


def outcome_choice(features: Sequence[Feature]) -> Choice:
    """The feature that marks a conversion, by its name; none where no name says so."""
    counts = [feature.name for feature in features if feature.kind in ("", "count")]
    for wanted in OUTCOMES:
        found = next((name for name in counts if re.search(rf"(^|_){wanted}s?(_|$)", name.lower())), None)
        if found:
            return Choice("FLYWHEEL_OUTCOME", found, f"{found!r} reads like a conversion; none means no outcome")
    return Choice("FLYWHEEL_OUTCOME", "none", "no feature reads like a conversion; name one here if there is")


def time_choice(engine: Engine, tables: Sequence[ir.Table]) -> list[Choice]:
    """The column that says when sessions began, where most of their ids do not: the only one of a timestamp type that
    all tables have. ``tables``: session rows with ``session_id``, a string. Empty where the ids say it, or sessions
    have ``timestamp_unix``.

    Raises LandingError that names the columns where there are several or none."""
    setting = "FLYWHEEL_SESSION_TIME_COLUMN"
    rows = [started(table, None, None).select(time="timestamp_unix") for table in tables]
    counted = [engine.collect(one.aggregate(rows=one.count(), timed=one.time.count())).to_pylist()[0] for one in rows]
    if 2 * sum(one["timed"] for one in counted) >= sum(one["rows"] for one in counted):
        return []
    times = [name for name in tables[0].columns if all(_is_timestamp(table, name) for table in tables)]
    if not times:
        raise LandingError(
            "session_id holds no time, and no column is a timestamp: write the column that says when a session began "
            f"into .env, as in {setting}=started_at; there are: {', '.join(tables[0].columns)}"
        )
    if len(times) > 1:
        raise LandingError(
            f"session_id holds no time, and {' and '.join(times)} are timestamps: write the one that says when a "
            f"session began into .env, as in {setting}={times[0]}, and run flywheel start again"
        )
    return [Choice(setting, times[0], "session_id holds no time, and this column is the only timestamp")]


def _is_timestamp(table: ir.Table, name: str) -> bool:
    return name in table.columns and table[name].type().is_timestamp()


def days(engine: Engine, starts: Sequence[ir.Table]) -> tuple[date, date]:
    """The days, in UTC, of the first and of the last instant among tables of one column of Unix seconds; what a wrong
    clock put far from all others is left out. Raises LandingError where there is none."""
    weeks: dict[int, tuple[int, int, int]] = {}
    for table in starts:
        (name,) = table.columns
        timed = table.filter(table[name].notnull()).mutate(week=(table[name] // WEEK_SECONDS).cast("int64"))
        counted = timed.group_by("week").aggregate(rows=timed.count(), first=timed[name].min(), last=timed[name].max())
        for row in engine.collect(counted).to_pylist():
            rows, first, last = weeks.get(row["week"], (0, row["first"], row["last"]))
            weeks[row["week"]] = (rows + row["rows"], min(first, row["first"]), max(last, row["last"]))
    if not weeks:
        raise LandingError("no row has a time, so nothing can be made of these files")
    far = set(isolated_ends({week: rows for week, (rows, _, _) in weeks.items()}))
    near = [span for week, span in weeks.items() if week not in far]
    first, last = min(first for _, first, _ in near), max(last for _, _, last in near)
    return datetime.fromtimestamp(first, UTC).date(), datetime.fromtimestamp(last, UTC).date()


def write_choices(path: Path, choices: Sequence[Choice], environment: Mapping[str, str]) -> list[Choice]:
    """Adds the choices to `.env`, each with why, but for settings that the file or the environment has already, and
    returns those that were added."""
    text = path.read_text("utf-8") if path.is_file() else ""
    stated = set(re.findall(r"^\s*(?:export\s+)?(FLYWHEEL_\w+)\s*=", text, re.MULTILINE)) | environment.keys()
    added = [choice for choice in choices if choice.setting not in stated]
    if added:
        lines = [f"# {choice.why}\n{choice.setting}={choice.value}\n" for choice in added]
        heading = (
            "" if text else "# Chosen by flywheel start from the data. Change what is wrong, then run it again.\n\n"
        )
        text += "\n" if text and not text.endswith("\n") else ""
        write_whole(path, (heading + text + "\n".join(lines)).encode())
    return added


def nothing_closed(calendar: Calendar, now: datetime) -> str:
    """What to say while no interval is closed; empty once one is."""
    if calendar.last_closed(now):
        return ""
    first = calendar.number(1)
    return (
        f"everything is set up, but the first interval, {first.dates}, is still open. Run flywheel start again from "
        f"{first.last_day + timedelta(days=1)} on, with the events or sessions until then"
    )


def label_order_text(sessions: Sequence[str], users: Sequence[str]) -> str:
    """The content of `label_order.toml`: the labels of sessions and of users, worst to best."""
    lines = [f"{rows} = {json.dumps(list(labels))}" for rows, labels in (("sessions", sessions), ("users", users))]
    return "\n".join(
        ["# The labels, worst to best. Rename, add or leave out; segment_labels.toml gives them.", *lines, ""]
    )


def land(files: Sequence[Path], folder: Path) -> list[Path]:
    """Copies files into a folder where they are to land, and returns what is new there. A file that is inside of it, or
    whose content is there under its name, stays; where the name is another file's, the copy's has 8 digits of the
    digest of its content."""
    folder.mkdir(parents=True, exist_ok=True)
    landed = []
    for file in files:
        if file.resolve().is_relative_to(folder.resolve()):
            continue
        target = folder / file.name
        if target.exists() and not _same(file, target):
            stem, dot, endings = file.name.partition(".")
            target = folder / f"{stem}-{content_digest(file)[:8]}{dot}{endings}"
        if target.exists() and _same(file, target):
            continue
        staged = folder / f".{file.name}.{uuid.uuid4().hex}"  # a sensor would take half a file for a whole one
        try:
            shutil.copy2(file, staged)
            put(staged, target)
        finally:
            staged.unlink(missing_ok=True)
        landed.append(target)
    return landed


def _same(file: Path, other: Path) -> bool:
    return file.stat().st_size == other.stat().st_size and content_digest(file) == content_digest(other)

"""Projects whose sessions are made of events, and files of events to land there."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.simulation.world import FEATURES
from flywheel_assets_tests.projects import Project

COUNTED = {"pageviews": '"view"', "leads": '["buy", "ask*"]'}

DISTINCT = {"distinct_items": '"item"', "detail_pageviews": '"item"\nevents = "view"'}


def mapping_text(columns: Mapping[str, str] | None = None, options: str = "", extra: str = "") -> str:
    """An `events.toml` that makes the shipped features of events (user, time, name, item)."""
    roles = columns or {"user": "user", "time": "time", "event": "name"}
    lines = ["[columns]", *(f'{role} = "{name}"' for role, name in roles.items()), "[events]", options]
    for feature in FEATURES:
        lines += [f"[features.{feature}]"]
        lines += [f"distinct = {DISTINCT[feature]}" if feature in DISTINCT else f"count = {COUNTED.get(feature, '[]')}"]
    return "\n".join([*lines, extra])


def events_project(folder: Path, text: str | None = None, **environment: str) -> Project:
    """A project with an `events.toml` and a folder of events."""
    project = Project(folder, **environment)
    project.settings.events_dir.mkdir(parents=True, exist_ok=True)
    project.settings.events_file.write_text(text or mapping_text())
    return project


def unix(when: str) -> int:
    return int(datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp())


def land_events(project: Project, name: str, *events: Sequence[Any], minute: int = 0) -> None:
    """Lands (user, time as "2024-01-02 10:00", name, item)."""
    columns: list[list[Any]] = [list(c) for c in zip(*((*e, None)[:4] for e in events), strict=True)] or [[]] * 4
    times = pa.array([datetime.fromisoformat(t) for t in columns[1]], pa.timestamp("us"))
    texts = [pa.array(columns[i], pa.string()) for i in (0, 2, 3)]
    land(project, name, pa.table({"user": texts[0], "time": times, "name": texts[1], "item": texts[2]}), minute)


def land(project: Project, name: str, content: pa.Table | bytes, minute: int = 0) -> None:
    """Lands a file of events, last modified so many minutes after some fixed hour."""
    path = project.settings.events_dir / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(content, path)
    modified = datetime(2024, 6, 1, 12, minute, tzinfo=UTC).timestamp()
    os.utime(path, (modified, modified))

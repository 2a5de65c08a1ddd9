"""A small history of sessions that tests of several modules look at."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from flywheel_assets_tests.projects import Project, sessions

FIRST, GAP, AFTER_GAP, LAST = "2024-01-15", "2024-01-29", "2024-02-12", "2024-02-26"
NOW = datetime(2024, 3, 20, tzinfo=UTC)
"""When all of them are closed."""


@cache
def history_in(folder: Path) -> Project:
    """Four intervals, the second of them without sessions: ann, bob; nobody; ann, cy; ann, cy, dan. Run once, and not
    to be changed."""
    project = Project(folder)
    project.land(
        "january.parquet",
        sessions(("ann", "2024-01-15 00", 3), ("ann", "2024-01-20 08", 40), ("bob", "2024-01-28 23", 1)),
    )
    project.land(
        "february.parquet",
        sessions(
            ("ann", "2024-02-12 09", 8),
            ("cy", "2024-02-13 10", 2),
            ("ann", "2024-02-27 09", 5),
            ("cy", "2024-02-28 10", 4),
            ("dan", "2024-03-01 10", 12),
        ),
    )
    assert [run.failure for run in project.run(FIRST, GAP, AFTER_GAP, LAST)] == [""] * 4
    return project

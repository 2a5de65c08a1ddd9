"""What is asked of the graph, and whether measurements reach it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import RenderableType

from benchmarks.spent import Spent
from flywheel_assets.cli.console import table

DEFAULT_BATCH, TUNED_BATCH, GRAPH = "script, batch 32", "script, batch 8,192", "graph"

IMPORT_SECONDS = 2.5

MANY_SESSIONS = 10_000_000
"""From here on the targets are those of a large interval, where memory counts too."""


@dataclass(frozen=True)
class Target:
    """``measured`` is None where its measurement was left out."""

    name: str
    measured: float | None
    at_most: float

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return "reached" if self.measured <= self.at_most else "missed"


def machine() -> str:
    """What the machine is and does, for the heading of figures."""
    return f"{os.cpu_count()} cores, load average {os.getloadavg()[1]:.1f} over the last 5 minutes"


def targets_table(wanted: Sequence[Target], heading: str = "") -> RenderableType:
    """The targets with their verdicts; ``heading``: that of their names."""
    lines = [(one.name, one.measured, one.at_most, one.verdict) for one in wanted]
    return table((heading, "measured", "at most", ""), lines, "Targets")


def medians(rounds: Sequence[Spent]) -> Spent:
    """The median of each figure by itself."""
    return Spent(
        median(r.wall_seconds for r in rounds), median(r.cpu_seconds for r in rounds), median(r.peak_mb for r in rounds)
    )


def targets(
    sessions: int, measured: Mapping[str, Spent], import_seconds: float, memory_limited: bool = False
) -> list[Target]:
    """The targets of an interval with so many sessions. A run under a memory limit has only to complete, and to keep
    its memory."""
    times = {name: found.wall_seconds for name, found in measured.items()}
    peaks = {name: found.peak_mb for name, found in measured.items()}
    wanted = []
    if not memory_limited and sessions < MANY_SESSIONS:
        wanted.append(Target(f"time of {DEFAULT_BATCH}", _ratio(times, DEFAULT_BATCH), 0.30))
        wanted.append(Target(f"time of {TUNED_BATCH}", _ratio(times, TUNED_BATCH), 0.80))
    if not memory_limited and sessions >= MANY_SESSIONS:
        wanted.append(Target(f"time of {TUNED_BATCH}", _ratio(times, TUNED_BATCH), 0.40))
    if sessions >= MANY_SESSIONS:
        wanted.append(Target(f"peak memory of {TUNED_BATCH}", _ratio(peaks, TUNED_BATCH), 1 / 3))
    return [*wanted, Target("import of the definitions, seconds", import_seconds, IMPORT_SECONDS)]


def _ratio(figures: Mapping[str, float], script: str) -> float | None:
    """The graph's figure over that of a script."""
    return figures[GRAPH] / figures[script] if script in figures else None

"""What `flywheel run --rescore` runs: the intervals that other models than the champion labelled.

The files decide, as in `status`: a table's footer says which model it was scored by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import dagster as dg

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.jobs import INTERVAL_JOB, RESCORE_JOB, TRANSITIONS_JOB
from flywheel_assets.orchestration.runs import IntervalRun, run_intervals

LABELLED = {"session_predictions": "session model", "user_labels": "user model"}
"""The tables that a model labels, and what their footers call it."""

FOLLOWING = ("user_distributions", "user_labels", "enriched_export")
"""The tables of the same interval that are made from labels."""


@dataclass(frozen=True)
class Rescoring:
    """One run: ``job`` is the least that makes the interval's tables those of the champion."""

    interval: Interval
    job: str
    because: str


def rescorings(flywheel: Flywheel, first: Interval | None = None, last: Interval | None = None) -> list[Rescoring]:
    """The runs, oldest first, of a range of intervals or of all. An interval that the champion labelled is not among
    them, but for the transitions from one that is.

    From trimmed_sessions, unless the champion takes other features or other values of them for valid than those
    before: then from the landed files. What a kill left half done is completed. Files that landed late are left to a
    plain `flywheel run`."""
    keys = {key for table in LABELLED for key in flywheel.warehouse.keys(table)}
    held = [i for i in flywheel.calendar if i.key in keys and (first or i).number <= i.number <= (last or i).number]
    found: list[Rescoring] = []
    anew: Interval | None = None
    for interval in held:
        because = _labelled_by_others(flywheel, interval) or _of_other_labels(flywheel, interval, FOLLOWING)
        moved = _of_other_labels(flywheel, interval, ("label_transitions",))
        if because:
            job = INTERVAL_JOB if _other_features(flywheel, interval) else RESCORE_JOB
            found.append(Rescoring(interval, job, because))
        elif anew and anew.number == interval.number - 1:
            found.append(Rescoring(interval, TRANSITIONS_JOB, f"{anew.key} is labelled anew"))
        elif moved:
            found.append(Rescoring(interval, TRANSITIONS_JOB, moved))
        anew = interval if because else None
    return found


def run_rescorings(
    defs: dg.Definitions, instance: dg.DagsterInstance, planned: Sequence[Rescoring], forget_missing: bool = False
) -> Iterator[IntervalRun]:
    """Run them in turn, as :func:`run_intervals` does."""
    for job, several in groupby(planned, key=lambda one: one.job):
        yield from run_intervals(defs.resolve_job_def(job), instance, [one.interval for one in several], forget_missing)


def _labelled_by_others(flywheel: Flywheel, interval: Interval) -> str:
    """Which models labelled the interval's tables, in words; empty when the champion's did."""
    versions = {
        "session_predictions": flywheel.models["session"].version,
        "user_labels": flywheel.models["user"].version,
    }
    others = []
    for table, parameter in LABELLED.items():
        made = flywheel.warehouse.generation(table, interval)
        if flywheel.warehouse.exists(table, interval) and (
            made is None or made.parameters[parameter] != versions[table]
        ):
            others.append(f"{parameter} {made.parameters[parameter] if made else 'unknown'}")
    return " and ".join(others)


def _of_other_labels(flywheel: Flywheel, interval: Interval, tables: Sequence[str]) -> str:
    """Which of the tables were made from other labels than are there, in words; empty when none was. One that is not
    there has never been made: that is a plain run's."""
    for table in tables:
        made, sources = flywheel.warehouse.generation(table, interval), flywheel.generation(table, interval).sources
        if made and any(made.sources.get(name) != digest for name, digest in sources.items()):
            return f"{table} is of labels that are gone"
    return ""


def _other_features(flywheel: Flywheel, interval: Interval) -> bool:
    made = flywheel.warehouse.generation("landed_sessions", interval)
    wanted = flywheel.wanted_generation("landed_sessions", interval)
    return made is None or made.parameters["features"] != wanted.parameters["features"]

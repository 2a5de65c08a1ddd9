"""What `flywheel run --rescore` runs: the intervals that other models than the champion labelled.

The files decide, as in `status`: a table's footer says which model it was scored by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.landing import landed_sessions
from flywheel_assets.tables.contract import Table
from flywheel_assets.users import enriched_export, label_transitions, user_distributions, user_labels
from flywheel_assets.users.spine import LABELLED

FOLLOWING = (user_distributions.TABLE, user_labels.TABLE, enriched_export.TABLE)
"""The tables of the same interval that are made from labels."""


@dataclass(frozen=True)
class Rescoring:
    """One run: ``job`` is the least that makes the interval's tables those of the champion."""

    interval: Interval
    job: Literal["interval", "rescore", "transitions"]
    because: str


def rescorings(flywheel: Flywheel, first: Interval | None = None, last: Interval | None = None) -> list[Rescoring]:
    """The runs, oldest first, of a range of intervals or of all. An interval that the champion labelled is not among
    them, but for the transitions from one that is.

    From trimmed_sessions, unless the champion takes other features or other values of them for valid than those
    before: then from the landed files. What a kill left half done is completed. Files that landed late are left to a
    plain `flywheel run`."""
    keys = {key for table in LABELLED for key in flywheel.warehouse.keys(table.name)}
    held = [i for i in flywheel.calendar if i.key in keys and (first or i).number <= i.number <= (last or i).number]
    found: list[Rescoring] = []
    anew: Interval | None = None
    for interval in held:
        because = _labelled_by_others(flywheel, interval) or _of_other_labels(flywheel, interval, FOLLOWING)
        moved = _of_other_labels(flywheel, interval, (label_transitions.TABLE,))
        if because:
            whole = _other_features(flywheel, interval)
            found.append(Rescoring(interval, "interval" if whole else "rescore", because))
        elif anew and anew.number == interval.number - 1:
            found.append(Rescoring(interval, "transitions", f"{anew.key} is relabelled"))
        elif moved:
            found.append(Rescoring(interval, "transitions", moved))
        anew = interval if because else None
    return found


def _labelled_by_others(flywheel: Flywheel, interval: Interval) -> str:
    """Which models labelled the interval's tables, in words; empty when the champion's did."""
    others = []
    for table in LABELLED:
        made = flywheel.warehouse.generation(table.name, interval)
        if table.labels and flywheel.warehouse.exists(table.name, interval):
            parameter, version = table.labels.parameter, flywheel.models[table.labels.model].version
            if made is None or made.parameters[parameter] != version:
                others.append(f"{parameter} {made.parameters[parameter] if made else 'unknown'}")
    return " and ".join(others)


def _of_other_labels(flywheel: Flywheel, interval: Interval, tables: Sequence[Table]) -> str:
    """Which of the tables, or of the files written with them, were made from other labels than are there, in words;
    empty when none was. One that is not there has never been made: that is a plain run's."""
    for table in tables:
        sources = flywheel.generation(table, interval).sources
        for written in (table.name, *table.companions(flywheel)):
            made = flywheel.warehouse.generation(written, interval)
            if made and any(made.sources.get(name) != digest for name, digest in sources.items()):
                return f"{written} rests on labels that are gone"
    return ""


def _other_features(flywheel: Flywheel, interval: Interval) -> bool:
    made = flywheel.warehouse.generation("landed_sessions", interval)
    wanted = landed_sessions.TABLE.parameters(flywheel, interval)
    return made is None or landed_sessions.present_form(made.parameters)["features"] != wanted["features"]

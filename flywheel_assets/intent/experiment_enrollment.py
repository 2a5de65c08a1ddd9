"""Who is enrolled in which experiment, since when, and why an experiment gets nobody.

Who is assigned stays assigned: users have been written to. A table that is made again keeps the users of every
experiment that it has, whatever became of scores, of the definition or of the file since. An experiment that cannot be
as the file says is refused, and stands in the way of no other."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.errors import IntentError
from flywheel_assets.intent import experiment_assignment, intent_scores, user_features
from flywheel_assets.intent.experiments_file import Experiment
from flywheel_assets.intervals import Interval
from flywheel_assets.users import user_labels

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

ASSIGNMENT = experiment_assignment.TABLE

Assigned = dict[str, pa.Table]
"""Rows of experiment_assignment, by experiment."""

REFUSED, ASSIGNED_ON = "experiments refused", "experiments assigned on"
"""Notes in the file of experiment_assignment: JSON by experiment, of the reason and of the day."""


@dataclass(frozen=True)
class Enrollment:
    """Of the experiments that assign users in an interval: ``rows`` of experiment_assignment by name, ``refused`` why
    one is not as the file says, ``assigned_on`` the day of the first assignment, ``2024-02-01``, unless an earlier
    version of Flywheel made it, which kept none."""

    rows: Assigned
    refused: Mapping[str, str]
    assigned_on: Mapping[str, str]

    @property
    def notes(self) -> dict[str, str]:
        return {REFUSED: json.dumps(self.refused), ASSIGNED_ON: json.dumps(self.assigned_on)}


def enrollment(flywheel: "Flywheel", interval: Interval) -> Enrollment:
    """What the table of the interval is to hold: the rows that it has, and users for the experiments that are new in
    it; none of these where the interval is not closed.

    Refused is a name that was used before with other shares, another end or another interval; an experiment whose users
    are in another exclusive one too; and one that leaves out users of another who are not assigned. Raises
    NotMaterializedError where what it is made from is missing."""
    rows, refused = _kept(flywheel, interval), dict[str, str]()
    assigned_on = {name: day for name, day in _note(flywheel, interval, ASSIGNED_ON).items() if name in rows}
    today = flywheel.calendar.day_at(int(flywheel.now().timestamp())).isoformat()
    candidates: pa.Table | None = None
    for one in in_order(begun(flywheel, interval)):
        try:
            _check_unchanged(flywheel, one)
            if one.name in rows:
                continue
            ids = [_users(flywheel, other, one, rows) for other in one.leave_out]
            left_out = pa.concat_arrays(ids) if ids else pa.array([], pa.string())
            if candidates is None:
                candidates = flywheel.engine.collect(candidates_of(flywheel, interval))
            made = experiment_assignment.assigned(one, candidates, left_out)
            _check_exclusive(flywheel, one, made, rows)
        except IntentError as error:
            refused[one.name] = str(error)
        else:
            rows[one.name] = made
            assigned_on[one.name] = today
    return Enrollment(rows, refused, assigned_on)


def refusals(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    """Why experiments that assign users in the interval were refused, by name; none where the table is not there, or
    was made by other definitions than those of now."""
    return _note(flywheel, interval, REFUSED) if _as_defined(flywheel, interval) else {}


def late(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    """Experiments that assigned the users of an interval after their first look had ended, by name, with a sentence."""
    first = flywheel.calendar.number(min(interval.number + 1, flywheel.calendar.count))
    return {
        name: f"its users were assigned on {day}, after its first look had ended ({first.dates}): outcomes from before "
        "the assignment are counted, which no arm can have caused"
        for name, day in _note(flywheel, interval, ASSIGNED_ON).items()
        if date.fromisoformat(day) > first.last_day
    }


def begun(flywheel: "Flywheel", interval: Interval) -> list[Experiment]:
    """The experiments that assign users in the interval, in the order of the file; none while it is not closed."""
    closed = flywheel.closed(interval)
    return [one for one in flywheel.intent.experiments.values() if closed and one.assign == interval]


def in_order(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Each after those that it leaves out, and else by name."""
    waiting = {one.name: one for one in sorted(experiments, key=lambda one: one.name)}
    ordered: list[Experiment] = []
    while waiting:
        following = next(one for one in waiting.values() if not set(one.leave_out) & set(waiting))
        ordered.append(waiting.pop(following.name))
    return ordered


def shared_users(flywheel: "Flywheel", interval: Interval) -> dict[tuple[str, str], int]:
    """How many users two exclusive experiments that overlap have in common, one of which begins in the interval; by
    the names of both."""
    rows, shared = _kept(flywheel, interval), dict[tuple[str, str], int]()
    for one in flywheel.intent.experiments.values():
        if one.name in rows:
            both = _shared_users(flywheel, one, rows[one.name], rows)
            shared |= {(min(one.name, name), max(one.name, name)): len(ids) for name, ids in both.items()}
    return shared


def candidates_of(flywheel: "Flywheel", interval: Interval) -> ir.Table:
    """The users who can be assigned in an interval, see :func:`candidates`. Raises NotMaterializedError."""
    warehouse = flywheel.warehouse
    labelled = warehouse.exists(user_labels.TABLE.name, interval)
    return experiment_assignment.candidates(
        warehouse.read(intent_scores.TABLE.name, interval),
        warehouse.read(user_features.TABLE.name, interval),
        warehouse.read(user_labels.TABLE.name, interval) if labelled else None,
    )


def _kept(flywheel: "Flywheel", interval: Interval) -> Assigned:
    """The rows that the table has; none where it is not there, or cannot be read."""
    if not flywheel.warehouse.rows(ASSIGNMENT.name, interval):
        return {}
    rows = flywheel.engine.collect(flywheel.warehouse.read(ASSIGNMENT.name, interval)).cast(ASSIGNMENT.schema)
    return {name: rows.filter(pc.equal(rows["experiment"], name)) for name in rows["experiment"].unique().to_pylist()}


def _check_unchanged(flywheel: "Flywheel", experiment: Experiment) -> None:
    for key in flywheel.warehouse.keys(ASSIGNMENT.name):
        if not flywheel.warehouse.rows(ASSIGNMENT.name, flywheel.calendar.key(key)):
            continue
        rows = flywheel.warehouse.read(ASSIGNMENT.name, flywheel.calendar.key(key))
        first = rows.filter(rows.experiment == experiment.name).select("shares", "until").limit(1)
        for row in flywheel.engine.collect(first).to_pylist():
            stated = (
                ("shares", row["shares"], experiment.stated_shares),
                ("assign", key, experiment.assign.key),
                ("until", row["until"], experiment.until.key),
            )
            for what, was, now in stated:
                if was != now:
                    raise IntentError(
                        f"{experiment.place}: [{experiment.name}] was used before: its users were assigned with {what} "
                        f"{was}, and the file now says {now}; put that back, or give the new experiment another name"
                    )


def _check_exclusive(flywheel: "Flywheel", experiment: Experiment, users: pa.Table, here: Assigned) -> None:
    for name, shared in _shared_users(flywheel, experiment, users, here).items():
        if len(shared):
            other = flywheel.intent.experiments[name]
            late = (
                f"assign in {other.assign.key} or later, and " if other.assign.number > experiment.assign.number else ""
            )
            several = f"{len(shared):,} users who are" if len(shared) > 1 else "a user who is"
            raise IntentError(
                f"{experiment.place}: [{experiment.name}] has {several} in {name} too (such as "
                f"{min(shared.to_pylist())!r}); both are exclusive, as {experiment.exclusive!r}, and {name} runs until "
                f'{other.until.key}; to leave these users out: {late}leave_out = ["{name}"]'
            )


def _shared_users(
    flywheel: "Flywheel", experiment: Experiment, users: pa.Table, here: Mapping[str, pa.Table]
) -> dict[str, pa.ChunkedArray]:
    """The ids of ``users`` who are also in an exclusive experiment that overlaps and has users, by its name."""
    shared: dict[str, pa.ChunkedArray] = {}
    for other in flywheel.intent.experiments.values():
        if experiment.overlaps(other):
            theirs = here[other.name] if other.name in here else assigned_to(flywheel, other)
            if theirs is not None:  # else it finds these users when its own are assigned
                ids = theirs["user_id"].combine_chunks()
                shared[other.name] = users["user_id"].filter(pc.is_in(users["user_id"], value_set=ids))
    return shared


def _users(flywheel: "Flywheel", name: str, experiment: Experiment, here: Mapping[str, pa.Table]) -> pa.Array:
    """The ids of another experiment's users. ``here``: the rows of those that begin in the interval of ``experiment``.
    Raises IntentError where they are not assigned."""
    other = flywheel.intent.experiments[name]
    theirs = here.get(name) if other.assign == experiment.assign else assigned_to(flywheel, other)
    if theirs is None:
        raise IntentError(
            f"{experiment.place}: [{experiment.name}] needs the users of {name}, who are not assigned yet; "
            f"flywheel experiment show {name} says why and what to do"
        )
    return theirs["user_id"].combine_chunks()


def assigned_to(flywheel: "Flywheel", experiment: Experiment) -> pa.Table | None:
    """The rows of an experiment, of which there may be none; None where users are not assigned yet, or never will be
    because it is refused. Users whom it had before its definition was changed are there."""
    rows = _kept(flywheel, experiment.assign).get(experiment.name)
    if rows is None and _as_defined(flywheel, experiment.assign):
        refused = experiment.name in refusals(flywheel, experiment.assign)
        return None if refused else ASSIGNMENT.schema.empty_table()
    return rows


def _as_defined(flywheel: "Flywheel", interval: Interval) -> bool:
    """Whether the table of the interval was made by the definitions of now."""
    made = flywheel.warehouse.generation(ASSIGNMENT.name, interval)
    return made is not None and made.parameters == ASSIGNMENT.parameters(flywheel, interval)


def _note(flywheel: "Flywheel", interval: Interval, name: str) -> dict[str, str]:
    return dict(json.loads(flywheel.warehouse.note(ASSIGNMENT.name, interval, name) or "{}"))

"""Who is assigned to which experiment, and what became of them: what the tables of experiments are made from.

Who is assigned stays assigned: users have been written to. A table that is made again keeps the users of every
experiment that it has, whatever became of scores, of the definition or of the file since."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from flywheel_assets.errors import IntentError, NotMaterializedError
from flywheel_assets.intent import experiment_assignment, experiment_readout, intent_scores, user_days, user_features
from flywheel_assets.intent.experiments import experiments_of, outcome_of
from flywheel_assets.intent.experiments_file import Experiment
from flywheel_assets.intervals import Interval
from flywheel_assets.report.numbers import plural
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.users import user_labels

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

ASSIGNMENT, READOUT = experiment_assignment.TABLE, experiment_readout.TABLE

Assigned = dict[str, pa.Table]
"""Rows of experiment_assignment, by experiment."""


def assignments(flywheel: "Flywheel", interval: Interval) -> Assigned:
    """The rows of the interval: those that the table has, and users for the experiments that are new in it; none of
    these where the interval is not closed.

    Raises IntentError for a name that was used before with other shares, another end or another interval, and for
    users in two exclusive experiments; NotMaterializedError where what it is made from is missing."""
    rows, here = _kept(flywheel, interval), begun(flywheel, interval)
    for one in here:
        _check_unchanged(flywheel, one)
    new = [one for one in here if one.name not in rows]
    users = flywheel.engine.collect(_candidates(flywheel, interval)) if new else None
    for one in in_order(new):
        ids = [_users(flywheel, other, one, rows) for other in one.leave_out]
        left_out = pa.concat_arrays(ids) if ids else pa.array([], pa.string())
        made = experiment_assignment.assigned(one, users, left_out)
        _check_exclusive(flywheel, one, made, rows)
        rows[one.name] = made
    return rows


def begun(flywheel: "Flywheel", interval: Interval) -> list[Experiment]:
    """The experiments that assign users in the interval, in the order of the file; none while it is not closed."""
    closed = flywheel.closed(interval)
    return [one for one in experiments_of(flywheel).values() if closed and one.assign == interval]


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
    for one in experiments_of(flywheel).values():
        if one.name in rows:
            found = _shared_users(flywheel, one, rows[one.name], rows)
            shared |= {(min(one.name, name), max(one.name, name)): len(ids) for name, ids in found.items()}
    return shared


def under_way(flywheel: "Flywheel", interval: Interval) -> list[Experiment]:
    """The experiments that are read out in the interval, in the order of the file; none while it is not closed."""
    closed = flywheel.closed(interval)
    return [one for one in experiments_of(flywheel).values() if closed and one.under_way(interval)]


def cohort(flywheel: "Flywheel", experiment: Experiment) -> ir.Table:
    """The rows of experiment_assignment of an experiment. Raises NotMaterializedError."""
    rows = flywheel.warehouse.read(ASSIGNMENT.name, experiment.assign)
    return rows.filter(rows.experiment == experiment.name)


def followed(flywheel: "Flywheel", experiment: Experiment, interval: Interval, labelled: bool) -> ir.Table:
    """The users of an experiment as :func:`readout` takes them, at the end of an interval; ``labelled``: with
    ``to_label``. Raises NotMaterializedError."""
    warehouse, kind = flywheel.warehouse, outcome_of(flywheel, experiment)
    users = cohort(flywheel, experiment)
    scores = warehouse.read(intent_scores.TABLE.name, experiment.assign)
    rows = users.left_join(scores.select("user_id", score=scores.score.cast("float64")), "user_id").select(
        "user_id", "arm", "score", from_label="stratum_label"
    )
    for look, one in enumerate(flywheel.calendar.between(experiment.assign, interval)):
        days = warehouse.read(user_days.TABLE.name, one)
        if kind not in days.columns:
            raise NotMaterializedError(
                f"user_days of {one.key} does not count {kind}, the outcome of [{experiment.name}]; it was made before "
                f"events.toml named it. Make it again: flywheel run --from {one.key} --to {interval.key}"
            )
        did = days.group_by("user_id").aggregate(**{f"did_{look}": days[kind].sum() > 0})
        rows = rows.left_join(did, "user_id").select(*rows.columns, f"did_{look}")
    if not labelled:
        return rows
    labels = warehouse.read(user_labels.TABLE.name, interval)
    joined = rows.left_join(labels.select("user_id", label="user_flywheel_label"), "user_id")
    return joined.select(*rows.columns, to_label=joined.label.fill_null(ABSENT))


def last_readout(flywheel: "Flywheel", experiment: Experiment) -> list[dict[str, Any]]:
    """The rows of its last readout; none without any."""
    for interval in reversed(flywheel.calendar.between(experiment.assign, experiment.until)):
        if flywheel.warehouse.rows(READOUT.name, interval):
            rows = flywheel.rows(READOUT, interval)
            found = [row for row in rows if row["experiment"] == experiment.name]
            if found:
                return found
    return []


def status(flywheel: "Flywheel", experiment: Experiment) -> str:
    """Why an experiment has no readout yet."""
    users = _assigned(flywheel, experiment)
    following = flywheel.calendar.number(experiment.assign.number + 1)
    if users is not None:
        return (
            f"{plural(len(users), 'user')} assigned; the first readout is that of {following.dates}, once it is closed"
        )
    if not flywheel.closed(experiment.assign):
        return f"users are assigned once {experiment.assign.dates} is closed"
    return f"nobody is assigned yet; next: flywheel run --from {experiment.assign.key}"


def _candidates(flywheel: "Flywheel", interval: Interval) -> ir.Table:
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
        found = rows.filter(rows.experiment == experiment.name).select("shares", "until").limit(1)
        for row in flywheel.engine.collect(found).to_pylist():
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
            other = experiments_of(flywheel)[name]
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
    for other in experiments_of(flywheel).values():
        if experiment.overlaps(other):
            found = here[other.name] if other.name in here else _assigned(flywheel, other)
            if found is not None:  # else it finds these users when its own are assigned
                ids = found["user_id"].combine_chunks()
                shared[other.name] = users["user_id"].filter(pc.is_in(users["user_id"], value_set=ids))
    return shared


def _users(flywheel: "Flywheel", name: str, experiment: Experiment, here: Mapping[str, pa.Table]) -> pa.Array:
    """The ids of another experiment's users. ``here``: the rows of those that begin in the interval of ``experiment``.
    Raises NotMaterializedError where they are not assigned yet."""
    if name in here:
        return here[name]["user_id"].combine_chunks()
    other = experiments_of(flywheel)[name]
    found = _assigned(flywheel, other)
    if found is None:
        raise NotMaterializedError(
            f"{experiment.place}: [{experiment.name}] needs the users of {name}, who are not assigned yet; first run "
            f"flywheel run --from {other.assign.key} --to {other.assign.key}"
        )
    return found["user_id"].combine_chunks()


def _assigned(flywheel: "Flywheel", experiment: Experiment) -> pa.Table | None:
    """The rows of an experiment, of which there may be none; None where users are not assigned yet."""
    rows = _kept(flywheel, experiment.assign).get(experiment.name)
    made = flywheel.warehouse.generation(ASSIGNMENT.name, experiment.assign)
    if rows is None and made is not None:
        wanted = ASSIGNMENT.parameters(flywheel, experiment.assign)
        return ASSIGNMENT.schema.empty_table() if made.parameters == wanted else None
    return rows

"""What became of the users of an experiment: the cohort that a readout follows, and the last readout.

Who is in it is `experiment_enrollment`'s."""

from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir

from flywheel_assets.errors import NotMaterializedError
from flywheel_assets.intent import experiment_assignment, experiment_readout, intent_scores, user_days
from flywheel_assets.intent.experiment_enrollment import assigned_to, refusals
from flywheel_assets.intent.experiments import outcome_of
from flywheel_assets.intent.experiments_file import Experiment
from flywheel_assets.intervals import Interval
from flywheel_assets.report.numbers import plural
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.users import user_labels

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

ASSIGNMENT, READOUT = experiment_assignment.TABLE, experiment_readout.TABLE


def under_way(flywheel: "Flywheel", interval: Interval) -> list[Experiment]:
    """The experiments that are read out in the interval, in the order of the file; none while it is not closed. One
    whose users are not assigned as the file says is not among them."""
    closed = flywheel.closed(interval)
    defined = [one for one in flywheel.intent.experiments.values() if closed and one.under_way(interval)]
    return [one for one in defined if _can_be_followed(flywheel, one)]


def _can_be_followed(flywheel: "Flywheel", experiment: Experiment) -> bool:
    users = assigned_to(flywheel, experiment)
    if users is None or experiment.name in refusals(flywheel, experiment.assign):
        return False
    stated = users.select(["shares", "until"]).slice(0, 1).to_pylist()  # the file may be newer than the table
    return stated in ([], [{"shares": experiment.stated_shares, "until": experiment.until.key}])


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
            readout = [row for row in rows if row["experiment"] == experiment.name]
            if readout:
                return readout
    return []


def status(flywheel: "Flywheel", experiment: Experiment) -> str:
    """Why an experiment has no readout yet."""
    refused = refusals(flywheel, experiment.assign).get(experiment.name)
    if refused:
        return refused
    users = assigned_to(flywheel, experiment)
    following = flywheel.calendar.number(experiment.assign.number + 1)
    if users is not None:
        return (
            f"{plural(len(users), 'user')} assigned; the first readout is that of {following.dates}, once it is closed"
        )
    if not flywheel.closed(experiment.assign):
        return f"users are assigned once {experiment.assign.dates} is closed"
    return f"nobody is assigned yet; next: flywheel run --from {experiment.assign.key}"

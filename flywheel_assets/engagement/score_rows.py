"""What models of engagement by interval learn from: the histories of users at an interval's end, and what the users did
in the next."""

import ibis.expr.types as ir
import pyarrow as pa

from flywheel_assets.engagement import engagement_history
from flywheel_assets.engagement.engagement_history import by_interval
from flywheel_assets.engagement.judged_scores import immature, with_outcomes
from flywheel_assets.engagement.score_targets import ScoreTarget, folder
from flywheel_assets.engagement.transition_chances import CHANCES
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.settings import Settings
from flywheel_assets.tables.columns import USER_ID
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.classifier.examples import Examples, examples_of
from flywheel_assets.training.classifier.newest_rows import INTERVAL, newest_rows
from flywheel_assets.training.classifier.task import ClassifierTask
from flywheel_assets.users import user_distributions, user_labels

NO_INPUTS = (USER_ID, *CHANCES)

MOST_OTHERS = 1_000
"""An explanation compares a user with so many others."""

NUMBER = "interval_number"
EXPERIMENT = "Engagement_Scores_Classification"


def history_at(flywheel: Flywheel, interval: Interval) -> ir.Table:
    """The rows of engagement_history of an interval as they would be made now. Raises NotMaterializedError."""
    labels, mixes = dict[int, ir.Table](), dict[int, ir.Table]()
    for table, one in flywheel.lineage.inputs(engagement_history.TABLE, interval):
        of = labels if table is user_labels.TABLE else mixes
        of[interval.number - one.number] = flywheel.warehouse.read(table.name, one)
    session, user = flywheel.models["session"].order, flywheel.models["user"].order
    return engagement_history.engagement_history(by_interval(labels, mixes, session), max(labels), session, user)


def learning_examples(flywheel: Flywheel) -> pa.Table:
    """Per user and pair of consecutive intervals the history at the end of the first, and the outcomes of the second
    (``active``, ``best_label``), with its INTERVAL and NUMBER, as :func:`newest_rows` has them, in the order of
    user_id. The second is closed, and both are complete.

    Raises TrainingError without rows."""
    nothing = (
        "there is nothing to learn from yet: two consecutive intervals have to be closed, complete and labelled. "
        "Make their tables first: flywheel run"
    )
    intervals = reversed(flywheel.extent.to_run(flywheel.now()))
    return newest_rows(intervals, lambda interval: _rows(flywheel, interval), nothing)


def _rows(flywheel: Flywheel, interval: Interval) -> pa.Table | None:
    """Those whose outcomes are of the interval; None where that or the one before cannot be learnt from."""
    warehouse, best = flywheel.warehouse, flywheel.models["session"].order[-1]
    previous = flywheel.extent.previous(interval)
    tables, both = (user_labels.TABLE, user_distributions.TABLE), (previous, interval)
    there = [warehouse.exists(table.name, one) for table in tables for one in both if one]
    if not previous or not all(there) or incomplete(flywheel, [previous]) or immature(flywheel, interval):
        return None
    mix = warehouse.read(user_distributions.TABLE.name, interval)
    if share_column(best) not in mix.columns:  # of a session model with other labels
        return None
    content = flywheel.engine.collect(with_outcomes(history_at(flywheel, previous), mix, best).order_by("user_id"))
    return content.append_column(NUMBER, pa.repeat(interval.number, len(content)))


def examples_for(flywheel: Flywheel, target: ScoreTarget) -> Examples:
    """Those of :func:`learning_examples` for a target. Raises TrainingError without rows, and where they are of one
    class.

    Transition chances are no inputs: they tell intervals apart more than users, and a model learns the season of each.
    On a year of real users that raised the Brier score of a later season from 0.185 to 0.193."""
    inputs = [column.name for column in flywheel.columns(engagement_history.TABLE) if column not in NO_INPUTS]
    return examples_of(
        learning_examples(flywheel),
        target.outcome,
        inputs,
        user=USER_ID.name,
        row_id=USER_ID.name,
        time=NUMBER,
        interval=INTERVAL,
        source=engagement_history.TABLE.name,
    )


def user_rows(flywheel: Flywheel, user_id: str) -> tuple[pa.Table, pa.Table] | None:
    """The history of a user at the end of the last closed interval that knows them, and histories of other users then;
    None where no interval does."""
    for interval in reversed(flywheel.extent.to_run(flywheel.now())):
        if not flywheel.warehouse.rows(user_labels.TABLE.name, interval):
            continue
        users = history_at(flywheel, interval)
        row = flywheel.engine.collect(users.filter(users.user_id == user_id))
        if row.num_rows:
            return row, flywheel.engine.collect(others_among(users))
    return None


def others_among(users: ir.Table) -> ir.Table:
    """Histories beside which one of them is explained."""
    return users.order_by(users.user_id.hash(), users.user_id).limit(MOST_OTHERS)


def score_task(settings: Settings, target: ScoreTarget) -> ClassifierTask:
    """The training of a target's model."""
    return ClassifierTask(
        target.name,
        target.text,
        "users",
        "at the end of an interval, from the intervals of the look-back",
        f"flywheel engagement {target.command}",
        EXPERIMENT,
        folder(settings, target),
        settings.models_dir.parent,
    )

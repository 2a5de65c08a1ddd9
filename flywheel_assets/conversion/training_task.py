"""The training of a model of conversion: what it is for, and the examples that it learns from."""

import ibis.expr.types as ir
import pyarrow as pa

from flywheel_assets.conversion import conversion_dataset
from flywheel_assets.conversion.definition import COMMANDS, CONVERSION_MODEL
from flywheel_assets.conversion.learning_rows import learning_examples
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.settings import Settings
from flywheel_assets.training.classifier.examples import Examples, examples_of
from flywheel_assets.training.classifier.newest_rows import INTERVAL
from flywheel_assets.training.classifier.task import ClassifierTask
from flywheel_assets.training.classifier.threshold import ThresholdRule

EXPERIMENT = "Conversion_Prediction_Classification"

MOST_OTHERS = 1_000
"""Of an interval's rows so many are read to explain one beside them."""

TARGET, HORIZON_OF_TABLE = "a conversion", "as the table has it"


def conversion_task(settings: Settings, horizon: str, rule: ThresholdRule, target: str = TARGET) -> ClassifierTask:
    """``horizon``: what is known of a session when it is predicted, completing "known ..."; ``target`` completes "the
    probability of ...". A model in use has those of `conversion.toml`."""
    return ClassifierTask(
        CONVERSION_MODEL,
        target,
        "sessions",
        horizon,
        COMMANDS,
        EXPERIMENT,
        settings.conversion_models_dir,
        settings.models_dir.parent,
        rule,
    )


def dataset_training(flywheel: Flywheel, rule: ThresholdRule) -> tuple[ClassifierTask, Examples]:
    """Task and examples of a training on conversion_dataset, of every closed interval. Raises TrainingError without
    rows."""
    conversion, definition = flywheel.conversion, flywheel.conversion.definition
    examples = examples_of(
        learning_examples(flywheel),
        "converted",
        conversion.inputs,
        definition.categories,
        user="user_id",
        row_id="session_id",
        time="timestamp_unix",
        interval=INTERVAL,
        source="conversion_dataset",
    )
    return conversion_task(flywheel.settings, definition.horizon, rule, definition.conversion), examples


def session_rows(flywheel: Flywheel, session_id: str) -> tuple[pa.Table, pa.Table] | None:
    """The row of a session in conversion_dataset, and rows of its interval; None where no interval has it."""
    table = conversion_dataset.TABLE.name
    for key in reversed(flywheel.warehouse.keys(table)):
        rows = flywheel.warehouse.read(table, flywheel.calendar.key(key))
        row = flywheel.engine.collect(rows.filter(rows.session_id == session_id))
        if row.num_rows:
            return row, flywheel.engine.collect(others_among(rows))
    return None


def others_among(rows: ir.Table) -> ir.Table:
    """Rows of conversion_dataset, drawn from all of its interval, beside which one of them is explained."""
    return rows.order_by(rows.session_id.hash(), rows.session_id).limit(MOST_OTHERS)

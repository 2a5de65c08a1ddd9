"""conversion_ledger: how the predictions of an interval turned out, once it has closed."""

from typing import TYPE_CHECKING

from flywheel_assets.conversion import conversion_dataset, conversion_predictions
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.training.classifier import ledger

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel


HORIZON = Column("horizon", "string", "When the sessions were predicted, which every figure rests on.")


def matured(flywheel: "Flywheel", interval: Interval) -> dict[str, str]:
    """The parameters of tables that are empty until an interval closes."""
    return {"closed": "yes" if flywheel.closed(interval) else "no"}


TABLE = Table(
    "conversion_ledger",
    "interval",
    "The predictions of the interval against what came of them: calibration, ranking, decisions, and drift of the "
    "probabilities. Empty until the interval closes, and where nothing was predicted.",
    (conversion_dataset.TABLE, conversion_predictions.TABLE),
    (HORIZON, *ledger.COLUMNS),
    used=conversion_predictions.TABLE.used,
    waits=conversion_predictions.TABLE.waits,
    checks=(ledger.DRIFT, ledger.CALIBRATED),
    parameters=matured,
)

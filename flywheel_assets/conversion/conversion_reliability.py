"""conversion_reliability: probabilities of an interval against the shares that came true, in ten bins."""

from flywheel_assets.conversion import conversion_ledger
from flywheel_assets.tables.contract import Table
from flywheel_assets.training.classifier import ledger

TABLE = Table(
    "conversion_reliability",
    "tenth of the predictions",
    "How often sessions of about one probability converted: a calibrated model's rate is the mean probability. Empty "
    "until the interval closes, and where nothing was predicted.",
    conversion_ledger.TABLE.sources,
    ledger.RELIABILITY_COLUMNS,
    used=conversion_ledger.TABLE.used,
    waits=conversion_ledger.TABLE.waits,
    parameters=conversion_ledger.matured,
)

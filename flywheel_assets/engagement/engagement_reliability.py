"""engagement_reliability: scores of the previous interval against the shares that came true in this, in ten bins."""

from flywheel_assets.engagement import engagement_ledger
from flywheel_assets.engagement.judged_scores import METHOD, TARGET
from flywheel_assets.tables.contract import Table
from flywheel_assets.training.classifier import ledger

TABLE = Table(
    "engagement_reliability",
    "target, method and tenth of the users",
    "How often users of about one probability were active, and had a session of the best label: calibrated "
    "probabilities have the rate as their mean. Empty where engagement_ledger is.",
    engagement_ledger.TABLE.sources,
    (TARGET, METHOD, *ledger.RELIABILITY_COLUMNS),
    previous=engagement_ledger.TABLE.previous,
    used=engagement_ledger.TABLE.used,
    waits=engagement_ledger.TABLE.waits,
    parameters=engagement_ledger.TABLE.parameters,
    model_parameters=engagement_ledger.TABLE.model_parameters,
)

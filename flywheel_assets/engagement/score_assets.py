"""Engagement by interval as assets: engagement_history, engagement_scores and its export, engagement_ledger,
engagement_reliability."""

import dagster as dg

from flywheel_assets.engagement import engagement_history as history
from flywheel_assets.engagement import engagement_ledger as ledgers
from flywheel_assets.engagement import engagement_reliability as reliabilities
from flywheel_assets.engagement import engagement_scores as scores
from flywheel_assets.engagement.judged_scores import JudgedTarget, immature, judged_targets
from flywheel_assets.engagement.page_file import SHOWN, write_page
from flywheel_assets.engagement.score_rows import history_at
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.orchestration.jobs import SCORES_JOB
from flywheel_assets.orchestration.metadata import records
from flywheel_assets.orchestration.page_asset import page_asset
from flywheel_assets.orchestration.step import Made, Step
from flywheel_assets.orchestration.system import System
from flywheel_assets.orchestration.table_sensors import table_sensor
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.users import user_distributions, user_labels
from flywheel_assets.users.enriched_export import user_export

SYSTEM = System("engagement_scores")
"""Beside the system of interactions, whose assets have no intervals."""


def _history_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(history.TABLE.name, interval)
    users = flywheel.warehouse.rows(user_labels.TABLE.name, interval) or 0
    row = flywheel.figures(table, history.figures(table))
    return [history.contract(row, table.schema(), flywheel.columns(history.TABLE), users)]


@SYSTEM.table(history.TABLE, _history_verdicts)
def engagement_history(step: Step) -> Made:
    made = step.write(history_at(step.flywheel, step.interval))
    return Made(made, {"users": made.rows})


def _score_verdicts(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    table = flywheel.warehouse.read(scores.TABLE.name, interval)
    users = flywheel.warehouse.rows(history.TABLE.name, interval) or 0
    row = flywheel.figures(table, scores.figures(table))
    why_not = incomplete(flywheel, [interval]).get(interval.number, "")
    return scores.verdicts(row, table.schema(), flywheel.columns(scores.TABLE), users, why_not)


@SYSTEM.table(scores.TABLE, _score_verdicts, kinds={"onnx"})
def engagement_scores(step: Step) -> Made:
    flywheel, interval = step.flywheel, step.interval
    usable = flywheel.score_models.scorers(step.generation.parameters)
    scorers = {name: one for name, one in usable.items() if scores.learnt_before(one.info, interval)}
    rows = step.read(history.TABLE)
    if not scorers:  # they would predict what they have seen
        rows = rows.filter(False)
    made = step.write_mapped(rows, lambda batch: scores.scored(batch, scorers), lambda _: scores.TABLE.schema)
    exported = user_export(step.read(scores.TABLE), interval)
    path = flywheel.warehouse.write(scores.EXPORT, interval, exported, step.generation).path
    versions = {f"{name} model": one.info.version for name, one in scorers.items()}
    return Made(made, {"users": made.rows}, {**versions, "export_path": str(path)})


def _judged(step: Step) -> list[JudgedTarget]:
    """The scores of the previous interval with their outcomes; none at the first with data, and while the interval has
    no outcomes."""
    flywheel, previous = step.flywheel, step.flywheel.extent.previous(step.interval)
    before = step.read_previous(scores.TABLE)
    if before is None or not previous or immature(flywheel, step.interval):
        return []
    best_label = flywheel.lineage.made_with(scores.NAME, previous, scores.BEST_LABEL)
    return judged_targets(flywheel, before, step.read(user_distributions.TABLE), best_label)


@SYSTEM.table(ledgers.TABLE, lambda flywheel, i: ledgers.verdicts(flywheel.rows(ledgers.TABLE, i)))
def engagement_ledger(step: Step) -> Made:
    rows = [row for one in _judged(step) for row in one.ledger_rows()]
    return Made(step.keep(rows), {}, records("ledger", [{k: str(v) for k, v in row.items()} for row in rows]))


@SYSTEM.table(reliabilities.TABLE, lambda flywheel, interval: [])
def engagement_reliability(step: Step) -> Made:
    return Made(step.keep([row for one in _judged(step) for row in one.reliability_rows()]))


TABLES: tuple[Table, ...] = tuple(one.table for one in SYSTEM.tables.values())

SYSTEM.job(
    SCORES_JOB,
    dg.AssetSelection.groups(SYSTEM.name),
    "The probability that users are active in the next interval, and what came of it. For engagement_scores_sensor.",
    -1,
)
SYSTEM.sensors.append(
    lambda settings: table_sensor(settings, "engagement_scores_sensor", SCORES_JOB, TABLES, "engagement_scores")
)
SYSTEM.assets.append(
    page_asset(
        "engagement_page",
        "A page for growth: which users come back and why, how good the predictions are and what came of them.",
        SHOWN,
        scores.TABLE.used,
        write_page,
    )
)

"""The checks of the tables of history. What the verdicts are is `domain.verdicts`."""

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history import (
    growth_accounting_verdicts as growth_accounting,
)
from flywheel_assets.history import (
    label_mix_verdicts as label_mix,
)
from flywheel_assets.history import (
    mix_shift_verdicts as mix_shift,
)
from flywheel_assets.history import (
    sankey_links_verdicts as sankey_links,
)
from flywheel_assets.history import (
    transition_forecast_verdicts as transition_forecast,
)
from flywheel_assets.history.assets import BACKTEST, read_moves
from flywheel_assets.history.forecast_backtest import Backtest
from flywheel_assets.history.moves import Row
from flywheel_assets.intervals import Interval
from flywheel_assets.orchestration.checks import Verdicts
from flywheel_assets.tables.verdict import Verdict


def of_growth_accounting(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    users = flywheel.warehouse.rows("user_labels", interval) or 0
    previous = flywheel.previous_with_data(interval)
    before = flywheel.warehouse.rows("user_labels", previous) if previous else None
    return growth_accounting.verdicts(_rows(flywheel, "growth_accounting", interval), users, before or 0)


def of_label_mix(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    sessions, users = (
        flywheel.warehouse.rows(table, interval) or 0 for table in ("session_predictions", "user_labels")
    )
    return label_mix.verdicts(_rows(flywheel, "label_mix", interval), sessions, users)


def of_mix_shift(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    return mix_shift.verdicts(_rows(flywheel, "mix_shift", interval))


def of_transition_forecast(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    note = flywheel.warehouse.note("transition_forecast", interval, BACKTEST) or ""
    return transition_forecast.verdicts(_rows(flywheel, "transition_forecast", interval), Backtest.from_json(note))


def of_sankey_links(flywheel: Flywheel, interval: Interval) -> list[Verdict]:
    users = sum(read_moves(flywheel, interval).values())
    return sankey_links.verdicts(_rows(flywheel, "sankey_links", interval), users, interval)


def _rows(flywheel: Flywheel, table: str, interval: Interval) -> list[Row]:
    return flywheel.engine.collect(flywheel.warehouse.read(table, interval)).to_pylist()


HISTORY_VERDICTS: Verdicts = {
    "growth_accounting": (growth_accounting.CHECKS, of_growth_accounting),
    "label_mix": (label_mix.CHECKS, of_label_mix),
    "mix_shift": (mix_shift.CHECKS, of_mix_shift),
    "transition_forecast": (transition_forecast.CHECKS, of_transition_forecast),
    "sankey_links": (sankey_links.CHECKS, of_sankey_links),
}

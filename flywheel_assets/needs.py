"""What has to be made: tables that are missing, stale or failed, with what rests on them, and why.

The files decide, not the record of a run: a table is done when its footer says that it was made from what is there
now. The record adds what files cannot tell: that a run failed, so that a check is made again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.lineage import Wanted
from flywheel_assets.tables.contract import Table
from flywheel_assets.tables.generation import Generation
from flywheel_assets.users.spine import RELABELLED


class Failure(NamedTuple):
    """How the last run of an interval failed: at which ``table``, what it said, and whether a check of the table said
    it. Of any other failure the files tell what is left to make."""

    table: str
    message: str
    check: bool = True


@dataclass(frozen=True)
class Need:
    """Tables of an interval to make: why, by name, in the order in which they are made; never empty. ``new``: none of
    them is there."""

    interval: Interval
    tables: Mapping[str, str]
    new: bool = False

    @property
    def because(self) -> str:
        """The first reason, which the others follow from."""
        table, why = next(iter(self.tables.items()))
        return "not made yet" if self.new else f"{table}: {why}"


def needs(
    flywheel: Flywheel,
    tables: Sequence[Table],
    intervals: Sequence[Interval],
    failures: Mapping[str, Failure] | None = None,
    by_champion: bool = False,
    forget_missing: bool = False,
) -> list[Need]:
    """The intervals of which some of the tables have to be made, oldest first.

    ``tables`` stand in the order in which they are made. ``failures``: by key. A promotion makes nothing stale, unless
    all is to be ``by_champion``: a table keeps the models that labelled it, until something else has it labelled again;
    then the champion labels the whole interval. Landed files that vanished make nothing stale either, unless their
    sessions are to be given up: ``forget_missing``."""
    relabelled: set[str] = set()
    found, known = [], dict[tuple[Table, Interval], Generation]()

    def wanted(table: Table, interval: Interval) -> Generation:
        if (table, interval) not in known:
            champion = by_champion or interval.key in relabelled
            target = flywheel.lineage.target(
                table, interval, lambda t, i: wanted(t, i).digest, champion, forget_missing
            )
            known[table, interval] = target
        return known[table, interval]

    for interval in intervals:
        failure = (failures or {}).get(interval.key)
        reasons = _reasons(flywheel, tables, interval, wanted, failure)
        if reasons.keys() & {table.name for table in RELABELLED} and not by_champion:
            relabelled.add(interval.key)
            for one in [one for one in known if one[1] == interval]:
                del known[one]
            reasons = _reasons(flywheel, tables, interval, wanted, failure)
        if reasons:
            missing = [name for name in reasons if not flywheel.warehouse.exists(name, interval)]
            found.append(Need(interval, reasons, len(missing) == len(tables)))
    return found


def _reasons(
    flywheel: Flywheel, tables: Sequence[Table], interval: Interval, wanted: Wanted, failure: Failure | None
) -> dict[str, str]:
    """Why each of the tables has to be made, by name; those that need not are left out."""
    reasons = {table.name: flywheel.lineage.stale_because(table, interval, wanted) for table in tables}
    if failure and failure.check and failure.table in reasons and not reasons[failure.table]:
        reasons[failure.table] = f"the last run failed: {failure.message}"
    return {name: why for name, why in reasons.items() if why}

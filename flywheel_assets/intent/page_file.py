"""The page's meeting point: from the flywheel's tables to what the page says, and to its file."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.history.report import index
from flywheel_assets.intent import (
    intent_explanations,
    intent_outcomes,
    intent_scores,
    ranked_users,
    user_features,
)
from flywheel_assets.intent.page import intent_page, look
from flywheel_assets.intent.page_content import MOST_USERS, Content, Row
from flywheel_assets.intent.ranking import rule_shares
from flywheel_assets.intervals import Interval
from flywheel_assets.report.page import GENERATION_META
from flywheel_assets.report.pages import INDEX, INTENT, Pages
from flywheel_assets.tables.generation import NOTHING, Generation, digest
from flywheel_assets.users import user_labels

PERFORMANCE, CALIBRATION, PROBABILITY, DISAGREEMENTS, READOUT = (
    "intent_performance",
    "intent_calibration",
    "intent_probability",
    "intent_disagreements",
    "experiment_readout",
)

NEEDED = (ranked_users.TABLE, intent_scores.TABLE, intent_explanations.TABLE, user_features.TABLE)

SHOWN = (
    *(table.name for table in (*NEEDED, intent_outcomes.TABLE, user_labels.TABLE)),
    PERFORMANCE,
    CALIBRATION,
    PROBABILITY,
    DISAGREEMENTS,
    READOUT,
)
"""The tables that the page shows. user_features stands for the days that it was made from."""


def content_of(flywheel: Flywheel, interval: Interval) -> Content:
    """What the page of an interval with ranked users says. Raises NotMaterializedError without them."""
    made_from = page_generation(flywheel, interval).digest  # first: what is written meanwhile leaves the page stale
    mapping, order = flywheel.events.mapping, [*flywheel.models["user"].order] if flywheel.has_models else []
    ranked = sorted(flywheel.rows(ranked_users.TABLE, interval), key=lambda row: row["rank"])
    shown = [row["user_id"] for row in ranked[:MOST_USERS]]
    labels = _of_users(flywheel, user_labels.TABLE.name, interval, shown)
    tiers = _tiers(flywheel, interval)
    return Content(
        interval=interval,
        closed=flywheel.closed(interval),
        rules=flywheel.intent.rules,
        kinds=list(mapping.kinds),
        traits=list(mapping.carried),
        look_back_days=flywheel.settings.look_back_days,
        users=sum(tiers.values()),
        tiers=tiers,
        shares=rule_shares(flywheel, interval),
        ranked=ranked[:MOST_USERS],
        ranked_in_all=len(ranked),
        explanations=_by_user(_of_users(flywheel, intent_explanations.TABLE.name, interval, shown)),
        days=_by_user(_days(flywheel, interval, shown)),
        labels={row["user_id"]: row["user_flywheel_label"] for row in labels}
        if flywheel.warehouse.exists(user_labels.TABLE.name, interval)
        else None,
        label_order=order[::-1],
        tiers_before=_tiers_before(flywheel, interval),
        performance=_rows(flywheel, PERFORMANCE, interval),
        calibration=_rows(flywheel, CALIBRATION, interval),
        probability=_rows(flywheel, PROBABILITY, interval),
        disagreements=_rows(flywheel, DISAGREEMENTS, interval),
        readout=_rows(flywheel, READOUT, interval),
        links=_links(flywheel, interval),
        generation=made_from,
    )


def page_generation(flywheel: Flywheel, interval: Interval) -> Generation:
    """What the page would be made from now."""
    made = {name: flywheel.warehouse.generation(name, interval) for name in SHOWN}
    return Generation(
        "intent_page",
        {name: one.digest if one else NOTHING for name, one in made.items()},
        {
            "interval number": str(interval.number),
            "closed": "yes" if flywheel.closed(interval) else "no",
            "rules and their reasons": digest(repr(flywheel.intent.rules)),
            "links": repr(_links(flywheel, interval)),
            "look": look(),
        },
    )


def is_stale(flywheel: Flywheel, interval: Interval) -> bool:
    """Whether the page could be made and is missing, or was made from other data than the present."""
    if not ranked_users.TABLE.used(flywheel.settings) or flywheel.intent.rules_wait:
        return False
    if not all(flywheel.warehouse.exists(table.name, interval) for table in NEEDED):
        return False
    made = pages(flywheel).digest(interval, GENERATION_META)
    return made != page_generation(flywheel, interval).digest


def write_page(flywheel: Flywheel, content: Content) -> Path:
    """Write the page, and the index of all pages. Raises ReportError when that fails."""
    found = pages(flywheel)
    written = found.path(content.interval)
    return found.write(content.interval, intent_page(content), lambda: index(flywheel, written))


def pages(flywheel: Flywheel) -> Pages:
    """The pages of intent."""
    return Pages(flywheel.warehouse.folder, INTENT)


def _links(flywheel: Flywheel, interval: Interval) -> list[tuple[str, str]]:
    """The index, and the page of the previous interval where there is one or can be."""
    previous = flywheel.extent.previous(interval)
    links = [("All reports", INDEX)]
    if previous and flywheel.warehouse.exists(ranked_users.TABLE.name, previous):
        links.append(("Previous interval", pages(flywheel).path(previous).name))
    return links


def _rows(flywheel: Flywheel, table: str, interval: Interval) -> list[dict[str, Any]]:
    """All rows of a small table; none where it is not there."""
    if not flywheel.warehouse.exists(table, interval):
        return []
    return flywheel.engine.collect(flywheel.warehouse.read(table, interval)).to_pylist()


def _of_users(flywheel: Flywheel, table: str, interval: Interval, users: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a table of these users; none where it is not there."""
    if not users or not flywheel.warehouse.exists(table, interval):
        return []
    rows = flywheel.warehouse.read(table, interval)
    return flywheel.engine.collect(rows.filter(rows.user_id.isin(users))).to_pylist()


def _days(flywheel: Flywheel, interval: Interval, users: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of user_days of these users in the look-back."""
    first = interval.last_day - timedelta(days=flywheel.settings.look_back_days - 1)
    inputs = flywheel.lineage.inputs(user_features.TABLE, interval)
    rows = [row for table, i in inputs for row in _of_users(flywheel, table.name, i, users)]
    return [row for row in rows if first <= row["day"] <= interval.last_day]


def _tiers(flywheel: Flywheel, interval: Interval) -> dict[str, int]:
    """Users per tier."""
    scores = flywheel.warehouse.read(intent_scores.TABLE.name, interval)
    counted = flywheel.engine.collect(scores.group_by("tier").aggregate(users=scores.count())).to_pylist()
    return {row["tier"]: row["users"] for row in counted}


def _tiers_before(flywheel: Flywheel, interval: Interval) -> dict[str, tuple[int, int]]:
    """Users and conversions per tier at the end of the previous interval; empty without outcomes."""
    name = intent_outcomes.TABLE.name
    if not flywheel.warehouse.exists(name, interval):
        return {}
    rows = flywheel.warehouse.read(name, interval)
    counted = rows.group_by("tier").aggregate(users=rows.count(), conversions=rows.converted.sum())
    return {r["tier"]: (r["users"], int(r["conversions"])) for r in flywheel.engine.collect(counted).to_pylist()}


def _by_user(rows: Iterable[dict[str, Any]]) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["user_id"]].append(row)
    return found

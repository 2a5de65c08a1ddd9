"""What stands out in a whole history, in sentences: who acts, who stays, where users go, and how their number moves.

Each finding has an interest, from 0 to 1, by which the most interesting are chosen; one that would be said of any
history has little."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flywheel_assets.landing.coverage import incomplete
from flywheel_assets.ranges import labelled_intervals
from flywheel_assets.report.numbers import count, percent
from flywheel_assets.tables.labels import ABSENT

if TYPE_CHECKING:
    from flywheel_assets.flywheel import Flywheel

LEAST_USERS = 30
"""Shares of fewer say little."""


@dataclass(frozen=True)
class Finding:
    """``interest``: from 0 to 1."""

    interest: float
    sentence: str


def most_interesting(findings: Sequence[Finding | None], most: int = 3) -> list[str]:
    """The sentences of those with the most interest; None is no finding."""
    found = sorted((one for one in findings if one), key=lambda one: -one.interest)
    return [one.sentence for one in found[:most]]


def outcome_finding(rows: Mapping[str, tuple[int, int]], order: Sequence[str], outcome: str) -> Finding | None:
    """How sessions with the outcome concentrate. ``rows``: per session label its sessions and those with the outcome;
    ``order``: worst to best. None without any."""
    total, acted = (sum(pair[i] for pair in rows.values()) for i in (0, 1))
    known = [label for label in order if rows.get(label, (0, 0))[0]]
    if not acted or not known:
        return None
    best = max(known, key=lambda label: rows[label][1])
    sessions, with_outcome = rows[best][0] / total, rows[best][1] / acted
    if len(known) < 2 or with_outcome <= sessions:
        return Finding(0.1, f"{percent(acted / total)} of sessions have {_words(outcome)}, in every kind of session.")
    return Finding(
        with_outcome - sessions,
        f"{best} sessions are {percent(sessions)} of all and {percent(with_outcome)} of those with {_words(outcome)}.",
    )


def return_finding(moves: Mapping[tuple[str, str], int], order: Sequence[str]) -> Finding | None:
    """How much sooner users of one label come back than those of another. ``moves``: users by label in one interval and
    in the next, ABSENT where they were not active, over all intervals."""
    back: dict[str, float] = {}
    for label in order:
        mine = {now: users for (before, now), users in moves.items() if before == label}
        if sum(mine.values()) >= LEAST_USERS:
            back[label] = 1 - mine.get(ABSENT, 0) / sum(mine.values())
    if len(back) < 2:
        return None
    most, least = max(back, key=lambda label: back[label]), min(back, key=lambda label: back[label])
    return Finding(
        back[most] - back[least],
        f"{percent(back[most])} of {most} users come back in the next interval, and {percent(back[least])} of {least} "
        "users.",
    )


def concentration_finding(rows: Mapping[str, tuple[int, int]], order: Sequence[str]) -> Finding | None:
    """How much of all sessions the best label's users make. ``rows``: per user label its users, counted in each
    interval, and their sessions."""
    users, sessions = (sum(pair[i] for pair in rows.values()) for i in (0, 1))
    best = next((label for label in reversed(order) if rows.get(label, (0, 0))[0]), None)
    if users < LEAST_USERS or best is None or len([1 for pair in rows.values() if pair[0]]) < 2:
        return None
    share, made = rows[best][0] / users, rows[best][1] / sessions
    return Finding(
        max(made - share, 0.0),
        f"{percent(share)} of active users are {best}; they make {percent(made)} of all sessions.",
    )


def climb_finding(moves: Mapping[tuple[str, str], int], order: Sequence[str]) -> Finding | None:
    """How many of those who came with the worst label and stayed climbed to a better one by the next interval."""
    stayed = {now: users for (before, now), users in moves.items() if before == order[0] and now in order}
    total = sum(stayed.values())
    if total < LEAST_USERS:
        return None
    climbed = 1 - stayed.get(order[0], 0) / total
    return Finding(
        min(climbed, 1 - climbed),
        f"Of {order[0]} users who come back, {percent(climbed)} have a better label by then.",
    )


def trend_finding(active: Sequence[int]) -> Finding | None:
    """How active users changed from the first third of the complete intervals to the last. ``active``: oldest first."""
    third = len(active) // 3
    if not third or max(active) < LEAST_USERS:
        return None
    before, now = sum(active[:third]) / third, sum(active[-third:]) / third
    if not before:
        return None
    change = now / before - 1
    way = "more" if change > 0 else "fewer"
    latest = "interval" if third == 1 else f"{third} intervals"
    return Finding(
        min(abs(change), 1.0),
        f"{count(round(now))} users are active per interval in the last {latest}, {percent(abs(change))} {way} than "
        f"in the first {latest} ({count(round(before))}).",
    )


def findings(flywheel: "Flywheel", outcome: str | None) -> list[str]:
    """The three most interesting sentences about the intervals that have labels, incomplete ones left out of trends."""
    intervals, warehouse = labelled_intervals(flywheel), flywheel.warehouse
    with_data = [i for i in intervals if i.number < flywheel.extent.last_number]
    session_order, user_order = flywheel.models["session"].order, flywheel.models["user"].order
    predictions = flywheel.engine.read([warehouse.path("session_predictions", i) for i in with_data])
    acted = (predictions[outcome] > 0).sum() if outcome else predictions.count() * 0
    by_label = predictions.group_by(label="session_quality_label").aggregate(rows=predictions.count(), acted=acted)
    users = flywheel.engine.read([warehouse.path("user_labels", i) for i in with_data])
    by_user = users.group_by(label="user_flywheel_label").aggregate(rows=users.count(), acted=users.sessions.sum())
    moves: dict[tuple[str, str], int] = {}
    cut = incomplete(flywheel, with_data)
    for interval in with_data[1:]:
        if {interval.number, interval.number - 1} & cut.keys() or not warehouse.exists("label_transitions", interval):
            continue
        for row in flywheel.engine.collect(warehouse.read("label_transitions", interval)).to_pylist():
            pair = row["From_Label"], row["To_Label"]
            moves[pair] = moves.get(pair, 0) + row["User_Count"]
    active = [warehouse.rows("user_labels", i) or 0 for i in with_data if i.number not in cut]
    return most_interesting(
        [
            outcome_finding(_pairs(flywheel, by_label), session_order, outcome) if outcome else None,
            return_finding(moves, user_order),
            concentration_finding(_pairs(flywheel, by_user), user_order),
            climb_finding(moves, user_order),
            trend_finding(active),
        ]
    )


def _pairs(flywheel: "Flywheel", rows: Any) -> dict[str, tuple[int, int]]:
    return {row["label"]: (row["rows"], int(row["acted"] or 0)) for row in flywheel.engine.collect(rows).to_pylist()}


def _words(feature: str) -> str:
    return feature.replace("_", " ")

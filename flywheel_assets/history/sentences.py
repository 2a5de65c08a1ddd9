"""What changed and why, in sentences made from the numbers."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flywheel_assets.history.headlines import Rows
from flywheel_assets.history.report_content import Report
from flywheel_assets.report.numbers import count, listed, percent, plural, short_day, signed_percent, signed_points
from flywheel_assets.tables.significance import beyond_chance

PARTS: Sequence[str] = ("Stayers", "Entrants", "Leavers")


def what_changed(report: Report) -> str:
    """The first sentence: how many users there were, and who they are."""
    growth = report.growth_now
    if growth is None:
        return f"{plural(report.users, 'user was', 'users were')} active in this interval."
    active, before = growth["Active_Users"], growth["Previous_Users"]
    if not active:
        left = plural(growth["Churned_Users"], "user")
        gone = f"; the {left} of the previous interval did not come back" if growth["Churned_Users"] else ""
        return f"Nobody was active in this interval{gone}."
    subject = plural(active, "user was", "users were")
    if report.previous is None:
        return f"{subject} active in this first interval, all of them new by definition."
    stayed, new, back, left = (growth[f"{which}_Users"] for which in ("Retained", "New", "Resurrected", "Churned"))
    parts = [f"{count(stayed)} stayed"] if stayed else []
    parts += [f"{count(new)} {'is' if new == 1 else 'are'} new"] if new else []
    parts += [f"{count(back)} came back after an absence"] if back else []
    tail = f", while {count(left) if left else 'nobody'} left" if before else ""
    return f"{subject} active, {_compared(active, before)}: {listed(parts)}{tail}."


def _compared(active: int, before: int) -> str:
    if not before:
        return "after an interval with no users"
    if active == before:
        return "as many as in the previous interval"
    more = "more" if active > before else "fewer"
    change = active - before
    return f"{count(abs(change))} {more} than in the previous interval ({signed_percent(change / before)})"


def models_changed(report: Report) -> str:
    """Which models changed since the previous interval; empty where none did."""
    names = listed([f"the {name} model" for name in report.changed_models])
    return f"{names[:1].upper()}{names[1:]} changed since the previous interval." if names else ""


def model_changes(days: Sequence[date]) -> str:
    """What the dashed lines in a chart of labels stand for, by the first days of their intervals; empty without any."""
    if not days:
        return ""
    if len(days) == 1:
        return f"Dashed line: the models changed on {short_day(days[0])}."
    latest = listed([short_day(day) for day in days[-3:]])
    which = f"most recently on {latest}" if len(days) > 3 else f"on {latest}"
    return f"Dashed lines: the models changed {count(len(days))} times, {which}."


def why(report: Report) -> str:
    """The second sentence: which label's share changed most, and through whom; or that none did beyond chance. Where
    the models changed, what users did is measured under the previous models, and what the new ones say stands apart."""
    known = [row for row in report.shift if row["Change"] is not None]
    if not known or report.growth_now is None:
        return "There is no earlier mix of labels to compare with." if report.users else ""
    if not report.changed_models:
        return _by_users(known, report.growth_now)
    apart = [row for row in report.model_shift if row["Change"] is not None]
    if apart:
        return f"{_by_users(apart, report.growth_now, 'Under the previous models, ')} {_by_models(apart)}"
    largest = max(known, key=lambda row: abs(row["Change"]))
    return (
        f"As labelled, {largest['Label']} went from {percent(largest['Previous_Share'])} to "
        f"{percent(largest['Share'])} of users. How much of that comes from the users and how much from the new models "
        f"is not known: transition_causes: {report.missing.get('transition_causes', 'it is missing')}."
    )


def _by_models(rows: Rows) -> str:
    """What the new models say about the same users, from rows of model_shift."""
    largest = max(rows, key=lambda row: round(abs(row["Model"]), 9))
    if not round(largest["Model"], 9):
        return "The new models give these users the same mix of labels."
    return (
        f"The new models alone move {largest['Label']} from {percent(largest['Share'])} to "
        f"{percent(largest['New_Model_Share'])} ({signed_points(largest['Model'])} points)."
    )


def _by_users(rows: Rows, growth: Mapping[str, Any], opening: str = "") -> str:
    """Which label's share changed most and through whom, from rows of mix_shift of two intervals under one model."""
    largest = max(rows, key=lambda row: abs(row["Change"]))
    name, change = largest["Label"], largest["Change"]
    if not beyond_chance(largest["Previous_Share"], largest["Share"], growth["Previous_Users"], growth["Active_Users"]):
        mix = f"{opening}the mix" if opening else "The mix"
        return (
            f"{mix} of labels did not change beyond chance: the largest change is {signed_points(change)} points, for "
            f"{name}."
        )
    verb = "grew" if change > 0 else "shrank"
    shares = f"{percent(largest['Previous_Share'])} to {percent(largest['Share'])}"
    parts = {part: largest[part] for part in PARTS}
    main = max((part for part in PARTS if parts[part] * change > 0), key=lambda part: abs(parts[part]))
    mostly = "mostly " if parts[main] / change < 0.9 else ""
    clause = (
        f"{opening}{name} {verb} from {shares} of users, {mostly}because {_reason(main, change)} "
        f"({signed_points(parts[main])} points)"
    )
    against = [part for part in PARTS if parts[part] * change < 0 and abs(parts[part]) >= 0.1 * abs(change)]
    if not against:
        return f"{clause}."
    biggest = max(against, key=lambda part: abs(parts[part]))
    return f"{clause}; {_THOSE[biggest]} pulled the other way ({signed_points(parts[biggest])} points)."


_THOSE = {"Stayers": "users who stayed", "Entrants": "users who came", "Leavers": "users who left"}


def _reason(part: str, change: float) -> str:
    more = "more" if change > 0 else "fewer"
    above, below = ("more", "less") if change > 0 else ("less", "more")
    return {
        "Stayers": f"{more} of the users who stayed have this label now",
        "Entrants": f"users who came have this label {above} often than users who stayed",
        "Leavers": f"users who left had this label {below} often than users who stayed",
    }[part]


def mix_sentence(report: Report, level: str) -> str:
    """Which label has most users or sessions, and what the best has."""
    rows = report.mix_now(level)
    if not any(row["Count"] for row in rows):
        return f"There are no {level} in this interval."
    largest = max(rows, key=lambda row: row["Count"])
    order = report.user_order if level == "users" else report.session_order
    best = next((row for row in rows if row["Label"] == order[-1]), None)
    sentence = f"{largest['Label']} is the most common label, with {percent(largest['Share'])} of {level}"
    return (
        f"{sentence}; {best['Label']} has {percent(best['Share'])}." if best and best is not largest else f"{sentence}."
    )


def moves_sentence(report: Report) -> str:
    """How many of those who stayed kept their label, moved up and moved down."""
    place = {label: at for at, label in enumerate(report.user_order)}
    steps = [
        (place[now] - place[before], users)
        for (before, now), users in report.moves(report.interval.number).items()
        if before in place and now in place
    ]
    total = sum(users for _, users in steps)
    if not total:
        return "No user was active in both intervals."
    up, down = sum(n for step, n in steps if step > 0), sum(n for step, n in steps if step < 0)
    kept = total - up - down
    changed = " Some of these moves come from the new models." if report.changed_models else ""
    return (
        f"Of {plural(total, 'user')} active in both intervals, {percent(kept / total)} kept their label, "
        f"{percent(up / total)} moved up and {percent(down / total)} moved down.{changed}"
    )


def growth_sentence(growth: Mapping[str, Any]) -> str:
    """Retention and quick ratio, in words."""
    if growth["Retention"] is None:
        return "No user was active in the previous interval, so there is no retention."
    kept = f"{percent(growth['Retention'])} of the users of the previous interval were active again"
    ratio = growth["Quick_Ratio"]
    if ratio is None:
        return f"{kept}; nobody left, so there is no quick ratio."
    return f"{kept}. For every 100 users who left, {round(100 * ratio):,} are new or came back."


def compared_with(report: Report) -> str:
    """What changes are measured against; empty without a previous interval."""
    previous = report.previous
    if previous is None:
        return ""
    against = f"Changes are measured against {short_day(previous.first_day)} – {short_day(previous.last_day)}"
    return f"{against}, whose labels come from other models." if report.changed_models else f"{against}."

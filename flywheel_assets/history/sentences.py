"""What changed and why, in sentences made from the numbers."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flywheel_assets.history.report_content import Report
from flywheel_assets.report.numbers import count, listed, percent, plural, short_day, signed_percent
from flywheel_assets.tables.significance import LEAST_USERS
from flywheel_assets.users.retention_break import RETENTION_BREAK


def what_changed(report: Report) -> str:
    """The first sentence: how many users there were, and who they are, where there are enough to say that of."""
    growth = report.growth_now
    if growth is None:
        return f"{plural(report.users, 'user was', 'users were')} active in this interval."
    active, before = growth["Active_Users"], growth["Previous_Users"]
    if not report.comparable:
        return f"{plural(active, 'user was', 'users were')} active. {not_compared(report)}"
    if not active:
        left = plural(growth["Churned_Users"], "user")
        gone = f"; the {left} of the previous interval did not come back" if growth["Churned_Users"] else ""
        return f"Nobody was active in this interval{gone}."
    subject = plural(active, "user was", "users were")
    if report.previous is None:
        return f"{subject} active in this first interval, all of them new by definition."
    compared = _compared(active, before)
    if active < LEAST_USERS or 0 < before < LEAST_USERS:
        return f"{subject} active, {compared}: too few users to say more."
    stayed, new, back, left = (growth[f"{which}_Users"] for which in ("Retained", "New", "Resurrected", "Churned"))
    parts = [f"{count(stayed)} stayed"] if stayed else []
    parts += [f"{count(new)} {'is' if new == 1 else 'are'} new"] if new else []
    parts += [f"{count(back)} came back after an absence"] if back else []
    tail = f", while {count(left) if left else 'nobody'} left" if before else ""
    return f"{subject} active, {compared}: {listed(parts)}{tail}."


def _compared(active: int, before: int) -> str:
    if not before:
        return "after an interval with no users"
    if active == before:
        return "as many as in the previous interval"
    more = "more" if active > before else "fewer"
    change = active - before
    share = f" ({signed_percent(change / before)})" if before >= LEAST_USERS else ""
    return f"{count(abs(change))} {more} than in the previous interval{share}"


def not_compared(report: Report) -> str:
    """Why nothing is concluded from the interval or its changes; empty where it and the previous one are complete."""
    if report.is_incomplete:
        return "This interval is incomplete, so nothing is concluded from its numbers."
    if not report.comparable:
        return "The previous interval is incomplete, so nothing is concluded from a change since then."
    return ""


def incomplete_days(report: Report) -> str:
    """What the pale bars in a chart stand for, by the first days of their intervals; empty without any."""
    days = [report.days[number] for number in sorted(report.incomplete) if number in report.days]
    if not days:
        return ""
    latest = listed([short_day(day) for day in days[-3:]])
    which = f"most recently from {latest}" if len(days) > 3 else f"from {latest}"
    return f"Pale: {plural(len(days), 'incomplete interval')}, {which}."


def ids_changed(report: Report) -> str:
    """What retention_break found, where it warns; else empty."""
    found = next((f for f in report.findings if f.check == RETENTION_BREAK.name and f.state != "passed"), None)
    return f"{found.summary[:1].upper()}{found.summary[1:]}." if found and report.comparable else ""


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


def mix_sentence(report: Report, level: str) -> str:
    """Which label has most users or sessions, and what the best has."""
    rows = report.mix_now(level)
    if report.is_incomplete:
        return not_compared(report)
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
    if not report.comparable:
        return not_compared(report)
    total = sum(users for _, users in steps)
    if not total:
        return "No user was active in both intervals."
    if total < LEAST_USERS:
        return f"{plural(total, 'user was', 'users were')} active in both intervals: too few to say how users move."
    up, down = sum(n for step, n in steps if step > 0), sum(n for step, n in steps if step < 0)
    kept = total - up - down
    changed = " Some of these moves come from the new models." if report.changed_models else ""
    return (
        f"Of {plural(total, 'user')} active in both intervals, {percent(kept / total)} kept their label, "
        f"{percent(up / total)} moved up and {percent(down / total)} moved down.{changed}"
    )


def growth_sentence(report: Report, growth: Mapping[str, Any]) -> str:
    """Retention and quick ratio, in words, from the row of all users."""
    if not report.comparable:
        return not_compared(report)
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
    if previous is None or not report.comparable:
        return ""
    against = f"Changes are measured against {short_day(previous.first_day)} – {short_day(previous.last_day)}"
    return f"{against}, whose labels come from other models." if report.changed_models else f"{against}."

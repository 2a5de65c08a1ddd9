"""What changed and why, in sentences made from the numbers."""

from collections.abc import Mapping
from typing import Any

from flywheel_assets.history.headlines import Rows
from flywheel_assets.report.page.content import Report
from flywheel_assets.report.page.numbers import count, listed, percent, plural, short_day, signed_percent, signed_points
from flywheel_assets.tables.significance import beyond_chance

PARTS = ("Stayers", "Entrants", "Leavers")


def what_changed(report: Report) -> str:
    """The first sentence: how many users there were, and who they are."""
    growth = report.growth_now
    if growth is None:
        return f"{plural(report.users, 'user was', 'users were')} active in this interval."
    active = growth["Active_Users"]
    if not active:
        left = growth["Churned_Users"]
        gone = f"; the {plural(left, 'user')} of the interval before did not come back" if left else ""
        return f"Nobody was active in this interval{gone}."
    if report.previous is None:
        verb = plural(active, "user was", "users were")
        return f"{verb} active in this first interval, all of them new by definition."
    before = growth["Previous_Users"]
    change = active - before
    if not before:
        than = "after an interval without anybody"
    elif not change:
        than = "as many as in the interval before"
    else:
        more = "more" if change > 0 else "fewer"
        than = f"{count(abs(change))} {more} than before ({signed_percent(change / before)})"
    stayed, new, back = (growth[f"{which}_Users"] for which in ("Retained", "New", "Resurrected"))
    parts = [f"{count(stayed)} stayed"] if stayed else []
    parts += [f"{count(new)} {'is' if new == 1 else 'are'} new"] if new else []
    parts += [f"{count(back)} came back after an absence"] if back else []
    tail = f", while {count(growth['Churned_Users']) if growth['Churned_Users'] else 'nobody'} left" if before else ""
    return f"{plural(active, 'user was', 'users were')} active, {than}: {listed(parts)}{tail}."


def models_changed(report: Report) -> str:
    """That labels of this interval and of the one before are not by the same models; empty where they are."""
    names = listed([f"the {name} model" for name in report.changed_models])
    return f"{names[:1].upper()}{names[1:]} changed between the two intervals." if names else ""


def why(report: Report) -> str:
    """The second sentence: which label's share changed most, and through whom; or that none did beyond chance. Where
    the models changed, what users did is by those of before, and apart from it what the new ones say."""
    known = [row for row in report.shift if row["Change"] is not None]
    if not known or report.growth_now is None:
        return "There is no earlier mix of labels to compare with." if report.users else ""
    if not report.changed_models:
        return _by_users(known, report.growth_now)
    apart = [row for row in report.model_shift if row["Change"] is not None]
    if apart:
        return f"{_by_users(apart, report.growth_now, 'By the models of before, ')} {_by_models(apart)}"
    largest = max(known, key=lambda row: abs(row["Change"]))
    return (
        f"As labelled, {largest['Label']} went from {percent(largest['Previous_Share'])} to "
        f"{percent(largest['Share'])} of users, but what users did cannot be told apart from what the new models say: "
        f"transition_causes: {report.missing.get('transition_causes', 'it is not there')}."
    )


def _by_models(rows: Rows) -> str:
    """What new models make of the same users, of rows of model_shift."""
    largest = max(rows, key=lambda row: round(abs(row["Model"]), 9))
    if not round(largest["Model"], 9):
        return "The new models give these users the same mix of labels."
    return (
        f"The new models alone move {largest['Label']} from {percent(largest['Share'])} to "
        f"{percent(largest['New_Model_Share'])} ({signed_points(largest['Model'])} points)."
    )


def _by_users(rows: Rows, growth: Mapping[str, Any], opening: str = "") -> str:
    """Which label's share changed most and through whom, of rows of mix_shift of two intervals by the same models."""
    largest = max(rows, key=lambda row: abs(row["Change"]))
    name, change = largest["Label"], largest["Change"]
    if not beyond_chance(largest["Previous_Share"], largest["Share"], growth["Previous_Users"], growth["Active_Users"]):
        mix = f"{opening}the mix" if opening else "The mix"
        return (
            f"{mix} of labels is as it was: the largest change, {name} by {signed_points(change)} points, is no more "
            "than chance gives."
        )
    verb = "grew" if change > 0 else "shrank"
    to = f"{opening}{name} {verb} from {percent(largest['Previous_Share'])} to {percent(largest['Share'])} of users"
    parts = {part: largest[part] for part in PARTS}
    along = sorted((p for p in parts if parts[p] * change > 0), key=lambda p: -abs(parts[p]))
    main = along[0]
    mostly = "mostly " if parts[main] / change < 0.9 else ""
    clause = f"{to}, {mostly}because {_reason(main, change)} ({signed_points(parts[main])} points)"
    against = [p for p in parts if parts[p] * change < 0 and abs(parts[p]) >= 0.1 * abs(change)]
    if against:
        biggest = max(against, key=lambda p: abs(parts[p]))
        clause += f"; {_THOSE[biggest]} pulled the other way ({signed_points(parts[biggest])})"
    return clause + "."


def mix_sentence(report: Report, level: str) -> str:
    """Which label holds most, and what the best holds."""
    rows = report.of_mix(level, report.interval.number)
    total = sum(row["Count"] for row in rows)
    if not total:
        return f"There are no {level} in this interval."
    largest = max(rows, key=lambda row: row["Count"])
    order = report.user_order if level == "users" else report.session_order
    best = next((row for row in rows if row["Label"] == order[-1]), None)
    clause = f"{largest['Label']} holds {percent(largest['Share'])} of {level}"
    return f"{clause}, {best['Label']} {percent(best['Share'])}." if best and best is not largest else f"{clause}."


def moves_sentence(report: Report) -> str:
    """How many of those who stayed kept their label, moved up and moved down."""
    place = {label: at for at, label in enumerate(report.user_order)}
    moves = [m for m in report.moves(report.interval.number) if m["From_Label"] in place and m["To_Label"] in place]
    total = sum(m["User_Count"] for m in moves)
    if not total:
        return "No user was there in both intervals."
    steps = [(place[m["To_Label"]] - place[m["From_Label"]], m["User_Count"]) for m in moves]
    kept = sum(n for step, n in steps if step == 0)
    up, down = sum(n for step, n in steps if step > 0), sum(n for step, n in steps if step < 0)
    changed = " Part of these moves is the new models' doing." if report.changed_models else ""
    return (
        f"Of {plural(total, 'user')} seen in both intervals, {percent(kept / total)} kept their label, "
        f"{percent(up / total)} moved up and {percent(down / total)} moved down.{changed}"
    )


def growth_sentence(growth: Mapping[str, Any]) -> str:
    """Retention and quick ratio, in words."""
    if growth["Retention"] is None:
        return "Nobody was there before, so there is nobody to retain."
    kept = f"{percent(growth['Retention'])} of the users before were seen again"
    ratio = growth["Quick_Ratio"]
    if ratio is None:
        return f"{kept}; nobody left, so there is no quick ratio."
    return f"{kept}, and for every 100 users who left {round(100 * ratio):,} came or came back."


def compared_with(report: Report) -> str:
    """What changes are measured against, in short."""
    previous = report.previous
    if previous is None:
        return ""
    against = f"against {short_day(previous.first_day)} – {short_day(previous.last_day)}"
    return f"{against}, which other models labelled" if report.changed_models else against


_THOSE = {"Stayers": "those who stayed", "Entrants": "those who came", "Leavers": "those who left"}


def _reason(part: str, change: float) -> str:
    toward, away = ("more", "fewer") if change > 0 else ("fewer", "more")
    return {
        "Stayers": f"{'more' if change > 0 else 'fewer'} of those who stayed have it now",
        "Entrants": f"{toward} of those who came have it than of those who stayed",
        "Leavers": f"{away} of those who left had it than of those who stayed",
    }[part]

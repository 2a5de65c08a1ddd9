"""Why the mix of labels changed, in sentences made from mix_shift and model_shift.

None rests on fewer than LEAST_USERS, nor on an interval that is incomplete."""

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_assets.history.headlines import Rows
from flywheel_assets.history.report_content import Report
from flywheel_assets.report.numbers import percent, signed_points
from flywheel_assets.tables.significance import LEAST_USERS, beyond_chance

PARTS: Sequence[str] = ("Stayers", "Entrants", "Leavers")


def why(report: Report) -> str:
    """The second sentence: which label's share changed most, and through whom; or that none did beyond chance. Where
    the models changed, what users did is measured under the previous models, and what the new ones say stands apart."""
    known = [row for row in report.shift if row["Change"] is not None]
    if not report.comparable:
        return ""
    if not known or report.growth_now is None:
        return "There is no earlier mix of labels to compare with." if report.users else ""
    if min(report.growth_now["Active_Users"], report.growth_now["Previous_Users"]) < LEAST_USERS:
        return f"Too few users to say why the mix of labels changed: under {LEAST_USERS} in one of the two intervals."
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
    enough = _parts_with_enough_users(growth)
    if main not in enough:
        return f"{opening}{name} {verb} from {shares} of users; too few users {_DID[main]} to say why."
    mostly = "mostly " if parts[main] / change < 0.9 else ""
    clause = (
        f"{opening}{name} {verb} from {shares} of users, {mostly}because {_reason(main, change)} "
        f"({signed_points(parts[main])} points)"
    )
    against = [part for part in enough if parts[part] * change < 0 and abs(parts[part]) >= 0.1 * abs(change)]
    if not against:
        return f"{clause}."
    biggest = max(against, key=lambda part: abs(parts[part]))
    return f"{clause}; {_THOSE[biggest]} pulled the other way ({signed_points(parts[biggest])} points)."


def _parts_with_enough_users(growth: Mapping[str, Any]) -> list[str]:
    """Those of PARTS that rest on enough users. Entrants and leavers are compared with those who stayed, so it takes
    enough of these too."""
    stayed = growth["Retained_Users"]
    came, left = growth["Active_Users"] - stayed, growth["Churned_Users"]
    return [part for part, users in zip(PARTS, (stayed, came, left), strict=True) if min(users, stayed) >= LEAST_USERS]


_DID = {"Stayers": "stayed", "Entrants": "stayed or came", "Leavers": "stayed or left"}

_THOSE = {"Stayers": "users who stayed", "Entrants": "users who came", "Leavers": "users who left"}


def _reason(part: str, change: float) -> str:
    more = "more" if change > 0 else "fewer"
    above, below = ("more", "less") if change > 0 else ("less", "more")
    return {
        "Stayers": f"{more} of the users who stayed have this label now",
        "Entrants": f"users who came have this label {above} often than users who stayed",
        "Leavers": f"users who left had this label {below} often than users who stayed",
    }[part]

"""retention_break: whether so few users stayed that their ids, and not the users, probably changed."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median_low
from typing import Any, NamedTuple

from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.significance import LEAST_USERS, beyond_chance
from flywheel_assets.tables.verdict import Check, Verdict

RETENTION_BREAK = Check(
    "retention_break",
    "Users stay as they did in up to six earlier intervals, not under half as many: ids may have changed (warning).",
)

USUAL_INTERVALS = 6
LEAST_INTERVALS = 2
"""From so many earlier intervals on there is a usual retention."""

LEAST_OF_USUAL = 0.5
"""The lowest on a year of DeskDrop, its incomplete last interval aside, is 0.71 of the usual."""


class Stay(NamedTuple):
    """Users of the previous interval, those of them who stayed, and all users of this interval."""

    before: int
    stayed: int
    now: int

    @property
    def known(self) -> bool:
        """Whether there are enough users to speak of a share."""
        return min(self.before, self.now) >= LEAST_USERS


def stay(moves: Iterable[Mapping[str, Any]]) -> Stay:
    """From the rows of label_transitions of an interval."""
    before = stayed = now = 0
    for row in moves:
        was, came, users = row["From_Label"] != ABSENT, row["To_Label"] != ABSENT, row["User_Count"]
        before, stayed, now = before + was * users, stayed + (was and came) * users, now + came * users
    return Stay(before, stayed, now)


def retention_break(found: Stay | None, earlier: Sequence[Stay]) -> Verdict:
    """Warns when those who stayed are under half of the usual share of the users before, and of the users now, each by
    more than chance. Where users leave, those who remain are mostly old ones; where users arrive, as many stay as ever;
    only where ids change do both shares fall. ``found``: None where it is not comparable, as of an incomplete interval.
    """
    usual = [one for one in earlier if one.known]
    if found is None or not found.known or len(usual) < LEAST_INTERVALS:
        needed = f"that takes {LEAST_USERS} users in each of {LEAST_INTERVALS + 2} complete intervals"
        return Verdict(RETENTION_BREAK.name, True, f"there is no verdict: {needed}", "WARN")
    retention = [one.stayed / one.before for one in usual]
    broken = _fell(found.stayed, found.before, [(one.stayed, one.before) for one in usual]) and _fell(
        found.stayed, found.now, [(one.stayed, one.now) for one in usual]
    )
    share = found.stayed / found.before
    before = f"in {len(usual)} earlier intervals it was {min(retention):.1%} to {max(retention):.1%}"
    told = f"{share:.1%} of the previous interval's users are active again; {before}"
    return Verdict(
        RETENTION_BREAK.name,
        not broken,
        f"user ids probably changed: only {told}" if broken else told,
        "WARN",
        {"retention": share, "usual_retention": median_low(retention)},
    )


def _fell(stayed: int, users: int, earlier: Sequence[tuple[int, int]]) -> bool:
    """Whether the share is under half of the median of the earlier ones, beyond chance."""
    share = stayed / users
    usual, usual_users = median_low((of_stayed / of_users, of_users) for of_stayed, of_users in earlier)
    return share < LEAST_OF_USUAL * usual and beyond_chance(usual, share, usual_users, users)

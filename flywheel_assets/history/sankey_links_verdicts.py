"""Verdicts on sankey_links: no user is lost, no chart is broken by it."""

from collections.abc import Sequence

from flywheel_assets.history.moves import Row
from flywheel_assets.history.sankey_links import MOST_LINKS
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.verdict import Check, Verdict, same_count

CONSERVATION = Check("conservation", "The links carry the users of all transitions.", blocking=True)
FORWARD = Check(
    "forward",
    "Every link leads from the previous interval to this one, and no two alike: no cycle, no self-loop.",
    blocking=True,
)
FEW = Check("few_links", f"At most {MOST_LINKS} links an interval.", blocking=True)
CHECKS = (CONSERVATION, FORWARD, FEW)


def verdicts(rows: Sequence[Row], users: int, interval: Interval) -> list[Verdict]:
    """All checks of CHECKS. ``users``: of all transitions into the interval."""
    before, now = f"I{interval.number - 1} ", f"I{interval.number} "
    wrong = [
        f"{row['source']} to {row['target']}"
        for row in rows
        if not (row["source"].startswith(before) and row["target"].startswith(now))
    ]
    twice = len(rows) - len({(row["source"], row["target"]) for row in rows})
    told = f"links that lead elsewhere: {', '.join(wrong[:5])}" if wrong else f"{len(rows)} links from {before}to {now}"
    return [
        same_count(CONSERVATION.name, sum(row["User_Count"] for row in rows), users, "users of links and transitions"),
        Verdict(
            FORWARD.name,
            not wrong and not twice,
            f"{told.strip()}; {twice} there twice" if twice else told.strip(),
            numbers={"links_wrong": len(wrong), "links_twice": twice},
        ),
        Verdict(FEW.name, len(rows) <= MOST_LINKS, f"{len(rows)} links", numbers={"links": len(rows)}),
    ]

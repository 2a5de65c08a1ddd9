"""sankey_links: label_transitions as a Sankey chart takes them, few enough for a browser to draw."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from flywheel_assets.history.moves import Moves, Row, all_labels, number_and_labels, users_before, when
from flywheel_assets.intervals import Interval
from flywheel_assets.tables.columns import WHEN
from flywheel_assets.tables.contract import Column, Table
from flywheel_assets.tables.labels import ABSENT
from flywheel_assets.tables.verdict import Check, Verdict, same_count
from flywheel_assets.users import label_transitions

MOST_LINKS = 500
"""At most so many rows per interval: with 22 labels every pair still has its own."""

OTHER = "Other"

FOLDED = "flywheel.folded"
"""The note in the table that says what was folded."""

CONSERVATION = Check("conservation", "The links carry the users of all transitions.", blocking=True)
FORWARD = Check(
    "forward",
    "Every link leads from the previous interval to this one, and none is repeated: no cycle, no self-loop.",
    blocking=True,
)
FEW = Check("few_links", f"At most {MOST_LINKS} links per interval.", blocking=True)
CHECKS = (CONSERVATION, FORWARD, FEW)


TABLE = Table(
    "sankey_links",
    "link",
    "label_transitions as links of a Sankey chart; nodes carry their interval, so that no cycle can arise.",
    (label_transitions.TABLE,),
    (
        Column("source", "string", "Node the users come from, as in I11 Passive; I11 Other for folded links."),
        Column("target", "string", "Node the users go to, as in I12 Engaged; I12 Other for folded links."),
        Column("User_Count", "int64", "Users on this link."),
        Column("share", "float64", "Share of the source's users, including those of folded links; 1 for I11 Other."),
        Column(
            "order",
            "int32",
            "From 1: by source, then by target, worst to best, then Absent, then Other.",
        ),
        *WHEN,
    ),
    checks=CHECKS,
    parameters=number_and_labels,
    model_parameters=lambda flywheel: ("user labels",),
)


@dataclass(frozen=True)
class Folded:
    """What became one link: how many links, how many users on them, of how many in all."""

    links: int
    users: int
    of_users: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def summary(self) -> str:
        """In one sentence; empty when nothing was folded."""
        if not self.links:
            return ""
        share = self.users / self.of_users
        return f"the {self.links:,} smallest links, {self.users:,} users ({share:.1%}), are one, from Other to Other"


def sankey_links(
    moves: Moves, labels: Sequence[str], interval: Interval, most: int = MOST_LINKS
) -> tuple[list[Row], Folded]:
    """One row per link, in order, and what was folded. ``moves``: those into the interval; no users give no rows.

    A node's name is its interval and label, `I11 Passive` and `I12 Passive`, so that links of several intervals chain,
    and none leads back or to itself. Of more than ``most`` pairs the smallest become one link `I11 Other` to
    `I12 Other`: the users of all links are still those of all moves, but a node that lost links to it shows fewer than
    its label has. ``share`` is of all users of the source's label, also those on folded links, and 1 from Other.
    A node `I0 Absent` is where the users of interval 1 come from.
    """
    ranked = {label: rank for rank, label in enumerate([*all_labels(labels, moves), ABSENT])}
    biggest = sorted(moves, key=lambda pair: (-moves[pair], ranked[pair[0]], ranked[pair[1]]))
    kept, folded = (biggest, []) if len(biggest) <= most else (biggest[: most - 1], biggest[most - 1 :])
    of_source = users_before(moves)
    of_source[ABSENT] = sum(users for (before, _), users in moves.items() if before == ABSENT)
    links = [
        (before, after, moves[before, after], moves[before, after] / of_source[before])
        for before, after in sorted(kept, key=lambda pair: (ranked[pair[0]], ranked[pair[1]]))
    ]
    told = Folded(len(folded), sum(moves[pair] for pair in folded), sum(moves.values()))
    if folded:
        other = _unused(OTHER, ranked)
        links.append((other, other, told.users, 1.0))
    return [
        {
            "source": f"I{interval.number - 1} {before}",
            "target": f"I{interval.number} {after}",
            "User_Count": users,
            "share": share,
            "order": order,
            **when(interval),
        }
        for order, (before, after, users, share) in enumerate(links, start=1)
    ], told


def _unused(name: str, taken: Collection[str]) -> str:
    """The name, with as many stars as it takes to differ from every label."""
    while name in taken:
        name += "*"
    return name


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
            f"{told.strip()}; {twice} repeated" if twice else told.strip(),
            numbers={"links_wrong": len(wrong), "links_twice": twice},
        ),
        Verdict(FEW.name, len(rows) <= MOST_LINKS, f"{len(rows)} links", numbers={"links": len(rows)}),
    ]

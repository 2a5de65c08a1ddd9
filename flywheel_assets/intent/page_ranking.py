"""The page's ranking: whom to contact first, and why."""

from collections.abc import Sequence

from flywheel_assets.intent.evidence import ago
from flywheel_assets.intent.page_content import Content, Row
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Cell, Filter, Finder, Text, Track
from flywheel_assets.tables.labels import ABSENT

MOST_CHOICES = 12
"""A trait with more values than these has no filter: nobody looks through a longer list."""

CHANCE, LAST_EVENT = "Chance", "Last event"

REASONS = ("reason_1", "reason_2", "reason_3")


def ranking(content: Content) -> Blocks:
    """The ranked users as a table that can be searched."""
    if not content.ranked:
        return [Text("No user has a score: nobody did anything in the look-back.", "missing")]
    chances = [content.chance(row) for row in content.ranked]
    known = any(chance is not None for chance in chances)
    columns = ["Rank", "User", "Score", "Tier", *([CHANCE] if known else []), "Why", "Would raise it most", LAST_EVENT]
    columns += [n.words(trait) for trait in content.traits]
    columns += ["Label"] if content.labels is not None else []
    shown, users = n.count(len(content.ranked)), n.plural(content.users, "user")
    first = "the model's highest probability" if content.ranked_by_model else "the highest"
    caption = f"{shown} of {users} with a score, {first} first. The name of a user opens the whole score."
    rows = []
    for row, chance in zip(content.ranked, chances, strict=True):
        cells = _row(content, row)
        rows.append([*cells[:4], n.percent(chance), *cells[4:]] if known else cells)
    return [
        Text(_lead(content)),
        Finder(
            caption,
            "Search by user id",
            "users",
            columns,
            rows,
            _filters(content, columns),
        ),
        _left_out(content),
    ]


def view_of(row: Row) -> str:
    """The identity of a ranked user's view on the page."""
    return f"user-{row['rank']}"


def label_of(content: Content, row: Row) -> str:
    """A user's flywheel label."""
    return (content.labels or {}).get(row["user_id"], ABSENT)


def trait_of(row: Row, trait: str) -> str:
    return row[trait] or n.NOTHING


def _lead(content: Content) -> str:
    first = content.ranked[0]
    score = f"Begin with {first['user_id']}: score {first['score']:.1f} of {content.rules.ceiling:g}."
    return f"{score} The strongest reason is {first['reason_1']}." if first["reason_1"] else score


def _row(content: Content, row: Row) -> list[str | Cell]:
    score = float(row["score"])
    cells = [
        str(row["rank"]),
        Cell(row["user_id"], href=f"#{view_of(row)}"),
        Cell(f"{row['score']:.1f}", track=Track(0, score / content.rules.ceiling)),
        row["tier"],
        Cell("", lines=[row[reason] for reason in REASONS if row[reason]]),
        row["next_step"] or n.NOTHING,
        ago(row["days_since_event"]),
        *(trait_of(row, trait) for trait in content.traits),
    ]
    return [*cells, label_of(content, row)] if content.labels is not None else cells


def _filters(content: Content, columns: Sequence[str]) -> list[Filter]:
    """By tier, trait and label. One without a choice, or with too many, is left out."""
    rows = content.ranked
    tiers = {row["tier"] for row in rows}
    choices = {columns.index("Tier"): [name for name, _ in content.rules.tiers if name in tiers]}
    first = columns.index(LAST_EVENT) + 1
    for place, trait in enumerate(content.traits, first):
        choices[place] = sorted({trait_of(row, trait) for row in rows})
    if content.labels is not None:
        labels = {label_of(content, row) for row in rows}
        known = [label for label in content.label_order if label in labels]
        choices[len(columns) - 1] = [*known, *sorted(labels - {*known, ABSENT}), *sorted(labels & {ABSENT})]
    return [
        Filter(columns[place], place, values) for place, values in choices.items() if 1 < len(values) <= MOST_CHOICES
    ]


def _left_out(content: Content) -> Text | None:
    if content.ranked_in_all == len(content.ranked):
        return None
    return Text(
        f"{n.count(content.ranked_in_all)} users are ranked; the table ranked_users and its CSV copy have them all.",
        "note",
    )

"""A comparison of two models, printed: figures on the holdout, flips, label shares, what speaks against a promotion."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from flywheel_assets.cli.console import table
from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.registry.comparison import Flips, ModelComparison


def comparison_report(
    found: ModelComparison, orders: Mapping[str, Sequence[str]], objections: Sequence[str]
) -> RenderableType:
    """``orders``: the labels of each level, worst to best. Intervals of 95 % stand in brackets."""
    parts: list[RenderableType] = [
        Text(f"candidate {found.candidate} against champion {found.champion}", style="bold"),
        Text(),
    ]
    if found.holdout:
        sizes = ", ".join(f"{one.level}: {one.rows:,} rows of {one.users:,} users" for one in found.holdout)
        columns: tuple[str, ...] = ("of", "figure", "candidate", "champion", "difference")
        parts += [_title(f"On the candidate's holdout, {sizes}"), table(columns, _figures(found)), Text()]
    for remark in found.remarks:
        parts += [Text(f"note: {remark}", style="yellow"), Text()]
    if found.flips:
        columns = ("interval", "of", "rows", "flips", "share", "most of them")
        parts += [_title("Labels that would flip"), table(columns, map(_flip, found.flips)), Text()]
    for one in found.flips:
        if one.latest:
            shares = one.label_shares(orders[one.level])
            title = _title(f"Label shares of the {one.level} of {one.interval}")
            parts += [title, table(("label", "champion", "candidate"), shares), Text()]
    if not objections:
        return Group(*parts, Text("nothing speaks against a promotion", style="green"))
    return Group(*parts, Text("against a promotion:", style="red"), *(Text(f"  - {one}") for one in objections))


def figure(value: Estimate | None, sign: str = "") -> str:
    """``0.8840 [0.8801, 0.8872]``, or a dash."""
    return f"{value.value:{sign}.4f} [{value.low:{sign}.4f}, {value.high:{sign}.4f}]" if value else "-"


def _title(words: str) -> Text:
    """A title of its own, because a table's title would be broken at the table's width."""
    return Text(words, style="bold")


def _figures(found: ModelComparison) -> Iterator[tuple[str, ...]]:
    for one in found.holdout:
        for metric in one.metrics:
            values = (figure(metric.candidate), figure(metric.champion), figure(metric.difference, "+"))
            yield (one.level, metric.name, *values)


def _flip(one: Flips) -> tuple[object, ...]:
    pairs = sorted((pair for pair in one.pairs if pair[0] != pair[1]), key=lambda pair: -pair[2])[:3]
    most = ", ".join(f"{before} to {after} {count:,}" for before, after, count in pairs)
    where = one.interval if one.latest else f"{one.interval}, holdout"
    return (where, one.level, one.rows, one.flipped, f"{one.share:.1%}", most or "-")

"""The report's figures: label mix and growth as bars, the forecast as ranges, each from rows of its table."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from flywheel_assets.history.headlines import Rows
from flywheel_assets.report.bars import Scale, Series, bars
from flywheel_assets.report.figure import Figure, nice_step
from flywheel_assets.report.folding import Folding
from flywheel_assets.report.numbers import count, percent, short_day
from flywheel_assets.report.palette import variables
from flywheel_assets.report.ranges import Expected, ranges
from flywheel_assets.tables.labels import ABSENT

GROWTH = (
    ("Stayed", "Retained_Users", "--retained", 1),
    ("Came back", "Resurrected_Users", "--resurrected", 1),
    ("New", "New_Users", "--new", 1),
    ("Left", "Churned_Users", "--churned", -1),
)

GROWTH_COLOURS = {
    "--retained": ("#b9c3cb", "#5d6a75"),
    "--resurrected": ("#79a58a", "#76a98c"),
    "--new": ("#2c6e52", "#4fb386"),
    "--churned": ("#8d3f63", "#c9739c"),
}
"""Light and dark."""

SHARES = Scale(0, 1, (0, 0.5, 1), ("0", "50%", "100%"))


def label_mix(
    rows: Rows,
    level: str,
    folding: Folding,
    days: Mapping[int, date],
    narrow: bool,
    changes: Sequence[int] = (),
    incomplete: Collection[int] = (),
) -> Figure:
    """Shares of labels, the worst at the bottom. ``changes``: the intervals before which the models changed.
    ``incomplete``: those whose bars are pale."""
    colours = variables(folding)
    shares: dict[str, dict[int, float]] = {name: {} for name in folding.names}
    counts: dict[str, dict[int, int]] = {name: {} for name in folding.names}
    for row in rows:
        if row["Level"] == level and row["Share"] is not None and row["Interval"] in days:
            name, number = folding(row["Label"]), row["Interval"]
            shares[name][number] = shares[name].get(number, 0.0) + row["Share"]
            counts[name][number] = counts[name].get(number, 0) + row["Count"]
    series = [
        Series(
            name,
            colours[name],
            by_number,
            {
                x: f"{name}: {percent(share)}, {count(counts[name][x])} {level}, from {short_day(days[x])}"
                for x, share in by_number.items()
            },
        )
        for name, by_number in shares.items()
    ]
    written = "{:.0%}".format if narrow else percent
    return bars(series, SHARES, days, written, 3 if narrow else 6, narrow, changes, incomplete)


def growth(rows: Rows, days: Mapping[int, date], narrow: bool, incomplete: Collection[int] = ()) -> Figure:
    """Users of each interval above the line, by how they came to be there, and below it those who left; those of
    ``incomplete`` intervals pale."""
    totals = [row for row in rows if row["Label"] is None and row["Interval"] in days]
    series = [
        Series(
            name,
            colour,
            {row["Interval"]: sign * row[column] for row in totals},
            {
                row["Interval"]: f"{name}: {count(row[column])}, from {short_day(days[row['Interval']])}"
                for row in totals
            },
        )
        for name, column, colour, sign in GROWTH
    ]
    most = max((row["Active_Users"] for row in totals), default=0)
    least = max((row["Churned_Users"] for row in totals), default=0)
    step = nice_step(max(most, least, 1) / 3)
    low = max(-math.ceil(least / step * 1.02) * step, -least * 1.25)
    ticks = [step * i for i in range(-int(least // step), int(most // step) + 1)]
    scale = Scale(low, max(most * 1.06, step), ticks, [count(abs(tick)) for tick in ticks], zero=True)
    return bars(series, scale, days, count, 3 if narrow else 8, narrow, pale=incomplete)


def forecast(rows: Rows, folding: Folding, narrow: bool) -> Figure:
    """Users per label now and expected, with the 90 % interval of the forecast; the best label on top."""
    known = [r for r in rows if r["Label"] in {*folding.shown, ABSENT} and r["Forecast_Users"] is not None]
    colours = variables(folding)
    columns = ("User_Count", "Forecast_Users", "Lower_Users", "Upper_Users")
    return ranges(
        [
            Expected(row["Label"], colours[row["Label"]], *(row[column] for column in columns))
            for row in sorted(known, key=lambda row: row["Label_Order"])
        ],
        narrow,
    )

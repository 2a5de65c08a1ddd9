"""A chart on the page: its heading, the place where the script draws it, and its numbers as a table."""

from flywheel_assets.report.charts import Figure
from flywheel_assets.report.page.html import Html, data_script, element
from flywheel_assets.report.page.tables import folded


def chart(identity: str, title: str, said: str, wide: Figure, narrow: Figure, note: str | None, numbers: Html) -> Html:
    """``said`` is what the chart shows, in a sentence, for who does not see it; ``note`` stands under it."""
    place = element(
        "div",
        element("p", "This chart is drawn by plotly.min.js; its numbers are in the table below.", class_="undrawn"),
        class_="plot",
        id=identity,
        role="img",
        aria_label=f"{title}. {said}",
        style=f"min-height:{wide['layout']['height']}px",
    )
    return element(
        "figure",
        element("h3", title),
        place,
        element("figcaption", note) if note else None,
        data_script(f"{identity}-data", {"wide": wide, "narrow": narrow}),
        folded("The numbers of this chart", numbers),
        class_="chart",
    )


def sparkline(history: tuple[float | None, ...]) -> Html | None:
    """A line of a number's history with a dot at its end; None where there is nothing to draw a line of. It is beside
    the number for the eye only."""
    known = [(i, value) for i, value in enumerate(history) if value is not None]
    if len(known) < 3:
        return None
    width, height, edge = 100.0, 28.0, 3.0
    values = [value for _, value in known]
    low, high = min(values), max(values)
    span = high - low or 1.0
    last = len(history) - 1
    points = [
        (edge + (width - 2 * edge) * i / last, height - edge - (height - 2 * edge) * (value - low) / span)
        for i, value in known
    ]
    line = element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
    end = element("circle", cx=f"{points[-1][0]:.1f}", cy=f"{points[-1][1]:.1f}", r="2.4")
    return element(
        "svg",
        line,
        end,
        class_="spark",
        viewBox=f"0 0 {width:g} {height:g}",
        preserveAspectRatio="xMinYMid",
        aria_hidden="true",
    )

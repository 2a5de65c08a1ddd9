"""The report's Sankey figure: which way users went between labels, over the last intervals. As `charts`."""

from collections.abc import Sequence

from flywheel_assets.history.headlines import Rows
from flywheel_assets.report.charts import LINE, Figure, annotation, drawn, plain, shortened, spread
from flywheel_assets.report.folding import Folding
from flywheel_assets.report.page.colours import label_variables
from flywheel_assets.report.page.numbers import count
from flywheel_assets.report.paths import paths

EDGE = 0.001
"""Plotly takes a position of 0 for none."""


def sankey(steps: Sequence[Rows], folding: Folding, columns: Sequence[str], narrow: bool) -> Figure:
    """Consecutive transitions, oldest first; ``columns`` are the headings of the intervals, one more than steps."""
    found = paths(steps, folding)
    colours = label_variables(folding)
    height, top, bottom, left, right = 420 if narrow else 460, 34, 8, 8, 150 if narrow else 180
    last = len(steps)
    trace = {
        "type": "sankey",
        "arrangement": "fixed",
        "node": {
            "label": [""] * len(found.nodes),
            "customdata": [
                plain(f"{node.label}, {columns[node.column]}: {count(node.users)} users") for node in found.nodes
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
            "x": [min(max(node.column / last, EDGE), 1 - EDGE) for node in found.nodes],
            "y": [min(max(node.middle, EDGE), 1 - EDGE) for node in found.nodes],
            "color": [colours[node.label] for node in found.nodes],
            "line": {"width": 0},
            "pad": 1,
            "thickness": 10 if narrow else 14,
        },
        "link": {
            "source": [source for source, _, _ in found.links],
            "target": [target for _, target, _ in found.links],
            "value": [users for _, _, users in found.links],
            "color": [f"{colours[found.nodes[source].label]}/0.34" for source, _, _ in found.links],
            "customdata": [
                plain(f"{found.nodes[source].label} to {found.nodes[target].label}: {count(users)} users")
                for source, target, users in found.links
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    }
    headings = [
        annotation(
            plain(name),
            xref="paper",
            yref="paper",
            x=column / last,
            y=1,
            yanchor="bottom",
            yshift=10,
            xanchor="left" if column == 0 else "right" if column == last else "center",
        )
        for column, name in enumerate(columns)
    ]
    unit = 1 / (height - top - bottom)
    ends = [node for node in found.nodes if node.column == last][::-1]
    places = spread([1 - node.middle for node in ends], LINE * unit, LINE * unit / 2, 1 - LINE * unit / 2)
    names = [
        annotation(
            f"<b>{count(node.users)}</b> {plain(shortened(node.label, narrow))}",
            xref="paper",
            yref="paper",
            x=1,
            y=y,
            xanchor="left",
            yanchor="middle",
            xshift=8,
        )
        for node, y in zip(ends, places, strict=True)
    ]
    figure = drawn([trace], height, {"l": left, "r": right, "t": top, "b": bottom}, [*headings, *names])
    figure["layout"]["font"] |= {"size": 12}
    return figure

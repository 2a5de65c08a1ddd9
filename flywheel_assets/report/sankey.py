"""The Sankey figure: the ways users took between labels, over the last intervals."""

from collections.abc import Sequence

from flywheel_assets.report.figure import LINE, Figure, annotation, figure, plain, shortened, spread
from flywheel_assets.report.folding import Folding
from flywheel_assets.report.numbers import count
from flywheel_assets.report.palette import variables
from flywheel_assets.report.paths import Moves, paths

EDGE = 0.001
"""Plotly takes a position of 0 for none."""


def sankey(steps: Sequence[Moves], folding: Folding, columns: Sequence[str], narrow: bool) -> Figure:
    """Consecutive moves, oldest first; ``columns`` are the headings of the intervals, one more than steps."""
    drawn = paths(steps, folding)
    nodes = drawn.nodes
    colours = variables(folding)
    height, top, bottom = 420 if narrow else 460, 34, 8
    last = len(steps)
    trace = {
        "type": "sankey",
        "arrangement": "fixed",
        "node": {
            "label": [""] * len(nodes),
            "customdata": [plain(f"{n.label}, {columns[n.column]}: {count(n.users)} users") for n in nodes],
            "hovertemplate": "%{customdata}<extra></extra>",
            "x": [min(max(n.column / last, EDGE), 1 - EDGE) for n in nodes],
            "y": [min(max(n.middle, EDGE), 1 - EDGE) for n in nodes],
            "color": [colours[n.label] for n in nodes],
            "line": {"width": 0},
            "pad": 1,
            "thickness": 10 if narrow else 14,
        },
        "link": {
            "source": [source for source, _, _ in drawn.links],
            "target": [target for _, target, _ in drawn.links],
            "value": [users for _, _, users in drawn.links],
            "color": [f"{colours[nodes[source].label]}/0.34" for source, _, _ in drawn.links],
            "customdata": [
                plain(f"{nodes[source].label} to {nodes[target].label}: {count(users)} users")
                for source, target, users in drawn.links
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    }
    in_figure = {"xref": "paper", "yref": "paper"}
    sides = {0: "left", last: "right"}
    headings = [
        annotation(
            plain(name),
            **in_figure,
            x=column / last,
            y=1,
            yanchor="bottom",
            yshift=10,
            xanchor=sides.get(column, "center"),
        )
        for column, name in enumerate(columns)
    ]
    unit = 1 / (height - top - bottom)
    ends = [node for node in nodes if node.column == last][::-1]
    places = spread([1 - node.middle for node in ends], LINE * unit, LINE * unit / 2, 1 - LINE * unit / 2)
    names = [
        annotation(
            f"<b>{count(node.users)}</b> {plain(shortened(node.label, narrow))}",
            **in_figure,
            x=1,
            y=y,
            xanchor="left",
            yanchor="middle",
            xshift=8,
        )
        for node, y in zip(ends, places, strict=True)
    ]
    margin = {"l": 8, "r": 150 if narrow else 180, "t": top, "b": bottom}
    return figure([trace], height, margin, annotations=[*headings, *names])

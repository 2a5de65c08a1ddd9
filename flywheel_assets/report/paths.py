"""Paths: where the nodes of a Sankey diagram of label transitions lie, and the links between them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_assets.history.headlines import Rows
from flywheel_assets.report.folding import Folding
from flywheel_assets.tables.labels import ABSENT

PADDING = 0.035
"""Of the height, between two nodes of a column."""


@dataclass(frozen=True)
class Node:
    """A label in an interval: ``column`` from 0, ``middle`` and ``height`` as shares of the diagram's height from the
    top."""

    column: int
    label: str
    users: int
    middle: float
    height: float


@dataclass(frozen=True)
class Paths:
    """``links``: indices of two nodes and the users between them, source's order first."""

    nodes: tuple[Node, ...]
    links: tuple[tuple[int, int, int], ...]


def paths(steps: Sequence[Rows], folding: Folding) -> Paths:
    """The diagram of consecutive transitions, oldest first: a column more than steps, in each the labels that have
    users, best at the top, Absent last. Absent is as high as the larger of who comes from it and who goes to it."""
    flows = [_counted(step, folding) for step in steps]
    order = [*reversed(folding.names), ABSENT]
    columns: list[dict[str, int]] = []
    for column in range(len(steps) + 1):
        into = _side(flows[column - 1], 1) if column else Counter()
        out = _side(flows[column], 0) if column < len(steps) else Counter()
        columns.append({label: max(into[label], out[label]) for label in order if into[label] or out[label]})
    scales = [(1 - PADDING * (len(column) - 1)) / sum(column.values()) for column in columns if column]
    scale = min(scales, default=0.0)
    nodes: list[Node] = []
    index: dict[tuple[int, str], int] = {}
    for at, labels in enumerate(columns):
        top = 0.0
        for label, users in labels.items():
            index[at, label] = len(nodes)
            nodes.append(Node(at, label, users, top + users * scale / 2, users * scale))
            top += users * scale + PADDING
    links = [
        (index[at, origin], index[at + 1, target], flow[origin, target])
        for at, flow in enumerate(flows)
        for origin in order
        for target in order
        if flow[origin, target]
    ]
    return Paths(tuple(nodes), tuple(links))


def _counted(rows: Rows, folding: Folding) -> Counter[tuple[str, str]]:
    flow: Counter[tuple[str, str]] = Counter()
    for row in rows:
        flow[folding(row["From_Label"]), folding(row["To_Label"])] += row["User_Count"]
    return flow


def _side(flow: Counter[tuple[str, str]], side: int) -> Counter[str]:
    sums: Counter[str] = Counter()
    for pair, users in flow.items():
        sums[pair[side]] += users
    return sums

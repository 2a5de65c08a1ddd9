"""Paths: where the nodes of a Sankey diagram of moves between labels lie, and the links between them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel_assets.report.folding import Folding
from flywheel_assets.tables.labels import ABSENT

Moves = Mapping[tuple[str, str], int]
"""Users by the label before and the label now, Absent included."""

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


def paths(steps: Sequence[Moves], folding: Folding) -> Paths:
    """The diagram of consecutive moves, oldest first: one column more than steps, each with the labels that have
    users, best at the top, Absent last. Absent is as high as the larger of the users that come from it and go to it."""
    flows = [_folded(step, folding) for step in steps]
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


def _folded(moves: Moves, folding: Folding) -> Counter[tuple[str, str]]:
    flow: Counter[tuple[str, str]] = Counter()
    for (origin, target), users in moves.items():
        flow[folding(origin), folding(target)] += users
    return flow


def _side(flow: Counter[tuple[str, str]], side: int) -> Counter[str]:
    sums: Counter[str] = Counter()
    for pair, users in flow.items():
        sums[pair[side]] += users
    return sums

"""Why a row has its probability, in words: the inputs that move it furthest, with their values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_assets.report import numbers as n
from flywheel_assets.training.classifier.explanation import ShapleyValues
from flywheel_assets.training.classifier.page_content import Reason

LEAST = math.log(1.05)
"""An input that changes the odds by less is no reason."""


def reasons(
    values: ShapleyValues, row: int, inputs: Mapping[str, Any], named: Mapping[str, Sequence[str]], most: int = 3
) -> list[Reason]:
    """Of a row of ``values``, whose ``inputs`` are by name; ``named`` has the words of numbers that stand for something
    else, by input."""
    return [
        Reason(f"{n.words(name)}: {value_in_words(inputs[name], named.get(name, ()))}", math.exp(moved))
        for name, moved in values.reasons(row, most)
        if abs(moved) >= LEAST
    ]


def value_in_words(value: Any, names: Sequence[str] = ()) -> str:
    """``yes``, ``12.5``, ``mobile``; ``unknown`` for null."""
    if value is None or value != value:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if 0 <= value < len(names):
        return names[int(value)]
    return n.count(value) if value == int(value) or abs(value) >= 100 else f"{value:.2g}".replace("-", n.MINUS)

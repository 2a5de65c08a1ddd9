"""Labels and the column names made of them."""

import re
from collections.abc import Iterable

ABSENT = "Absent"
"""The From_Label of a user without a label in the previous interval, the To_Label of one without a label in this."""


def snake_case(label: str) -> str:
    """``Very Low Quality`` -> ``very_low_quality``: runs of anything but letters and digits become one underscore."""
    return re.sub(r"\W+", "_", label).strip("_").lower()


def share_column(label: str) -> str:
    """The column of user_distributions with the share of a user's sessions that have this label."""
    return f"share_{snake_case(label)}"


def probability_column(label: str) -> str:
    """The column with the model's probability for this label."""
    return f"probability_{snake_case(label)}"


def clashes(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of different labels that would share a column, in the order given; empty for a usable set."""
    seen: dict[str, str] = {}
    pairs = []
    for label in labels:
        first = seen.setdefault(snake_case(label), label)
        if first != label:
            pairs.append((first, label))
    return pairs

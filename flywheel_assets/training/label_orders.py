"""In which order labels to train on stand, worst to best: as a team says, else as in the models in use."""

import json
from collections.abc import Collection, Sequence

from flywheel_assets.errors import LabelError


def order_of_labels(
    what: str, labels: Collection[str], stated: Sequence[str] | None, in_use: Sequence[str], file: str
) -> tuple[str, ...]:
    """The order that has all of the ``labels``: the ``stated`` one of ``file``, or without it that of the models
    ``in_use``. It may have more. ``what``: ``sessions`` or ``users``.

    Raises LabelError that names the labels which the order doesn't know, and shows what to write."""
    order = tuple(in_use if stated is None else stated)
    unknown = sorted(set(labels) - set(order))
    if not unknown:
        return order
    line = f"{what} = {json.dumps(sorted(labels), ensure_ascii=False)}"
    whose = (
        f"the models in use, whose labels are {', '.join(in_use)}" if stated is None else f"{file}: {', '.join(order)}"
    )
    raise LabelError(
        f"{what} are labelled {', '.join(unknown)}, which the order doesn't know that is stated by {whose}. "
        f"Write {line}, brought into order from worst to best, into {file}, or correct the labels"
    )

"""label_mix: how many sessions and users have each label."""

from collections.abc import Mapping

from flywheel_assets.history.moves import Row, when
from flywheel_assets.intervals import Interval


def label_mix(sessions: Mapping[str, int], users: Mapping[str, int], interval: Interval) -> list[Row]:
    """A row a label of the session model, then one a label of the user model. ``sessions`` and ``users``: how many
    have each label, in the order of labels; a label that none has is there with 0. Shares of nothing are null."""
    rows = []
    for level, counts in (("sessions", sessions), ("users", users)):
        total = sum(counts.values())
        for order, (label, count) in enumerate(counts.items(), start=1):
            share = count / total if total else None
            rows.append(
                {"Level": level, "Label": label, "Label_Order": order, "Count": count, "Share": share, **when(interval)}
            )
    return rows

"""model_shift: mix_shift across a change of models: what users did, and what the new models make of the same users."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flywheel_assets.history.mix_shift import mix_shift
from flywheel_assets.history.moves import Row, all_labels, users_now
from flywheel_assets.intervals import Interval


def model_shift(causes: Iterable[Mapping[str, Any]], labels: Sequence[str], interval: Interval) -> list[Row]:
    """One row per label, worst to best, from the rows of transition_causes of an interval.

    The columns of mix_shift are those that it has where the models of before labelled both intervals: Share is by
    Same_Model_Label, Change and its parts are what users did. Besides, New_Model_Share is the share by To_Label, and
    Model its difference to Share, so that Change and Model sum to the change as labelled. Null where Share is.

    ann and bob were Passive; by the models of before ann is Engaged now, by the new ones bob is too: of Engaged's 100
    points 50 are what ann did, and 50 are the new models'."""
    behaviour: dict[tuple[str, str], int] = {}
    model: dict[tuple[str, str], int] = {}
    for row in causes:
        before, same, said, users = (row[c] for c in ("From_Label", "Same_Model_Label", "To_Label", "User_Count"))
        behaviour[before, same] = behaviour.get((before, same), 0) + users
        model[same, said] = model.get((same, said), 0) + users
    every = all_labels(labels, {**behaviour, **model})
    now = users_now(model)
    total = now.total()
    rows = []
    for row in mix_shift(behaviour, every, interval):
        new = now[row["Label"]] / total if total else None
        told = row["Share"] is not None and new is not None
        rows.append(row | {"New_Model_Share": new, "Model": new - row["Share"] if told else None})
    return rows

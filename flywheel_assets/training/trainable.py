"""Whether rows can be learnt from: enough of them, of every label, and with features that vary."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flywheel_assets.errors import TrainingError

LEAST_TRAINING_ROWS = 100
LEAST_VALIDATION_ROWS = 20
LEAST_ROWS_A_LABEL = 5
"""In the part used for fitting. Fewer could be memorized, and no figure would show it."""


def check_trainable(what: str, rows: pd.DataFrame, label: str, order: Sequence[str], features: Sequence[str]) -> None:
    """``rows`` of ``what`` (sessions, users) with ``part`` (`training`, `stopping`, `validation`), ``label`` and
    ``features``, none to look at the labels alone. Raises TrainingError when a model cannot be fitted to them, or
    could not be judged."""
    counts = rows["part"].replace("stopping", "training").value_counts()
    for part, least in (("training", LEAST_TRAINING_ROWS), ("validation", LEAST_VALIDATION_ROWS)):
        if counts.get(part, 0) < least:
            raise TrainingError(
                f"the {part} intervals have {counts.get(part, 0):,} labelled {what}; expected {least} or more: "
                "use a longer range, or label more"
            )
    unknown = sorted(set(rows[label]) - set(order))
    if unknown or len(order) < 2:
        raise TrainingError(
            f"{what} are labelled {', '.join(sorted(set(rows[label])))}; expected two labels or more, all of them in "
            f"the order {', '.join(order)}"
        )
    fitted = rows[rows["part"] == "training"]
    of_label = fitted[label].value_counts()
    rare = [f"{name} ({of_label.get(name, 0)})" for name in order if of_label.get(name, 0) < LEAST_ROWS_A_LABEL]
    if rare:
        raise TrainingError(
            f"too few {what} to learn from with the label {', '.join(rare)}; expected {LEAST_ROWS_A_LABEL} or more in "
            "the training intervals, those of the users set aside for early stopping not counted: use a longer range, "
            "or merge that label with its neighbour"
        )
    values = rows[list(features)].to_numpy(np.float64)
    if not np.isfinite(values).all():
        broken = [name for name in features if not np.isfinite(rows[name].to_numpy(np.float64)).all()]
        raise TrainingError(f"{what} have missing or infinite values in {', '.join(broken)}; expected numbers")
    if features and not (fitted[list(features)].nunique() > 1).any():
        raise TrainingError(
            f"every feature of the {what} to learn from is constant ({', '.join(features)}), so no label can be told "
            "from another: take sessions that differ, or other features"
        )

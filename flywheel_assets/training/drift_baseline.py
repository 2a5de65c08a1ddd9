"""The drift baseline of a model, from rows that it was not fitted on."""

import numpy as np
import pandas as pd

from flywheel_assets.registry.originals import Originals
from flywheel_assets.tables.drift import Baseline, FeatureBaseline, bin_counts, bin_edges
from flywheel_assets.training.metrics import probabilities_in_order


def drift_baseline(model: Originals, rows: pd.DataFrame, order: tuple[str, ...]) -> Baseline:
    """How many of the rows have each *predicted* label, worst to best, and their features in bins."""
    counts = np.bincount(probabilities_in_order(model, rows, order).argmax(axis=1), minlength=len(order))
    edges = {name: bin_edges(rows[name]) for name in model.features}
    return Baseline(
        dict(zip(order, counts.tolist(), strict=True)),
        {name: FeatureBaseline(edge, bin_counts(rows[name], edge)) for name, edge in edges.items()},
    )

"""Pictures of a classifier, as PNG: the comparison that it comes from, its curves, and what its inputs do."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flywheel_assets.registry.classifier_inputs import InputEncoding
from flywheel_assets.training.classifier.evaluation import Evaluation
from flywheel_assets.training.classifier.explanation import Matrix, ShapleyValues
from flywheel_assets.training.pictures import figure_of, png

MOST_INPUTS = 12


def comparison_picture(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """PR-AUC and log loss of every candidate, the chosen one on top."""
    figure, (left, right) = figure_of(1, 2, (11, 0.32 * len(rows) + 1.6))
    names, places = [row["candidate"] for row in rows], range(len(rows))[::-1]
    left.barh(list(places), [row["pr_auc"] for row in rows], color="#2f6f9f")
    left.set_yticks(list(places), names)
    left.set_xlabel("PR-AUC on the validation part (more is better)")
    right.scatter([row["log_loss"] for row in rows], list(places), color="#c0592b", label="as fitted")
    right.scatter([row["log_loss_calibrated"] for row in rows], list(places), color="#2f6f9f", label="calibrated")
    right.set_yticks(list(places), [])
    right.set_xlabel("log loss (less is better)")
    right.legend()
    return png(figure)


def curves_picture(evaluation: Evaluation, threshold: float) -> bytes:
    """Precision and recall, ROC, reliability and gain on the test part."""
    figure, axes = figure_of(2, 2, (10, 9))
    rate = evaluation.positives / evaluation.rows
    for axis, name, title, x, y in (
        (axes[0][0], "pr", "precision and recall", "recall", "precision"),
        (axes[0][1], "roc", "ROC", "false positive rate", "true positive rate"),
        (axes[1][1], "gain", "gain", "share of rows, highest probability first", "share of positives among them"),
    ):
        points = np.array(evaluation.curves[name])
        axis.plot(points[:, 0], points[:, 1], color="#2f6f9f")
        axis.plot([0, 1], [rate, rate] if name == "pr" else [0, 1], color="grey", linestyle="--", linewidth=1)
        axis.set(title=title, xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1.02))
    bins = np.array(evaluation.curves["reliability"])
    axis = axes[1][0]
    top = max(0.05, float(bins[:, :2].max()) * 1.05)
    axis.plot([0, top], [0, top], color="grey", linestyle="--", linewidth=1)
    axis.plot(bins[:, 0], bins[:, 1], marker="o", color="#2f6f9f")
    axis.axvline(threshold, color="#c0592b", linewidth=1, label=f"threshold {threshold:.3f}")
    axis.set(title="reliability", xlabel="probability, mean of a tenth of the rows", ylabel="share of positives")
    axis.set(xlim=(0, top), ylim=(0, top))
    axis.legend()
    return png(figure)


def shap_picture(values: ShapleyValues, encoded: Matrix, encoding: InputEncoding) -> bytes:
    """A point per row and input: how far the input moves the log-odds; the colour is the input's value, from low (blue)
    to high (red), grey for categories and null."""
    sizes = np.abs(values.values).mean(axis=0)
    shown = np.argsort(-sizes, kind="stable")[:MOST_INPUTS][::-1]
    figure, axis = figure_of(1, 1, (8, 0.4 * len(shown) + 1.5))
    slices, draw = dict(encoding.slices()), np.random.default_rng(1)
    for place, number in enumerate(shown):
        name, moved = values.names[number], values.values[:, number]
        column = encoding.columns[number]
        colour: Any = np.full(len(moved), np.nan)
        if column.values is None:
            raw = encoded[:, slices[name].start].astype(float)
            known = ~np.isnan(raw)
            ranks = np.searchsorted(np.sort(raw[known]), raw[known], "right")
            colour[known] = ranks / max(1, known.sum())
        y = place + draw.uniform(-0.25, 0.25, len(moved))
        grey = np.isnan(colour)
        axis.scatter(moved[grey], y[grey], color="grey", s=7, alpha=0.6)
        axis.scatter(moved[~grey], y[~grey], c=colour[~grey], cmap="coolwarm", vmin=0, vmax=1, s=7, alpha=0.7)
    axis.axvline(0, color="grey", linewidth=1)
    axis.set_yticks(range(len(shown)), [values.names[number] for number in shown])
    axis.set_xlabel("Shapley value: how far it moves the log-odds (red: a high value of the input)")
    return png(figure)

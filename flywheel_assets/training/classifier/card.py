"""A classifier's card, as Markdown."""

from collections.abc import Mapping
from typing import Any

from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.classifier import ClassifierInfo
from flywheel_assets.training.classifier.evaluation import (
    ACCURACY,
    BRIER,
    BRIER_SKILL,
    ECE,
    METRICS,
    PR_AUC,
    RMSE,
    ROC_AUC,
    Evaluation,
)

TOLD = (ROC_AUC, PR_AUC, BRIER, RMSE, BRIER_SKILL, ECE, ACCURACY)
"""Of groups and of other splits."""


def estimate_text(estimate: Estimate) -> str:
    """``0.755 (0.731 to 0.778)``."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def calibration_text(info: ClassifierInfo, evaluation: Evaluation) -> str:
    """Whether calibration helped, in a sentence."""
    method = info.calibration.method
    if method == "none":
        return "calibration: none, because neither sigmoid nor isotonic fits better beyond noise"
    change = next(one for way, one in evaluation.differences.items() if way.startswith("before"))[BRIER]
    by = f"{abs(change.value):.5f} ({-change.high:.5f} to {-change.low:.5f})"
    if change.low <= 0 <= change.high:
        return f"calibration by {method} changes the Brier score of the test part by no more than noise"
    return f"calibration by {method} {'lowers' if change.value < 0 else 'raises'} the Brier score by {by}"


def _table(title: str, columns: Mapping[str, tuple[Evaluation, str]]) -> list[str]:
    """A table of the metrics TOLD of some evaluations, each by one way to score; no lines without any."""
    if not columns:
        return []
    return [
        title,
        "",
        f"| | {' | '.join(columns)} |",
        f"|{'---|' * (len(columns) + 1)}",
        f"| rows | {' | '.join(f'{of.rows:,}' for of, _ in columns.values())} |",
        f"| users | {' | '.join(f'{of.users:,}' for of, _ in columns.values())} |",
        *(
            f"| {metric} | {' | '.join(estimate_text(of.figures[way][metric]) for of, way in columns.values())} |"
            for metric in TOLD
        ),
        "",
    ]


def classifier_card(
    bundle: ModelBundle, info: ClassifierInfo, training: Mapping[str, Any], evaluation: Evaluation
) -> str:
    """Every figure with its horizon, split and interval."""
    rows, positives = training["rows"], training["positives"]
    ways = list(evaluation.figures)
    (tn, fp), (fn, tp) = evaluation.confusion
    lines = [
        f"# {info.name.replace('_', ' ').capitalize()} model, version {bundle.version}",
        "",
        f"Gives the probability of {info.target}, from what is known {info.horizon}.",
        f"{info.description}; calibration: {info.calibration.method}. `{training['command']}`, "
        f"{training['trained_at']}.",
        "",
        f"- split {training['split']}",
        *(f"- {part}: {rows[part]:,} {info.rows}, {positives[part]:,} positive" for part in rows),
        f"- {calibration_text(info, evaluation)}",
        f"- decides from a probability of {info.threshold:.3f} on, chosen by cross-validation for: "
        f"{info.threshold_rule}",
        *(f"- {note}" for note in training["notes"]),
        *(f"- Warning: {warning}" for warning in training["warnings"]),
        "",
        f"## On the test part, {evaluation.rows:,} {info.rows} of {evaluation.users:,} users",
        "",
        "With 95 % intervals (bootstrap of users).",
        "",
        f"| | {' | '.join(ways)} |",
        f"|{'---|' * (len(ways) + 1)}",
        *(
            f"| {metric} | {' | '.join(estimate_text(evaluation.figures[way][metric]) for way in ways)} |"
            for metric in METRICS
        ),
        "",
        "| | decided for | decided against |",
        "|---|---|---|",
        f"| positive | {tp:,} | {fn:,} |",
        f"| negative | {fp:,} | {tn:,} |",
        "",
        f"![curves]({info.name}_curves.png)",
        "",
        *_table("## By group of the test part, the model", {n: (e, "model") for n, e in evaluation.groups.items()}),
        *_table(
            "## The same kind and parameters, fitted and judged on other splits",
            {f"{n}: {w}": (e, w) for n, e in evaluation.other_splits.items() for w in e.figures},
        ),
        "## What was compared, on the validation part",
        "",
        "| candidate | PR-AUC | ROC-AUC | log loss | calibrated | Brier | calibrated | parameters |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one['candidate']} | {one['pr_auc']:.4f} | {one['roc_auc']:.4f} | {one['log_loss']:.4f} "
            f"| {one['log_loss_calibrated']:.4f} | {one['brier']:.4f} | {one['brier_calibrated']:.4f} "
            f"| {one['parameters']} |"
            for one in training["comparison"]
        ),
        "",
        f"![comparison]({info.name}_comparison.png)",
        "",
        "## What it rests on, on the test part",
        "",
        "| input | AUC falls without its order by | mean size of its Shapley value, in log-odds |",
        "|---|---|---|",
        *(
            f"| {one['input']} | {one['auc_fall']:.4f} ± {one['auc_fall_sd']:.4f} | {one['mean_shap']:.3f} |"
            for one in training["importance"]
        ),
        "",
        f"![Shapley values]({info.name}_shap.png)",
        "",
    ]
    return "\n".join(lines)

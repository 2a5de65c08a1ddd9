"""The page's sections on the model itself: what it rests on, how good it is, what it was chosen from, how it was
trained."""

from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Blocks, Cell, Curves, Table, Terms, Text, Track
from flywheel_assets.training.classifier.evaluation import (
    ACCURACY,
    BRIER,
    BRIER_SKILL,
    ECE,
    F1,
    GAINS,
    LIFTS,
    METRICS,
    PR_AUC,
    PRECISION,
    RECALL,
    RMSE,
    ROC_AUC,
)
from flywheel_assets.training.classifier.page_content import ClassifierPage, TrainedModel
from flywheel_assets.training.classifier.page_curves import curves
from flywheel_assets.training.classifier.page_verdict import way_in_words

LEAST_FALL = 0.0005
"""An input whose shuffling costs less AUC is not listed by name."""

IN_SHARES = (PRECISION, RECALL, ACCURACY, *GAINS)

MEANINGS = {
    F1: "precision and recall in one figure",
    PRECISION: "of the decisions, how many were right",
    RECALL: "of all positive rows, how many were decided for",
    ROC_AUC: "how often a positive row ranks above another",
    PR_AUC: "mean precision over all recalls",
    BRIER: "mean squared error, less is better",
    RMSE: "its square root",
    BRIER_SKILL: "how much better than always saying the rate",
    ECE: "calibration error, less is better",
    ACCURACY: "misleading where positives are rare",
}


def inputs(model: TrainedModel) -> Blocks:
    """What the model rests on, the most important first."""
    rows = model.training["importance"]
    used = [row for row in rows if row["auc_fall"] >= LEAST_FALL] or rows[:1]
    largest = max(row["auc_fall"] for row in used) or 1.0
    lines: list[list[str | Cell]] = [
        [
            n.words(row["input"]),
            Cell(n.decimal(row["auc_fall"]), track=Track(0, max(0.0, row["auc_fall"] / largest))),
            f"± {n.decimal(row['auc_fall_sd'])}",
            n.decimal(row["mean_shap"]),
        ]
        for row in used
    ]
    first = " and ".join(n.words(row["input"]).lower() for row in used[:2])
    left = len(rows) - len(used)
    columns = ("Input", "AUC falls by", "±", "Mean Shapley value")
    return [
        Text(f"The model rests most on {first}."),
        Table("How far ROC-AUC falls on the test part when an input is shuffled", columns, lines, look="rates"),
        Text(
            "The mean Shapley value is how far an input moves the log-odds of a row, up or down. "
            + (f"{n.plural(left, 'further input changes', 'further inputs change')} next to nothing." if left else ""),
            "note",
        ),
    ]


def figures(page: ClassifierPage, model: TrainedModel) -> Blocks:
    """How good it is on rows that it had not seen, beside baselines, as a table and as curves."""
    evaluation, words = model.evaluation, page.words
    columns = ["Figure"]
    for way in evaluation.figures:
        columns += [way_in_words(way), "95% interval"]
    lines: list[list[str | Cell]] = [
        [
            Cell(n.words(metric), small=MEANINGS.get(metric, "")),
            *(text for of in evaluation.figures.values() for text in _estimate(metric, of[metric])),
        ]
        for metric in METRICS
        if all(metric in of for of in evaluation.figures.values())
    ]
    return [
        Text(
            f"Judged on {n.count(evaluation.rows)} {words.rows} that the model had not seen, of "
            f"{n.plural(evaluation.users, 'user')}: {n.count(evaluation.positives)} {words.happened}."
        ),
        Text(decisions(page, model)),
        Curves(curves(page, model)),
        _apart(page, model),
        Table(
            "The model and what it has to beat, with intervals of a bootstrap of users",
            columns,
            lines,
            folded="All figures, beside baselines",
            look="rules",
        ),
    ]


def _apart(page: ClassifierPage, model: TrainedModel) -> Table | None:
    """The same figures of groups of the test part, and by other splits; None without any."""
    evaluation = model.evaluation
    parts = {"The test part": evaluation, **evaluation.groups}
    parts |= {f"By another split: {name}": one for name, one in evaluation.other_splits.items()}
    if len(parts) == 1:
        return None
    shown = (ROC_AUC, PR_AUC, RMSE, BRIER_SKILL, ECE)
    lines: list[list[str | Cell]] = [
        [
            n.words(name),
            n.count(one.rows),
            *(Cell("", lines=_estimate(metric, one.model[metric])) for metric in shown),
        ]
        for name, one in parts.items()
    ]
    columns = ("Judged on", page.words.rows.capitalize(), *shown)
    return Table("The model by group and by split, with 95% intervals below", columns, lines, look="rules")


def decisions(page: ClassifierPage, model: TrainedModel) -> str:
    """From which probability on it decides for a row, and how often that is right."""
    (_, false), (missed, hits) = model.evaluation.confusion
    words, chosen = page.words, hits + false
    start = (
        f"The model decides for {words.rows} from a probability of {n.percent(model.info.threshold)} on, chosen for: "
        f"{model.info.threshold_rule}."
    )
    if not chosen:
        return f"{start} None of these {words.rows} reaches it."
    return (
        f"{start} So it decides for {n.count(chosen)} of them, of which {n.percent(hits / chosen)} {words.happened}; "
        f"these are {n.percent(hits / (hits + missed))} of all {words.outcomes}."
    )


def _estimate(metric: str, one: Estimate) -> tuple[str, str]:
    def text(value: float) -> str:
        return n.percent(value) if metric in IN_SHARES else n.ratio(value) if metric in LIFTS else n.decimal(value)

    return text(one.value), f"{text(one.low)} to {text(one.high)}"


def comparison(model: TrainedModel) -> Blocks:
    """Everything that was tried, before and after calibration, the chosen one first."""
    rows = model.training["comparison"]
    largest = max(row["pr_auc"] for row in rows) or 1.0
    columns = ("Candidate", "PR-AUC", "ROC-AUC", "Log loss", "calibrated", "Brier", "calibrated", "ECE", "calibrated")
    lines: list[list[str | Cell]] = [
        [
            Cell(row["candidate"], small="" if place else "chosen"),
            Cell(f"{row['pr_auc']:.4f}", track=Track(0, row["pr_auc"] / largest)),
            f"{row['roc_auc']:.4f}",
            *(f"{row[f'{name}{suffix}']:.4f}" for name in ("log_loss", "brier", "ece") for suffix in _BOTH),
        ]
        for place, row in enumerate(rows)
    ]
    best = rows[0]
    return [
        Text(
            f"{best['candidate'][:1].upper()}{best['candidate'][1:]} was chosen of {n.count(len(rows))} candidates: "
            "of those whose PR-AUC chance cannot tell apart, it has the lowest log loss after calibration."
        ),
        Text(
            "Weights and SMOTE help a model to see rare rows, and make its probabilities too high. So each candidate "
            "is shown as fitted and calibrated; less is better in all but the two areas (AUC).",
            "note",
        ),
        Table("Every candidate on the validation part", columns, lines, look="rules"),
    ]


_BOTH = ("", "_calibrated")


def how_trained(page: ClassifierPage, model: TrainedModel) -> Blocks:
    """What went into the model, and what to mind."""
    training, info, words = model.training, model.info, page.words
    rows, positives = training["rows"], training["positives"]
    names = {"fit": "to fit", "validation": "to choose by", "test": "to judge by"}
    parts = n.listed(
        [f"{n.count(rows[part])} {name} ({n.count(positives[part])} {words.happened})" for part, name in names.items()]
    )
    intervals = training.get("intervals") or []
    items = [
        ("Model", f"{info.description}, version {model.bundle.version}"),
        ("Trained", f"{training['trained_at'][:16].replace('T', ' ')}, by {training['command']}"),
        (words.rows.capitalize(), parts),
        *([("Intervals", f"{intervals[0]} to {intervals[-1]}")] if intervals else []),
        ("Split", n.words(training["split"])),
        ("Calibration", info.calibration.method),
        *(("Note", n.words(note)) for note in training["notes"]),
    ]
    return [*(Text(f"Warning: {warning}.", "missing") for warning in training["warnings"]), Terms(items)]

"""The page's section on what became of predictions: the ledger by interval, and the reliability of the newest."""

from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Block, Blocks, Cell, Curves, Table, Text, Track
from flywheel_assets.training.classifier.page_content import ClassifierPage, Judgement, Row
from flywheel_assets.training.classifier.page_curves import reliability_curve
from flywheel_assets.training.classifier.page_verdict import miscalibrated


def ledger(page: ClassifierPage) -> Blocks:
    """What came true, newest interval first."""
    if not page.judgements:
        return [Text(f"No outcomes yet. {page.words.judged}", "missing")]
    newest = page.judgements[0]
    return [
        Text(calibrated(newest.row)),
        Text(drift(newest.row)),
        Text(page.words.judged, "note"),
        _table(page),
        *_beside(newest),
        *_reliability(page, newest),
    ]


def calibrated(row: Row) -> str:
    """Whether probabilities agree with what came true."""
    limit = (
        f"calibration error {n.decimal(row['ece'])}; a calibrated model stays under {n.decimal(row['ece_noise_limit'])}"
    )
    fault = miscalibrated(row)
    if not fault:
        return f"The probabilities agree with what came true, as far as chance can tell ({limit})."
    return (
        f"The probabilities are {fault}, beyond chance ({limit}). Their order can still be good: see ROC-AUC. To mend "
        "them, train again with the newer intervals."
    )


def drift(row: Row) -> str:
    """Whether probabilities are spread as on the rows that judged the model."""
    if row["psi"] is None:
        return "The model that predicted is gone, so nothing can be said of drift."
    size = f"PSI {n.decimal(row['psi'])}"
    if row["drift"] == "stable":
        return f"Their spread is stable: nearly as on the rows that judged the model ({size}, below 0.1)."
    limit = f"{size}; chance alone gives up to {n.decimal(row['psi_noise_limit'])}"
    if row["psi"] <= row["psi_noise_limit"]:
        return (
            f"They are spread otherwise than on the rows that judged the model, but no more than by chance ({limit})."
        )
    return f"They are spread otherwise than on the rows that judged the model: {row['drift']} drift ({limit})."


def _drift(row: Row) -> str:
    """In a cell."""
    if row["psi"] is None:
        return n.NOTHING
    by_chance = row["drift"] != "stable" and row["psi"] <= row["psi_noise_limit"]
    return "by chance" if by_chance else str(row["drift"])


def _table(page: ClassifierPage) -> Table:
    words = page.words
    decided = [name for name in ("precision", "recall") if name in page.judgements[0].row]
    largest = max(max(one.row["rate"], one.row["mean_probability"]) for one in page.judgements) or 1.0
    columns = (
        "Interval",
        words.rows.capitalize(),
        "Predicted",
        words.happened.capitalize(),
        "Calibrated",
        "Drift",
        "ROC-AUC",
        "PR-AUC",
        "ECE",
        *(name.capitalize() for name in decided),
        "Model",
    )
    rows: list[list[str | Cell]] = []
    for one in page.judgements:
        row = one.row
        rows.append(
            [
                f"{n.short_day(one.interval.first_day)} {n.DASH} {n.short_day(one.interval.last_day)} "
                f"{one.interval.last_day.year}",
                n.count(row["predictions"]),
                Cell(n.percent(row["mean_probability"]), track=Track(0, row["mean_probability"] / largest)),
                Cell(n.percent(row["rate"]), track=Track(0, row["rate"] / largest)),
                miscalibrated(row) or "yes",
                _drift(row),
                *(n.decimal(row[name]) for name in ("roc_auc", "pr_auc", "ece")),
                *(n.percent(row[name]) for name in decided),
                row["model_version"],
            ]
        )
    return Table("Predicted and what came true, newest interval first", columns, rows)


def _beside(newest: Judgement) -> list[Block]:
    """The model and simpler guesses about the same rows."""
    if not newest.beside:
        return []
    rows = [
        ["Model", f"{newest.row['brier']:.4f}", n.decimal(newest.row["roc_auc"]), "", ""],
        *(
            [
                n.words(row["method"]),
                f"{row['brier']:.4f}",
                n.decimal(row["roc_auc"]),
                _signed(row["brier_difference"]),
                f"{_signed(row['brier_difference_low'])} to {_signed(row['brier_difference_high'])}",
            ]
            for row in newest.beside
            if row["brier_difference"] is not None
        ),
    ]
    columns = ("Guess", "Brier", "ROC-AUC", "Model's Brier less this", "95% interval")
    title = f"The model beside simpler guesses, {n.days(newest.interval)}: a lower Brier score is better"
    return [*(Text(better(row)) for row in newest.beside), Table(title, columns, rows)]


def better(row: Row) -> str:
    """Whether the model is better than a simpler guess."""
    low, high = row["brier_difference_low"], row["brier_difference_high"]
    if low is None:
        return f"Nothing can be said of the model beside {row['method']}: all turned out alike."
    how = "better than" if high < 0 else "worse than" if low > 0 else "not yet proven better than"
    chance = "" if low <= 0 <= high else ", beyond chance"
    return f"The probabilities are {how} the guess “{row['method']}”{chance}."


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else n.MINUS if value < 0 else ''}{abs(value):.4f}"


def _reliability(page: ClassifierPage, newest: Judgement) -> list[Block]:
    if not page.reliability:
        return []
    return [Curves([reliability_curve(page, page.reliability, f"Reliability, {n.days(newest.interval)}")])]

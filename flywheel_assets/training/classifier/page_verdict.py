"""What the page of a classifier says first: what is predicted and when, how good that is, and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.report import numbers as n
from flywheel_assets.report.blocks import Headline
from flywheel_assets.training.classifier.baselines import ONE_RULE
from flywheel_assets.training.classifier.evaluation import GAINS, LIFTS, PR_AUC, ROC_AUC
from flywheel_assets.training.classifier.page_content import ClassifierPage, Row, TrainedModel

LIFT, GAIN = LIFTS[-1], GAINS[-1]
"""Of the 10 % of rows with the highest probability."""

LATELY = "lately"


def verdict(page: ClassifierPage) -> str:
    """What is predicted, when, and how good it is."""
    if page.model is None:
        return what(page)
    judged = (how_good(page), beside_rule(page.model)) if page.model.was_judged else ()
    return " ".join(filter(None, (what(page), *judged, latest(page))))


def what(page: ClassifierPage) -> str:
    """What is predicted, and when."""
    if page.model is None:
        return f"No model has been trained for this yet, so no {page.words.row} has a probability."
    info = page.model.info
    return f"For each {page.words.row}, the probability of {info.target}, predicted {info.horizon}."


def how_good(page: ClassifierPage) -> str:
    """What the rows of the highest probability are worth, on the test part."""
    assert page.model is not None
    evaluation, words = page.model.evaluation, page.words
    lift, gain = evaluation.model[LIFT], evaluation.model[GAIN]
    rate = evaluation.positives / evaluation.rows
    return (
        f"Of the 10% of test {words.rows} with the highest probability, {n.percent(lift.value * rate)} {words.happen}: "
        f"{lift.value:.1f} times the average of {n.percent(rate)} (95% interval {span(lift, 1)}). They hold "
        f"{_whole(gain.value)} of all {words.outcomes} ({_whole(gain.low)} to {_whole(gain.high)})."
    )


def beside_rule(model: TrainedModel) -> str:
    """Whether the model is better than the best rule on one input; empty where there is none to compare with."""
    found = one_rule(model)
    if found is None:
        return ""
    text, figures, difference = found
    than = f"The best rule on a single input, {text}, reaches {figures[LIFT].value:.1f} times the average"
    if difference[LIFT].low > 0:
        return f"{than}: the model is better, beyond chance."
    if difference[LIFT].high < 0:
        return f"{than}: the model is worse, beyond chance."
    return f"{than}: the model is not yet proven better."


def one_rule(model: TrainedModel) -> tuple[str, Mapping[str, Estimate], Mapping[str, Estimate]] | None:
    """The rule in words, its figures, and those of the model less them."""
    evaluation = model.evaluation
    for way, figures in evaluation.figures.items():
        if way.startswith(ONE_RULE):
            return way_in_words(way).partition(": ")[2], figures, evaluation.differences[way]
    return None


def way_in_words(way: str) -> str:
    """A way to score: ``one rule: page_views_so_far <= 4`` is One rule: page views so far at most 4."""
    return n.words(way.replace(" <= ", " at most ").replace(" > ", " above "))


def latest(page: ClassifierPage) -> str:
    """What came of the predictions of the newest judged interval; empty without one."""
    if not page.judgements:
        return ""
    newest = page.judgements[0]
    row = newest.row
    verdict = f": {fault}, beyond chance" if (fault := miscalibrated(row)) else ""
    return (
        f"In {n.days(newest.interval)} it predicted {n.percent(row['mean_probability'])} on average, and "
        f"{n.percent(row['rate'])} {page.words.happened}{verdict}."
    )


def miscalibrated(row: Row) -> str:
    """How the probabilities of an interval's ledger row are wrong, beyond chance; empty where chance can explain it."""
    if row["ece"] <= row["ece_noise_limit"]:
        return ""
    return "too high" if row["mean_probability"] > row["rate"] else "too low"


def next_step(page: ClassifierPage) -> str:
    """What to do where this interval has no predictions, or no model is in use; empty where all is well."""
    model = page.model
    if model is None:
        return page.wait or f"Train a model: {page.train}"
    if not model.in_use:
        return (
            f"No model is in use. This page shows the newest candidate, {model.bundle.version}. To use it: "
            f"{model.promotion}{', then flywheel run' if page.interval else ''}."
        )
    if page.wait:
        return f"The model in use predicts nothing: {page.wait}"
    if page.interval is None:
        return ""
    if page.predicted is None:
        return f"The {page.words.rows} of this interval have no probabilities yet: flywheel run"
    if not page.predicted and page.knows_outcome:
        return (
            f"The model predicts nothing in this interval: it learnt from what became of these {page.words.rows}. It "
            f"learnt up to {model.info.learnt_to}."
        )
    return ""


def together(pages: Sequence[ClassifierPage]) -> str:
    """What several models predict, and how right that was lately."""
    targets = n.listed([f"of {one.model.info.target}" for one in pages if one.model])
    if not targets:
        return what(pages[0])
    said = [f"{one.words.name}: {text[:1].lower()}{text[1:]}" for one in pages if (text := latest(one))]
    return " ".join([f"For each {pages[0].words.row}, the probability {targets}.", *said])


def of_several(page: ClassifierPage) -> list[Headline]:
    """The order and the latest rate, with the name of the model."""
    chosen = [one for one in headlines(page) if one.name == ROC_AUC or one.name.endswith(LATELY)]
    return [replace(one, name=f"{page.words.name}: {one.name if one.name == ROC_AUC else LATELY}") for one in chosen]


def headlines(page: ClassifierPage) -> list[Headline]:
    """The figures that decide, each with its interval; none without a model."""
    made = _of_evaluation(page, page.model) if page.model and page.model.was_judged else []
    if page.judgements:
        newest, history = page.judgements[0], [one.row["rate"] for one in reversed(page.judgements)]
        made.append(
            Headline(
                f"{n.words(page.words.happened)} {LATELY}",
                n.percent(newest.row["rate"]),
                f"{n.percent(newest.row['mean_probability'])} predicted",
                f"In {n.days(newest.interval)}.",
                history,
            )
        )
    return made


def _of_evaluation(page: ClassifierPage, model: TrainedModel) -> list[Headline]:
    evaluation, words = model.evaluation, page.words
    figures, rate = evaluation.model, evaluation.positives / evaluation.rows
    rule = one_rule(model)
    by_rule = rule[1] if rule else None

    def beside(text: str) -> str:
        return f"One rule: {text}." if by_rule else ""

    lift, gain, auc, precision = (figures[name] for name in (LIFT, GAIN, ROC_AUC, PR_AUC))
    return [
        Headline(
            "Lift of the first 10%",
            f"{lift.value:.1f}×",
            span(lift, 1),
            f"How often they {words.happen}, against all. " + beside(f"{by_rule[LIFT].value:.1f}" if by_rule else ""),
            (),
        ),
        Headline(
            "Caught by them",
            _whole(gain.value),
            f"{_whole(gain.low)} to {_whole(gain.high)}",
            f"Of all {words.outcomes}. " + beside(_whole(by_rule[GAIN].value) if by_rule else ""),
            (),
        ),
        Headline(
            ROC_AUC,
            f"{auc.value:.2f}",
            span(auc, 2),
            "0.5 is chance, 1 a perfect order. " + beside(f"{by_rule[ROC_AUC].value:.2f}" if by_rule else ""),
            (),
        ),
        Headline(
            PR_AUC,
            f"{precision.value:.3f}",
            span(precision, 3),
            f"Chance is the rate, {rate:.3f}. " + beside(f"{by_rule[PR_AUC].value:.3f}" if by_rule else ""),
            (),
        ),
    ]


def span(estimate: Estimate, digits: int) -> str:
    """``1.9 to 2.9``."""
    return f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}"


def _whole(share: float) -> str:
    return f"{share:.0%}"

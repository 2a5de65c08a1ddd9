"""The card of a candidate as Markdown: what it learnt from, how, and how good it is. Every number was measured."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flywheel_assets.features import Feature
from flywheel_assets.registry.bundle import ModelBundle, ModelInfo
from flywheel_assets.sessions.reviewed_labels import proposed_in
from flywheel_assets.training.candidate_models import Measured, ModelFigures
from flywheel_assets.training.network_grid import layers

METHOD = """\
The last intervals are for validation, the earlier ones for training. A tenth of the training users, drawn by seed, is
set aside to say when to stop. On the others, a small grid of networks is fitted, each behind a min-max scaler. The
smallest network within one standard error (users as clusters) of the best validation log loss is kept. Its
probabilities are calibrated by a temperature, built into its last layer, where that lowers the log loss. A model on
shares learns from *predicted* labels of all rows of a user in an interval, labelled or not; a user is one row per
interval. Row counts and figures are of labelled rows.

All figures are of the validation part, which also chose network and temperature, so they are slightly optimistic. The
reference classifiers are fitted on at most 100,000 of the same rows, with the same class weights, and get a temperature
too."""

CLASS_WEIGHTS = """\
Labels are weighted against imbalance (n / (C n_c), softened so that no weight is more than 10 times another). That
moves probabilities and predictions towards rare labels. Where weights are far from 1, a probability is not the share of
sessions or users for which it comes true; the calibration errors show by how much."""

LIMITS = """\
- The models repeat the labels that they learned from, and cannot say whether those were right.
- Figures hold for users and weeks like those of the validation intervals; the drift checks say when that has changed.
- A model on shares sees no counts: a user with one session looks the same as one with twenty such sessions.
- Counts above the largest in training are treated as that largest (the scalers clip)."""


def candidate_card(
    bundle: ModelBundle, figures: Mapping[str, ModelFigures], training: Mapping[str, Any], sections: Sequence[str] = ()
) -> str:
    """``figures`` by model, ``training`` as the manifest has it, further ``sections`` as Markdown."""
    infos, proposed = bundle.models, proposed_in(training)
    summary = ", ".join(f"the {name} model {info.spec.description}" for name, info in infos.items())
    parts = [
        f"# Models, version {bundle.version}",
        f"{summary[0].upper()}{summary[1:]}. The training wrote this page.",
        f"    {training['command']}",
        *([f"**{proposed.sentence}**"] if proposed else []),
        "## Data and method",
        _data(training),
        *(f"Look at this: {warning}." for warning in training.get("warnings", ())),
        METHOD,
        CLASS_WEIGHTS,
        markdown_table(["rows", "count"], [[name, f"{count:,}"] for name, count in training["rows"].items()]),
        markdown_table(["library", "version"], bundle.libraries.items()),
        *(part for name, info in infos.items() for part in _model(name, info, figures[name])),
        *sections,
        "## Limits",
        LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def worth(figures: ModelFigures) -> str:
    """What the network is worth beside the better reference classifier, in a sentence of plain text: by log loss, and
    the noise of the difference, two standard errors over users, whatever macro F1 says."""
    network, best = figures.network, _better_reference(figures)
    rival = f"better reference classifier, {best.name}"
    gap = f"{abs(best.loss_gap):.4f} {'lower' if best.loss_gap > 0 else 'higher'}, ± {2 * best.gap_error:.4f}"
    losses = f"log loss {network.evaluation.log_loss:.4f} against {best.evaluation.log_loss:.4f}, {gap} over users"
    scores = f"macro F1 {network.evaluation.macro_f1:.3f} against {best.evaluation.macro_f1:.3f}"
    if abs(best.loss_gap) <= 2 * best.gap_error:
        return f"Network and {rival}, do not differ beyond noise: {losses}; {scores}."
    verdict = "better" if best.loss_gap > 0 else "worse"
    return f"The network does {verdict} than the {rival}: {losses}; {scores}."


def _better_reference(figures: ModelFigures) -> Measured:
    """That of the lowest log loss; if any are better than the network beyond noise, of these."""
    rivals = figures.classifiers[1:]
    beyond_noise = [rival for rival in rivals if _beats_the_network(rival)]
    return min(beyond_noise or rivals, key=lambda rival: rival.loss_gap)


def _beats_the_network(rival: Measured) -> bool:
    return rival.loss_gap < -2 * rival.gap_error


def _data(training: Mapping[str, Any]) -> str:
    intervals, validation = training["intervals"], training["validation_intervals"]
    facts = [
        f"labels: {training['source']}",
        f"intervals: {len(intervals)}, {intervals[0]} to {intervals[-1]}; for validation: {', '.join(validation)}",
        f"fingerprint of rows and labels: `{training['fingerprint']}`",
        f"seed: {training['seed']}",
    ]
    return "\n".join(f"- {fact}" for fact in facts)


def _model(name: str, info: ModelInfo, figures: ModelFigures) -> list[str]:
    network = figures.network
    evaluation = network.evaluation
    summary = [
        f"version: `{info.version}`",
        f"features: {', '.join(f'`{feature}`' for feature in info.features)}",
        f"labels, worst to best: {', '.join(info.order)}",
        f"hidden layers: {layers(figures.chosen.hidden_units)}; {figures.chosen.parameters:,} parameters",
        f"rows: {evaluation.observations:,}",
        f"accuracy: {percent(evaluation.accuracy)} %",
        f"macro F1: {evaluation.macro_f1:.3f}",
        f"log loss, nats: {evaluation.log_loss:.4f}; {figures.log_loss_uncalibrated:.4f} before calibration",
        f"temperature: {network.temperature:.3f}",
        _unseen(figures),
        *_outcome(figures),
    ]
    per_label = zip(
        evaluation.labels,
        evaluation.precision,
        evaluation.recall,
        evaluation.f1,
        network.label_calibration_errors,
        figures.class_weights.values(),
        strict=True,
    )
    confusion = zip(evaluation.labels, evaluation.confusion, strict=True)
    return [
        f"## {name.capitalize()} model",
        "\n".join(f"- {fact}" for fact in summary),
        f"**{worth(figures)}**" if _beats_the_network(_better_reference(figures)) else worth(figures),
        _classifiers(figures.classifiers),
        markdown_table(
            ["label", "precision", "recall", "F1", "calibration error", "class weight"],
            [[label, *(f"{value:.3f}" for value in values)] for label, *values in per_label],
        ),
        "The calibration error is the expected one (ECE) of each label against the rest, in 10 equal-mass bins.",
        markdown_table(
            ["true \\ predicted", *evaluation.labels], [[label, *(f"{n:,}" for n in row)] for label, row in confusion]
        ),
        f"![confusion]({name}_confusion.png) ![reliability]({name}_reliability.png)",
        markdown_table(
            ["hidden layers", "parameters", "validation log loss", "standard error"],
            [
                [layers(p.hidden_units), f"{p.parameters:,}", f"{p.log_loss:.4f}", f"{p.standard_error:.4f}"]
                for p in figures.grid
            ],
        ),
    ]


def _unseen(figures: ModelFigures) -> str:
    unseen = figures.unseen_users
    if unseen is None:
        return "users never seen in training: none in the validation part"
    return (
        f"users never seen in training, in {unseen.observations:,} of these rows: accuracy "
        f"{percent(unseen.accuracy)} %, macro F1 {unseen.macro_f1:.3f}, log loss {unseen.log_loss:.4f}"
    )


def _outcome(figures: ModelFigures) -> list[str]:
    names = ", ".join(f"`{name}`" for name in figures.outcome_features)
    if not names:
        return []
    without = figures.without_outcome
    if without is None:
        return [f"the labels were defined by {names}, all that the model sees: it agrees with them trivially"]
    return [
        f"the labels were defined by {names}, which the model sees; the same network without: accuracy "
        f"{percent(without.evaluation.accuracy)} %, macro F1 {without.evaluation.macro_f1:.3f}, "
        f"log loss {without.evaluation.log_loss:.4f}"
    ]


def _classifiers(classifiers: tuple[Measured, ...]) -> str:
    rows = [
        [
            one.name,
            percent(one.evaluation.accuracy),
            f"{one.evaluation.macro_f1:.3f}",
            f"{one.evaluation.log_loss:.4f}",
            f"{sum(one.label_calibration_errors) / len(one.label_calibration_errors):.4f}",
            f"{one.size_bytes:,}",
            f"{one.microseconds_a_row:.2f}",
        ]
        for one in classifiers
    ]
    header = ["classifier", "accuracy, %", "macro F1", "log loss", "mean calibration error", "bytes", "µs per row"]
    return markdown_table(header, rows)


def features_section(features: Sequence[Feature]) -> str:
    """What the features of a session mean, as a section of the card."""
    rows = [[f"`{one.name}`", *((one.kind, one.unit, one.description))] for one in features]
    lines = [f"| {' | '.join(cells)} |" for cells in (["feature", "kind", "unit", "description"], ["---"] * 4, *rows)]
    return "## Features\n\n" + "\n".join(lines)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: its first column aligned left, the others right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def percent(share: float) -> str:
    """A percentage to two decimals, without the sign."""
    return f"{100 * share:.2f}"

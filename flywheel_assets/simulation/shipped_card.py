"""The model card: how shipped models were made and how well they do, as Markdown. Every number was measured."""

from collections.abc import Iterable, Mapping, Sequence

from flywheel_assets.registry.bundle import ModelBundle, ModelInfo
from flywheel_assets.training.figures import Figures, Matrix
from flywheel_assets.training.metrics import Evaluation

INTRODUCTION = """\
Two classifiers: the session model gives each session a quality label from its counts, the user model gives each user a
flywheel label from the shares of their session labels in an interval. This page is written by the training itself."""

METHOD = """\
Simulated users, from the world of `flywheel sample`, whose demo has another seed. Each interval is trimmed as in use.
Users, not sessions, are split into parts; a min-max scaler, a label encoder and a network (two dense layers) are fitted
on the training part, the validation part says when to stop, and all figures below are of the held-out part. The user
model learns from *predicted* session labels."""

OPTIMUM = """\
What the simulation draws from is known, and so is the best that any classifier could do. Accuracies in percent, on the
held-out rows and as expected for the whole world:"""

TRANSITIONS = """\
The share of users with each label in the next interval, in percent: estimated from the predicted labels of held-out
users with sessions in both intervals, and in brackets what the simulation draws from."""

LIMITS = """\
- The data are simulated. Labels mean what the simulation means by them, and no real visitor was involved; on other data
  the models answer with as much confidence, so look at the drift checks, and train on sessions of your own.
- Accuracies hold for the mix of labels and states of the simulation. Where labels are rarer, fewer of the sessions
  given such a label deserve it.
- The user model sees shares alone: a user with one session of high quality looks the same as one with twenty.
- Neither model knows a user's other intervals, so transitions between predicted labels mix real moves with mistakes:
  fewer users seem to stay than do.
- Counts beyond the largest of the training are taken for that largest (the scalers clip)."""


def model_card(bundle: ModelBundle, figures: Figures, command: str, sizes: Mapping[str, int]) -> str:
    """``sizes`` are the rows of each part."""
    sections = [
        f"# Models, version {bundle.version}",
        INTRODUCTION,
        f"    {command}",
        "## Data and method",
        METHOD,
        markdown_table(["rows", "count"], [[name, f"{count:,}"] for name, count in sizes.items()]),
        markdown_table(["library", "version"], bundle.libraries.items()),
        "## Against the best possible",
        OPTIMUM,
        _against_optimum(figures),
        "## Session model",
        *_model(bundle["session"], figures.session),
        "## User model",
        *_model(bundle["user"], figures.user),
        "## Transitions",
        TRANSITIONS,
        _transitions(figures.user.labels, figures.estimated_transitions, figures.true_transitions),
        "## Limits",
        LIMITS,
    ]
    return "\n\n".join(sections) + "\n"


def _against_optimum(figures: Figures) -> str:
    expected = figures.expected
    rows = [
        ("session model", figures.session.accuracy, None),
        ("best possible on a session's counts", figures.best_session_accuracy, expected.session_accuracy),
        ("user model", figures.user.accuracy, None),
        ("best possible rule on shares", figures.best_user_accuracy_on_shares, expected.user_accuracy_on_shares),
        (
            "best possible on all counts of all the user's sessions",
            figures.best_user_accuracy_full_posterior,
            expected.user_accuracy_full_posterior,
        ),
    ]
    cells = [[name, percent(held_out), percent(world) if world else ""] for name, held_out, world in rows]
    return markdown_table(["classifier", "held-out", "expected"], cells)


def _model(info: ModelInfo, evaluation: Evaluation) -> list[str]:
    per_label = zip(evaluation.precision, evaluation.recall, evaluation.f1, strict=True)
    quality = [
        [label, *(f"{v:.3f}" for v in values)] for label, values in zip(evaluation.labels, per_label, strict=True)
    ]
    confusion = zip(evaluation.labels, evaluation.confusion, strict=True)
    summary = [
        ["version", f"`{info.version}`"],
        ["features", ", ".join(f"`{name}`" for name in info.features)],
        ["labels, worst to best", ", ".join(info.order)],
        ["rows", f"{evaluation.observations:,}"],
        ["accuracy", f"{percent(evaluation.accuracy)} %"],
        ["log loss, nats", f"{evaluation.log_loss:.4f}"],
        [
            "expected calibration error of the predicted label, 10 equal-mass bins",
            f"{evaluation.calibration_error:.4f}",
        ],
    ]
    return [
        "\n".join(f"- {name}: {value}" for name, value in summary),
        markdown_table(["label", "precision", "recall", "F1"], quality),
        markdown_table(
            ["true \\ predicted", *evaluation.labels], [[label, *(f"{n:,}" for n in row)] for label, row in confusion]
        ),
    ]


def _transitions(labels: Sequence[str], estimated: Matrix, true: Matrix) -> str:
    rows = [
        [label, *(f"{100 * e:.1f} ({100 * t:.1f})" for e, t in zip(e_row, t_row, strict=True))]
        for label, e_row, t_row in zip(labels, estimated, true, strict=True)
    ]
    return markdown_table(["from \\ to", *labels], rows)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Its first column to the left, the others to the right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def percent(share: float) -> str:
    """To two decimals, without the sign."""
    return f"{100 * share:.2f}"

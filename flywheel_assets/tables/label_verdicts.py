"""The checks that session_predictions and user_labels share: of their labels and probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir

from flywheel_assets.tables.drift import MODERATE_PSI, Drift, compare
from flywheel_assets.tables.labels import probability_column
from flywheel_assets.tables.verdict import Check, Number, Severity, Verdict, none_of, share

SUM_TOLERANCE = 1e-4
"""Float32 probabilities of a softmax sum to 1 within this."""

EXPECTED_AT_LEAST = 5
HIGHEST_SHARE = 0.95

PROBABILITIES = Check("probabilities", "Probabilities are finite and sum to 1.", blocking=True)
NO_MISSING_LABEL = Check("no_missing_label", "Every row has one of the model's labels.", blocking=True)
LABEL_DISTRIBUTION = Check(
    "label_distribution",
    "No label that the baseline expects at least 5 times is gone, and none holds more than 95 %.",
)
DRIFT_FROM_BASELINE = Check(
    "drift_from_baseline",
    "PSI of the labels against the training baseline, beyond noise: moderate from 0.10 warns, major above 0.25 fails.",
)
DRIFT_FROM_PREVIOUS = Check(
    "drift_from_previous",
    "PSI of the labels against the previous interval, beyond noise: moderate from 0.10 warns, major above 0.25 fails.",
)
CHECKS = (PROBABILITIES, NO_MISSING_LABEL, LABEL_DISTRIBUTION, DRIFT_FROM_BASELINE, DRIFT_FROM_PREVIOUS)

LabelCounts = Mapping[str, int]


def figures(table: ir.Table, label_column: str, labels: Sequence[str]) -> dict[str, ir.Scalar]:
    """Aggregates: ``rows``, ``label_<i>`` rows of each label, ``missing_labels`` and ``bad_probabilities``."""
    label = table[label_column]
    probabilities = [table[probability_column(name)].cast("float64") for name in labels]
    # A NaN or an infinity leaves the sum neither within the tolerance nor comparable.
    total = sum(probabilities[1:], start=probabilities[0])
    finite = ibis.and_(*[~(p.isnull() | p.isnan() | p.isinf()) for p in probabilities])
    good = finite & ((total - 1).abs() <= SUM_TOLERANCE)
    return {
        "rows": table.count(),
        **label_counts(label, labels),
        "missing_labels": (label.isnull() | label.notin(list(labels))).sum().coalesce(0),
        "bad_probabilities": (~good).sum().coalesce(0),
    }


def label_counts(label: ir.StringValue, labels: Sequence[str]) -> dict[str, ir.Scalar]:
    """Aggregates ``label_<i>``: rows with the i-th label."""
    return {f"label_{i}": (label == name).sum().coalesce(0) for i, name in enumerate(labels)}


def counts_by_label(row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, int]:
    """The label counts out of a row of figures."""
    return {name: int(row[f"label_{i}"]) for i, name in enumerate(labels)}


def verdicts(
    row: Mapping[str, Any], labels: Sequence[str], baseline: LabelCounts | None, previous: LabelCounts | None
) -> list[Verdict]:
    """All checks of CHECKS from a row of :func:`figures`. ``baseline`` and ``previous``: rows by label, None where
    there is none. Nothing labelled gives no verdict on drift and distribution: they pass and say so."""
    counts = counts_by_label(row, labels)
    return [
        none_of(
            PROBABILITIES.name,
            "rows with probabilities that are not finite or do not sum to 1",
            int(row["bad_probabilities"]),
            int(row["rows"]),
        ),
        none_of(
            NO_MISSING_LABEL.name,
            "rows without one of the model's labels",
            int(row["missing_labels"]),
            int(row["rows"]),
        ),
        label_distribution(counts, baseline),
        drift(DRIFT_FROM_BASELINE.name, counts, baseline, "the training baseline"),
        drift(DRIFT_FROM_PREVIOUS.name, counts, previous, "the previous interval"),
    ]


def label_distribution(counts: LabelCounts, baseline: LabelCounts | None) -> Verdict:
    """Fails when a label expected at least 5 times by the baseline is gone, or one holds more than 95 %."""
    rows = sum(counts.values())
    expected = _expected(counts, baseline)
    gone = [name for name, n in counts.items() if n == 0 and (expected.get(name) or 0) >= EXPECTED_AT_LEAST]
    largest = max(counts, key=lambda name: counts[name])
    dominant = rows > 0 and counts[largest] > HIGHEST_SHARE * rows
    parts = [f"{name} is gone, though {expected[name]:,.1f} were expected" for name in gone]
    if dominant:
        parts.append(f"{largest} holds {counts[largest] / rows:.1%}")
    if not rows:
        parts.append("nothing is labelled, so there is no verdict")
    return Verdict(
        LABEL_DISTRIBUTION.name,
        not gone and not dominant,
        "; ".join(parts)
        or f"all expected labels occur; the most common, {largest}, holds {share(counts[largest], rows):.1%}",
        numbers={"rows": rows, "labels_gone": len(gone), "largest_share": share(counts[largest], rows)},
        table=_comparison(counts, baseline),
    )


def drift(check: str, counts: LabelCounts, expected: LabelCounts | None, against: str) -> Verdict:
    """Fails at an alert: with severity WARN at moderate drift, with ERROR at major. Without rows on either side, or
    without anything to compare with, there is no verdict and it passes."""
    if expected is None:
        return Verdict(check, True, f"{against} is missing, so there is no verdict")
    counts = {name: counts.get(name, 0) for name in {**counts, **expected}}  # also labels that a model no longer has
    found = compare([*counts.values()], [expected.get(name, 0) for name in counts])
    if found is None:
        return Verdict(check, True, f"nothing is labelled here or in {against}, so there is no verdict")
    severity: Severity = "WARN" if found.band == "moderate" else "ERROR"
    return Verdict(
        check,
        not found.alert,
        f"{found.band} against {against}: {in_words(found)}",
        severity,
        numbers_of(found),
        _comparison(counts, expected),
    )


def in_words(found: Drift) -> str:
    """The numbers of a drift as a clause. Chance is named only where it decides."""
    if found.band == "stable":
        return f"PSI {found.psi:.3f}, under {MODERATE_PSI:.2f}"
    than = "more" if found.psi > found.noise_limit else "no more"
    return f"PSI {found.psi:.3f}, {than} than chance alone gives ({found.noise_limit:.3f})"


def numbers_of(found: Drift) -> dict[str, Number]:
    return {
        "psi": found.psi,
        "noise_limit": found.noise_limit,
        "jensen_shannon_distance": found.jensen_shannon,
        "band": found.band,
    }


def _expected(counts: LabelCounts, baseline: LabelCounts | None) -> dict[str, float]:
    if not baseline:
        return {}
    rows, total = sum(counts.values()), sum(baseline.values())
    return {name: rows * share(baseline.get(name, 0), total) for name in counts}


def _comparison(counts: LabelCounts, expected: LabelCounts | None) -> list[dict[str, Number]]:
    rows = sum(counts.values())
    table: list[dict[str, Number]] = []
    for name, n in counts.items():
        line: dict[str, Number] = {"label": name, "rows": n, "share": share(n, rows)}
        if expected is not None:
            line["expected_share"] = share(expected.get(name, 0), sum(expected.values()))
        table.append(line)
    return table

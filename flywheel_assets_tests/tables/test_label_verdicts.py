import pytest

from flywheel_assets.tables import label_verdicts as labelled
from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import figures, frame

LABELS = ["Low", "High"]
COLUMNS = {"label": "string", "probability_low": "float32", "probability_high": "float32"}
NAN, INFINITY = float("nan"), float("inf")


def found(engine: DuckDBEngine, *rows: tuple[str | None, float | None, float | None]) -> dict[str, int]:
    table = frame(COLUMNS, rows)
    return figures(engine, table, labelled.figures(table, "label", LABELS))


def verdict(engine: DuckDBEngine, check: str, *rows: tuple[str | None, float | None, float | None]) -> Verdict:
    verdicts = labelled.verdicts(found(engine, *rows), LABELS, None, None)
    return next(v for v in verdicts if v.check == check)


def test_figures_count_rows_of_each_label(engine: DuckDBEngine) -> None:
    row = found(engine, ("Low", 1.0, 0.0), ("Low", 1.0, 0.0), ("High", 0.0, 1.0), (None, 1.0, 0.0))
    assert labelled.counts_by_label(row, LABELS) == {"Low": 2, "High": 1}
    assert row["rows"] == 4


@pytest.mark.parametrize(
    ("low", "high", "good"),
    [
        (0.25, 0.75, True),
        (0.25, 0.75009, True),
        (0.25, 0.7502, False),
        (0.25, 0.74991, True),
        (0.25, 0.7498, False),
        (NAN, 1.0, False),
        (1.0, NAN, False),
        (INFINITY, -INFINITY, False),
        (None, 1.0, False),
    ],
)
def test_probabilities_are_finite_and_sum_to_1(
    engine: DuckDBEngine, low: float | None, high: float | None, good: bool
) -> None:
    judged = verdict(engine, "probabilities", ("Low", low, high), ("High", 0.5, 0.5))
    assert (judged.passed, judged.severity) == (good, "ERROR")
    assert judged.numbers == {"failing_rows": 0 if good else 1, "rows": 2}


@pytest.mark.parametrize(("label", "good"), [("Low", True), (None, False), ("low", False), ("", False)])
def test_every_row_has_one_of_the_models_labels(engine: DuckDBEngine, label: str | None, good: bool) -> None:
    judged = verdict(engine, "no_missing_label", (label, 1.0, 0.0), ("High", 0.0, 1.0))
    assert (judged.passed, judged.severity) == (good, "ERROR")
    assert judged.numbers["failing_rows"] == (0 if good else 1)


def test_nothing_labelled_passes_and_says_that_there_is_no_verdict(engine: DuckDBEngine) -> None:
    verdicts = labelled.verdicts(found(engine), LABELS, {"Low": 10, "High": 10}, {"Low": 10, "High": 10})
    assert all(v.passed for v in verdicts)
    assert [v.check for v in verdicts if "no verdict" in v.summary] == [
        "label_distribution",
        "drift_from_baseline",
        "drift_from_previous",
    ]


@pytest.mark.parametrize(("rows", "gone"), [(50, True), (49, False)])
def test_a_label_expected_5_times_or_more_is_missed_and_one_expected_less_is_not(rows: int, gone: bool) -> None:
    counts = {"Low": rows - rows // 2, "High": rows // 2, "Rare": 0}
    judged = labelled.label_distribution(counts, {"Low": 45, "High": 45, "Rare": 10})
    assert (judged.passed, judged.severity) == (not gone, "ERROR")
    assert judged.numbers["labels_gone"] == int(gone)
    assert ("Rare is gone, though 5.0 were expected" in judged.summary) == gone


def test_without_a_baseline_no_label_is_missed() -> None:
    assert labelled.label_distribution({"Low": 900, "High": 100, "Rare": 0}, None).passed


@pytest.mark.parametrize(("largest", "good"), [(95, True), (96, False)])
def test_no_label_holds_more_than_95_per_cent(largest: int, good: bool) -> None:
    judged = labelled.label_distribution({"Low": 100 - largest, "High": largest}, None)
    assert (judged.passed, judged.severity) == (good, "ERROR")
    assert judged.numbers["largest_share"] == pytest.approx(largest / 100)
    assert f"High{', holds ' if good else ' holds '}{largest}.0%" in judged.summary


def test_the_distributions_table_sets_shares_beside_the_expected_ones() -> None:
    assert labelled.label_distribution({"Low": 1, "High": 3}, {"Low": 50, "High": 50}).table == [
        {"label": "Low", "rows": 1, "share": 0.25, "expected_share": 0.5},
        {"label": "High", "rows": 3, "share": 0.75, "expected_share": 0.5},
    ]


@pytest.mark.parametrize(
    ("counts", "passed", "severity", "band"),
    [
        ((5000, 5000), True, "ERROR", "stable"),
        ((6500, 3500), True, "ERROR", "stable"),
        ((6600, 3400), False, "WARN", "moderate"),
        ((7350, 2650), False, "WARN", "moderate"),
        ((7500, 2500), False, "ERROR", "major"),
    ],
)
def test_drift_warns_when_moderate_and_fails_when_major(
    counts: tuple[int, int], passed: bool, severity: str, band: str
) -> None:
    judged = labelled.drift("drift", dict(zip(LABELS, counts, strict=True)), {"Low": 5000, "High": 5000}, "before")
    assert (judged.passed, judged.severity, judged.numbers["band"]) == (passed, severity, band)
    assert judged.summary.startswith(f"{band} against before: PSI 0.")
    assert set(judged.numbers) == {"psi", "noise_limit", "jensen_shannon_distance", "band"}


def test_stable_is_said_without_chance() -> None:
    judged = labelled.drift("drift", {"Low": 4700, "High": 5300}, {"Low": 5000, "High": 5000}, "before")
    assert judged.summary == "stable against before: PSI 0.004, under 0.10"


def test_major_drift_within_noise_passes() -> None:
    judged = labelled.drift("drift", {"Low": 8, "High": 2}, {"Low": 5, "High": 5}, "before")
    assert judged.numbers["band"] == "major"
    assert judged.passed
    assert "no more than chance alone gives" in judged.summary


def test_a_missing_baseline_passes_and_says_so() -> None:
    judged = labelled.drift("drift", {"Low": 8, "High": 2}, None, "the training baseline")
    assert judged.passed
    assert judged.summary == "the training baseline is missing, so there is no verdict"
    empty = labelled.drift("drift", {"Low": 8, "High": 2}, {}, "the previous interval")
    assert empty.passed
    assert empty.summary == "nothing is labelled here or in the previous interval, so there is no verdict"


def test_drift_is_held_against_the_baseline_and_against_the_previous_interval() -> None:
    row = {"rows": 10_000, "label_0": 7500, "label_1": 2500, "missing_labels": 0, "bad_probabilities": 0}
    verdicts = labelled.verdicts(row, LABELS, {"Low": 5000, "High": 5000}, {"Low": 7500, "High": 2500})
    assert {v.check: v.passed for v in verdicts if v.check.startswith("drift")} == {
        "drift_from_baseline": False,
        "drift_from_previous": True,
    }

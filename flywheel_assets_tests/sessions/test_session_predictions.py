import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.sessions import session_predictions as predictions
from flywheel_assets.tables.drift import Baseline, FeatureBaseline, bin_counts, compare
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame, records

LABELS = ["Low", "High"]
COLUMNS = {
    "leads": "int64",
    "session_quality_label": "string",
    "probability_low": "float32",
    "probability_high": "float32",
}
BASELINE = Baseline({"Low": 500, "High": 500}, {"leads": FeatureBaseline((0.0, 2.0), (500, 300, 200))})


def found(engine: DuckDBEngine, leads: list[int], baseline: Baseline | None = BASELINE) -> dict[str, int]:
    table = frame(COLUMNS, [(n, LABELS[i % 2], 0.5, 0.5) for i, n in enumerate(leads)])
    (row,) = records(engine, predictions.figures(table, LABELS, baseline))
    return row


def test_a_features_psi_is_that_of_its_bins(engine: DuckDBEngine) -> None:
    leads = [0] * 40 + [1] * 20 + [2] * 30 + [9] * 10
    judged = predictions.feature_drift(found(engine, leads), BASELINE)
    assert bin_counts(leads, (0.0, 2.0)) == (40, 50, 10)
    assert judged.numbers["psi_leads"] == pytest.approx(compare([40, 50, 10], [500, 300, 200]).psi)


@given(st.lists(st.integers(-2, 12) | st.sampled_from([2.5, 2.5000001]), max_size=40))
def test_bins_are_the_same_whether_values_are_counted_or_read(engine: DuckDBEngine, values: list[float]) -> None:
    edges = (0.0, 2.0, 2.5, 7.0)
    baseline = Baseline({}, {"leads": FeatureBaseline(edges, (1,) * 5)})
    table = frame({**COLUMNS, "leads": "float64"}, [(n, "Low", 0.5, 0.5) for n in values])
    read, counted = (records(engine, predictions.figures(table, LABELS, baseline, c)) for c in ([], ["leads"]))
    assert read == counted
    assert [counted[0][f"bin_leads_{i}"] for i in range(4)] == [sum(n <= edge for n in values) for edge in edges]


def test_features_as_in_the_baseline_pass(engine: DuckDBEngine) -> None:
    judged = predictions.feature_drift(found(engine, [0] * 50 + [1] * 30 + [3] * 20), BASELINE)
    assert (judged.passed, judged.severity) == (True, "WARN")
    assert judged.summary == "all 1 features are stable or within noise"


def test_a_feature_that_drifted_warns_and_is_named(engine: DuckDBEngine) -> None:
    judged = predictions.feature_drift(found(engine, [0] * 20 + [3] * 80), BASELINE)
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary.startswith("leads major (PSI ")
    assert judged.numbers["features_drifted"] == 1
    assert [line["feature"] for line in judged.table] == ["leads"]


def test_drift_within_noise_passes(engine: DuckDBEngine) -> None:
    judged = predictions.feature_drift(found(engine, [0, 3, 3]), BASELINE)
    assert judged.passed
    assert judged.numbers["psi_leads"] > 0.25


def test_without_baseline_or_sessions_there_is_no_verdict(engine: DuckDBEngine) -> None:
    without = predictions.feature_drift(found(engine, [0], None), None)
    empty = predictions.feature_drift(found(engine, []), BASELINE)
    assert (without.passed, without.summary) == (True, "there is no training baseline, so there is no verdict")
    assert (empty.passed, empty.summary) == (True, "there are no sessions, so there is no verdict")


def test_labels_are_held_against_the_baselines_session_labels(engine: DuckDBEngine) -> None:
    drifted = Baseline({"Low": 990, "High": 10}, {})
    row = found(engine, [int(n) for n in np.zeros(200)], drifted)
    judged = {v.check: v for v in predictions.verdicts(row, LABELS, drifted, {"Low": 100, "High": 100})}
    assert not judged["drift_from_baseline"].passed
    assert judged["drift_from_previous"].passed

import pytest

from flywheel_assets.tables import label_verdicts as labelled
from flywheel_assets.users import user_labels
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import figures, frame

COLUMNS = {
    "user_flywheel_label": "string",
    "probability_passive": "float32",
    "probability_engaged": "float32",
    "user_model_version": "string",
}
LABELS = ["Passive", "Engaged"]


@pytest.mark.parametrize(
    ("versions", "passed"), [([], True), (["v1"], True), (["v1", "v1"], True), (["v1", "v2"], False)]
)
def test_one_model_version_gave_all_labels(engine: DuckDBEngine, versions: list[str], passed: bool) -> None:
    table = frame(COLUMNS, [("Passive", 1.0, 0.0, version) for version in versions])
    row = figures(engine, table, user_labels.figures(table, LABELS))
    verdicts = user_labels.verdicts(row, LABELS, None, None)
    assert (verdicts[-1].check, verdicts[-1].passed, verdicts[-1].severity) == ("one_model_version", passed, "ERROR")


def test_users_are_checked_for_what_sessions_are(engine: DuckDBEngine) -> None:
    assert user_labels.CHECKS[:-1] == labelled.CHECKS
    table = frame(COLUMNS, [("Passive", 1.0, 0.5, "v1"), ("Lost", 1.0, 0.0, "v1")])
    row = figures(engine, table, user_labels.figures(table, LABELS))
    failed = [v.check for v in user_labels.verdicts(row, LABELS, None, None) if not v.passed]
    assert failed == ["probabilities", "no_missing_label", "label_distribution"]

import pytest

from flywheel_assets.tables.verdict import Verdict
from flywheel_assets.users import enriched_export as export
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import figures, frame

COLUMNS = {"session_quality_label": "string", "user_flywheel_label": "string"}


def verdicts(
    engine: DuckDBEngine, rows: list[tuple[str | None, str | None]], trimmed: int, stale: dict[str, str] | None = None
) -> dict[str, Verdict]:
    table = frame(COLUMNS, rows)
    judged = export.verdicts(figures(engine, table, export.figures(table)), trimmed, stale or {})
    assert [v.check for v in judged] == [c.name for c in export.CHECKS]
    return {v.check: v for v in judged}


def test_sameness_of_generation_alone_does_not_block() -> None:
    assert {c.name: c.blocking for c in export.CHECKS} == {
        "conservation": True,
        "no_missing_label": True,
        "same_generation": False,
    }


@pytest.mark.parametrize(("trimmed", "passed"), [(0, False), (1, True), (2, False)])
def test_there_is_a_row_for_each_trimmed_session(engine: DuckDBEngine, trimmed: int, passed: bool) -> None:
    judged = verdicts(engine, [("Low", "Passive")], trimmed)["conservation"]
    assert (judged.passed, judged.severity) == (passed, "ERROR")
    assert judged.numbers == {"found": 1, "expected": trimmed}


@pytest.mark.parametrize(
    ("labels", "passed"), [(("Low", "Passive"), True), ((None, "Passive"), False), (("Low", None), False)]
)
def test_every_session_has_both_labels(
    engine: DuckDBEngine, labels: tuple[str | None, str | None], passed: bool
) -> None:
    judged = verdicts(engine, [labels, ("Low", "Passive")], 2)["no_missing_label"]
    assert (judged.passed, judged.severity) == (passed, "ERROR")
    assert judged.numbers == {"failing_rows": 0 if passed else 1, "rows": 2}


def test_a_stale_table_warns_and_says_why(engine: DuckDBEngine) -> None:
    assert verdicts(engine, [], 0)["same_generation"].passed
    judged = verdicts(engine, [], 0, {"user_labels": "user_distributions changed"})["same_generation"]
    assert (judged.passed, judged.severity) == (False, "WARN")
    assert judged.summary == "user_labels: user_distributions changed"


def test_an_empty_export_of_an_empty_interval_passes(engine: DuckDBEngine) -> None:
    assert all(v.passed for v in verdicts(engine, [], 0).values())

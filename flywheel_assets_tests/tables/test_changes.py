from collections import Counter

import ibis.expr.types as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.tables.changes import Changes, Relabelled, changes, happened, moves
from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.frames import frame

Labels = dict[str, str | None]
LABELS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["High", "Low", "", None]))


def table(of_keys: Labels) -> ir.Table:
    return frame({"user_id": "string", "label": "string"}, list(of_keys.items()))


def compared(engine: DuckDBEngine, before: Labels, after: Labels) -> Changes:
    rows = engine.collect(moves(table(before), table(after), "user_id", "label")).to_pylist()
    return changes(rows)


def test_a_key_is_added_removed_relabelled_or_unchanged(engine: DuckDBEngine) -> None:
    before = {"leaves": "Low", "stays": "Low", "moves": "High", "moves too": "High", "falls": "Low"}
    after = {"stays": "Low", "moves": "Low", "moves too": "Low", "falls": "High", "comes": "High"}

    assert compared(engine, before, after) == Changes(
        added=1,
        removed=1,
        relabelled=3,
        unchanged=1,
        pairs=(Relabelled("High", "Low", 2), Relabelled("Low", "High", 1)),
    )


def test_a_missing_label_is_a_label_of_its_own(engine: DuckDBEngine) -> None:
    before = {"had none": None, "gets one": None, "loses it": "Low", "leaves": None}
    after = {"had none": None, "gets one": "Low", "loses it": None, "comes": None}

    assert compared(engine, before, after) == Changes(
        added=1,
        removed=1,
        relabelled=2,
        unchanged=1,
        pairs=(Relabelled(None, "Low", 1), Relabelled("Low", None, 1)),
    )


def test_empty_tables_have_changed_nothing(engine: DuckDBEngine) -> None:
    assert compared(engine, {}, {}) == Changes(0, 0, 0, 0, ())
    assert compared(engine, {}, {"a": "Low"}) == Changes(1, 0, 0, 0, ())
    assert compared(engine, {"a": None}, {}) == Changes(0, 1, 0, 0, ())


@given(before=LABELS, after=LABELS)
def test_changes_are_those_of_two_dictionaries(engine: DuckDBEngine, before: Labels, after: Labels) -> None:
    both = before.keys() & after.keys()
    moved = Counter((before[key], after[key]) for key in both if before[key] != after[key])
    found = compared(engine, before, after)

    assert found.added == len(after.keys() - before.keys())
    assert found.removed == len(before.keys() - after.keys())
    assert {(pair.from_label, pair.to_label): pair.count for pair in found.pairs} == moved
    assert found.relabelled == moved.total()
    assert found.unchanged == len(both) - moved.total()


@given(before=LABELS, after=LABELS)
def test_changes_conserve_the_rows_of_both_tables(engine: DuckDBEngine, before: Labels, after: Labels) -> None:
    found = compared(engine, before, after)

    assert found.added - found.removed == len(after) - len(before)
    assert found.added + found.relabelled + found.unchanged == len(after)
    assert found.removed + found.relabelled + found.unchanged == len(before)


def note(before: str, after: str, name: str = "user_labels") -> dict[str, str]:
    return {"table_name": name, "digest_before": before, "digest_after": after}


@pytest.mark.parametrize(
    ("history", "digest", "kept"),
    [
        ([], "a", 0),
        ([note("a", "b")], "b", 1),
        ([note("a", "b")], "a", 0),  # killed before it replaced
        ([note("a", "b"), note("b", "c")], "b", 1),
        ([note("a", "b"), note("b", "a")], "a", 2),  # there and back again
        ([note("a", "b")], None, 1),  # deleted since
        ([note("a", "b", "session_predictions"), note("b", "c")], "c", 2),
    ],
)
def test_a_change_whose_replacement_never_came_did_not_happen(
    history: list[dict[str, str]], digest: str | None, kept: int
) -> None:
    assert happened(history, {"user_labels": digest, "session_predictions": "b"}) == history[:kept]

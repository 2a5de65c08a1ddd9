"""What is known of an interaction comes from strictly earlier ones, and is what slow loops find."""

import random
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flywheel_assets.warehouse.engine import DuckDBEngine
from flywheel_assets_tests.engagement.computed import DAY, ITEM, Row, by_expressions, by_loops

START = 1_000_000_000

rows_of_interactions = st.lists(
    st.builds(
        Row,
        st.sampled_from(["u", "v"]),
        st.sampled_from(sorted(ITEM)),
        st.sampled_from([START, START + 1, START + 2, START + DAY, START + DAY + 1, START + 3 * DAY]),
        st.sampled_from([1.0, 3.5, 4.0, 5.0]),
    ),
    min_size=2,
    max_size=25,
    unique_by=lambda row: row[:3],
)


def drawn(seed: int, count: int = 150) -> list[Row]:
    """Interactions of a few users in a few seconds, so that many tie."""
    draw = random.Random(seed)
    rows = {
        (draw.choice("uvwxyz"), draw.choice("abcde"), START + draw.choice([0, DAY, 40 * DAY]) + draw.randrange(30)): 0.0
        for _ in range(count)
    }
    return [Row(*key, draw.choice([0.5, 2.0, 3.5, 4.0, 5.0])) for key in rows]


def test_every_feature_is_what_slow_loops_find(engine: DuckDBEngine, tmp_path: Path) -> None:
    rows = drawn(1)
    found, expected = by_expressions(engine, rows, tmp_path), by_loops(rows)
    assert found.keys() == expected.keys()
    for key, features in expected.items():
        assert {name: found[key][name] for name in features} == pytest.approx(features, abs=2e-6), key


@settings(max_examples=15, deadline=None, phases=[Phase.generate])  # to shrink what fails takes minutes
@given(rows_of_interactions, st.data())
def test_altering_the_future_changes_no_feature(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], data: st.DataObject
) -> None:
    """Nor does altering what happens in the same second."""
    now = data.draw(st.sampled_from(sorted({row.second for row in rows})))
    mine = data.draw(st.sampled_from([row for row in rows if row.second == now]))
    other = [row for row in data.draw(rows_of_interactions) if row.second >= now and row[:3] != mine[:3]]
    engine = DuckDBEngine("500MB", 1)
    before = by_expressions(engine, rows, tmp_path_factory.mktemp("before"))
    altered = [*(row for row in rows if row.second < now), mine._replace(strength=6 - mine.strength), *other]
    after = by_expressions(engine, altered, tmp_path_factory.mktemp("after"))
    engine.close()
    known = [row[:3] for row in rows if row.second < now] + [mine[:3]]
    outcome = ("strength", "engaged", "from_last")
    for key in known:
        one, two = ({n: v for n, v in found[key].items() if n not in outcome} for found in (before, after))
        assert one == pytest.approx(two, abs=2e-6), key


def test_interactions_are_placed_from_the_users_last_by_second_and_item(engine: DuckDBEngine, tmp_path: Path) -> None:
    rows = [Row("u", "c", START + 5, 1), Row("u", "b", START, 1), Row("u", "a", START, 1), Row("v", "a", START, 1)]
    found = by_expressions(engine, rows, tmp_path)
    assert [found[row[:3]]["from_last"] for row in rows] == [0, 1, 2, 0]

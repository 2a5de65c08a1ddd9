"""The script and the graph that are compared compute the same; and what the comparison says of its figures."""

import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import intent, script_intent
from benchmarks.compare import graph, script
from benchmarks.forecast import covers, moves_between, observed_transitions, true_labels
from benchmarks.spent import CommandError, Spent, spent
from benchmarks.targets import DEFAULT_BATCH, GRAPH, TUNED_BATCH, medians, targets
from flywheel_assets.history.forecast import History, probabilities
from flywheel_assets.intent.rules_file import rules_in
from flywheel_assets.intent.rules_text import rules_text
from flywheel_assets.intent.scoring import score
from flywheel_assets.intent.user_features import numeric_features
from flywheel_assets.simulation.sample import generate
from flywheel_assets.simulation.sample_files import write_sample
from flywheel_assets.simulation.world import WORLD
from flywheel_assets_tests.frames import CALENDAR

PROBABILITY_TOLERANCE = 1e-5


def test_the_script_and_the_graph_give_every_session_the_same_labels(tmp_path: Path) -> None:
    written = write_sample(tmp_path, WORLD, [CALENDAR.number(1)], users=300, seed=11)
    assert written.sessions > 1000, "so that they are trimmed"
    for run, name in ((graph, "graph"), (script, "script")):
        (tmp_path / name).mkdir()
        run(tmp_path / "landing", {} if run is graph else 8192, tmp_path / name)  # type: ignore[operator]

    (export,) = (tmp_path / "graph" / "warehouse" / "exports").glob("sessions_*.parquet")
    mine = pd.read_parquet(export).sort_values("session_id", ignore_index=True)
    other = pd.read_parquet(tmp_path / "script" / "export" / "sessions.parquet").sort_values(
        "session_id", ignore_index=True
    )

    probabilities = [name for name in mine if name.startswith("probability_")]
    same = [name for name in other if name not in probabilities]
    assert set(other) - set(mine) == set()
    pd.testing.assert_frame_equal(mine[same], other[same], check_dtype=False)
    pd.testing.assert_frame_equal(mine[probabilities], other[probabilities], rtol=0, atol=PROBABILITY_TOLERANCE)
    users = pd.read_parquet(tmp_path / "script" / "export" / "users.parquet")
    (user_export,) = (tmp_path / "graph" / "warehouse" / "exports").glob("users_*.parquet")
    my_users = pd.read_parquet(user_export)
    assert Counter(my_users["user_flywheel_label"]) == Counter(users["user_flywheel_label"])
    assert len(my_users) == len(users)


def test_what_a_process_spends_is_told(tmp_path: Path) -> None:
    # In a process of its own, because a command seems to hold what its caller holds, and tests hold much.
    code = """if True:
        import sys
        from pathlib import Path
        from benchmarks.spent import spent
        little, much = (spent([sys.executable, "-c", code], Path("."))
                        for code in ("pass", "b = bytearray(200_000_000); sum(range(10_000_000))"))
        assert much.peak_mb > little.peak_mb + 150
        assert much.cpu_seconds > little.cpu_seconds > 0
        assert much.wall_seconds > 0"""
    spent([sys.executable, "-c", code], Path(__file__).parents[1])


def test_a_process_sees_the_settings_that_it_is_given_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWHEEL_THREADS", "7")
    code = "import os; assert [k for k in os.environ if k.startswith('FLYWHEEL_')] == ['FLYWHEEL_ENGINE']"

    assert spent([sys.executable, "-c", code], tmp_path, {"FLYWHEEL_ENGINE": "duckdb"}).wall_seconds > 0


def test_a_process_that_fails_is_heard(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"ended with 3:\nno room"):
        spent([sys.executable, "-c", "print('no room'); raise SystemExit(3)"], tmp_path)


def test_each_median_is_of_one_figure() -> None:
    assert medians([Spent(1, 9, 5), Spent(2, 8, 6), Spent(9, 1, 4)]) == Spent(2, 8, 5)


SPENT = {DEFAULT_BATCH: Spent(100, 90, 1000), TUNED_BATCH: Spent(50, 40, 900), GRAPH: Spent(30, 40, 300)}


def test_a_million_sessions_are_held_against_both_scripts() -> None:
    assert [(t.measured, t.verdict) for t in targets(1_000_000, SPENT, 2.6)] == [
        (0.3, "reached"),
        (0.6, "reached"),
        (2.6, "missed"),
    ]


def test_ten_million_are_held_against_the_tuned_script_in_time_and_memory() -> None:
    assert [(t.measured, t.verdict) for t in targets(10_000_000, SPENT, 1.0)] == [
        (0.6, "missed"),
        (pytest.approx(1 / 3), "reached"),
        (1.0, "reached"),
    ]


def test_under_a_memory_limit_time_is_not_judged_and_a_script_left_out_gives_no_verdict() -> None:
    assert [t.name for t in targets(10_000_000, SPENT, 1.0, memory_limited=True)] == [
        f"peak memory of {TUNED_BATCH}",
        "import of the definitions, seconds",
    ]
    only = {name: SPENT[name] for name in (TUNED_BATCH, GRAPH)}
    assert [t.verdict for t in targets(1_000_000, only, 1.0)] == ["not measured", "reached", "reached"]


def test_the_chances_that_the_forecast_is_held_against_are_those_that_a_large_sample_shows() -> None:
    truth = observed_transitions()
    drawn = generate(WORLD, CALENDAR.between(CALENDAR.number(1), CALENDAR.number(2)), users=20_000, seed=5)
    history = History.of(moves_between(true_labels(sample) for sample in drawn), WORLD.user_labels)
    found, _ = probabilities(history)

    assert truth.sum(axis=1) == pytest.approx([1.0] * 4)
    assert np.abs(found - truth).max() < 0.03
    assert covers(history, truth).mean() > 0.6


def test_the_script_of_intent_scores_users_as_the_graph_does() -> None:
    rng = np.random.default_rng(5)
    kinds = list(intent.KINDS)
    made: dict[str, np.ndarray] = {kind: rng.poisson(rng.gamma(0.5, 3.0, 500)).astype(float) for kind in kinds}
    made |= {f"days_since_{k}": np.where(made[k] > 0, rng.integers(0, 90, 500), np.nan) for k in kinds}
    made |= {name: rng.integers(1, 60, 500).astype(float) for name in ("days_since_event", "active_days")}
    text, users = rules_text(kinds), pd.DataFrame(made)
    rules = rules_in(text, Path("rules.toml"), kinds, numeric_features(kinds))
    ours = score(made, rules, kinds).score / 100
    read = tomllib.loads(text)
    assert script_intent.score_by_column(users, read)["score"].to_numpy() == pytest.approx(ours, abs=0.011)
    by_row = users.head(50).apply(script_intent.score_by_row, axis=1, rules=read)
    assert by_row["score"].to_numpy(float) == pytest.approx(ours[:50], abs=0.011)

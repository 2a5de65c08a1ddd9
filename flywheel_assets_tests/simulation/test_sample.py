import json
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flywheel_assets.cli.main import main
from flywheel_assets.intervals import Calendar, Interval
from flywheel_assets.settings import SETTINGS
from flywheel_assets.simulation.sample import Sample, generate
from flywheel_assets.simulation.sample_files import write_sample
from flywheel_assets.simulation.world import FEATURES, WORLD

CALENDAR = Calendar(date(2024, 1, 1), date(2034, 1, 1), 2, "UTC")


def first(count: int) -> list[Interval]:
    return [CALENDAR.number(number) for number in range(1, count + 1)]


@pytest.fixture(scope="module")
def six() -> list[Sample]:
    """The sample of the demo."""
    return list(generate(WORLD, first(6), 1500, 7))


def test_the_default_sample_has_about_sixty_thousand_sessions(six: list[Sample]) -> None:
    assert sum(sample.sessions.num_rows for sample in six) == pytest.approx(60_000, rel=0.05)


def test_the_same_seed_gives_the_same_tables_and_another_one_others(six: list[Sample]) -> None:
    again = list(generate(WORLD, first(6), 1500, 7))
    assert [sample.sessions for sample in again] == [sample.sessions for sample in six]
    assert [sample.session_truth for sample in again] == [sample.session_truth for sample in six]
    assert next(generate(WORLD, first(1), 1500, 8)).sessions != six[0].sessions


def test_more_intervals_leave_those_before_them_as_they_are(six: list[Sample]) -> None:
    two = list(generate(WORLD, first(2), 1500, 7))
    assert [sample.sessions for sample in two] == [sample.sessions for sample in six[:2]]


def test_landed_columns_are_ids_counts_and_one_that_passes_through(six: list[Sample]) -> None:
    types = {field.name: str(field.type) for field in six[0].sessions.schema}
    assert types == {
        "session_id": "string",
        "user_id": "string",
        **dict.fromkeys(FEATURES, "int32"),
        "device": "string",
    }


def test_session_ids_are_unique_and_made_of_the_user_and_a_second_inside_the_interval(six: list[Sample]) -> None:
    ids = pd.concat([sample.sessions.select(["session_id"]).to_pandas() for sample in six])["session_id"]
    assert ids.is_unique
    for sample in six:
        frame = sample.sessions.to_pandas()
        user, unix = frame["session_id"].str.extract(r"^(u\d{6})\.(\d{10})$").T.to_numpy()
        assert (user == frame["user_id"]).all()
        seconds = unix.astype(np.int64)
        assert (np.diff(seconds) >= 0).all()
        assert sample.interval.start_unix <= seconds[0] < seconds[-1] < sample.interval.end_unix


def test_the_truth_covers_every_session_but_those_of_bots(six: list[Sample]) -> None:
    landed = pd.concat([sample.sessions.to_pandas() for sample in six])
    truth = pd.concat([sample.session_truth.to_pandas() for sample in six])
    without = landed[~landed["session_id"].isin(truth["session_id"])]
    assert set(truth["session_id"]) <= set(landed["session_id"])
    assert set(without["user_id"]) == {"u001501", "u001502", "u001503"}
    assert 0 < len(without) / len(landed) <= 0.001
    assert without["impressions"].min() > 1000


def test_trimming_at_the_default_quantile_removes_every_bot(six: list[Sample]) -> None:
    for sample in six:
        frame = sample.sessions.to_pandas()
        counts = frame[list(FEATURES)]
        removed = (counts > counts.quantile(0.999)).any(axis=1)
        assert removed[frame["user_id"] > "u001500"].all()


def test_every_user_has_a_state_in_every_interval_and_some_have_no_session(six: list[Sample]) -> None:
    for sample in six:
        truth = sample.user_truth.to_pandas()
        assert truth["user_id"].tolist() == [f"u{number:06d}" for number in range(1, 1501)]
        assert set(truth["interval_start"]) == {sample.interval.key}
        assert set(truth["user_flywheel_label"]) == set(WORLD.user_labels)
        absent = ~truth["user_id"].isin(sample.sessions.to_pandas()["user_id"])
        assert 0.01 < absent.mean() < 0.10


def test_states_move_from_interval_to_interval_as_the_transitions_say() -> None:
    labels = [sample.user_truth["user_flywheel_label"].to_pandas() for sample in generate(WORLD, first(8), 4000, 1)]
    moves = sum(
        pd.crosstab(before, after).loc[list(WORLD.user_labels), list(WORLD.user_labels)].to_numpy()
        for before, after in pairwise(labels)
    )
    totals = moves.sum(axis=1, keepdims=True)
    noise = np.sqrt(WORLD.transitions * (1 - WORLD.transitions) / totals)
    assert (np.abs(moves / totals - WORLD.transitions) < 4 * noise).all()


def test_a_handful_of_users_has_no_bots() -> None:
    sample = next(generate(WORLD, first(1), 3, 1))
    assert set(sample.sessions["user_id"].to_pylist()) <= {"u000001", "u000002", "u000003"}
    assert sample.session_truth.num_rows == sample.sessions.num_rows


def test_files_hold_what_was_generated_and_nothing_else_is_left(tmp_path: Path) -> None:
    written = write_sample(tmp_path, WORLD, first(2), 40, 7)
    samples = list(generate(WORLD, first(2), 40, 7))
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {
        "landing/sessions_2024-01-01_2024-01-14.parquet",
        "landing/sessions_2024-01-15_2024-01-28.parquet",
        "truth/sessions.parquet",
        "truth/users.parquet",
        "truth/world.json",
    }
    assert [pq.read_table(path) for path in written.files] == [sample.sessions for sample in samples]
    assert written.sessions == sum(sample.sessions.num_rows for sample in samples)
    assert pq.read_table(written.truth_folder / "sessions.parquet").num_rows == written.sessions
    assert pq.read_table(written.truth_folder / "users.parquet").num_rows == 80


def test_the_written_world_says_what_was_drawn(tmp_path: Path) -> None:
    written = write_sample(tmp_path, WORLD, first(2), 500, 9)
    world = json.loads((written.truth_folder / "world.json").read_text())
    assert (world["seed"], world["users"], world["bots"]) == (9, 500, 1)
    assert world["intervals"] == ["2024-01-01", "2024-01-15"]
    assert world["transitions"] == WORLD.transitions.tolist()
    assert world["world"]["qualities"][3]["label"] == "High Quality"


def test_writing_again_replaces_the_files_of_the_same_intervals(tmp_path: Path) -> None:
    write_sample(tmp_path, WORLD, first(2), 40, 1)
    again = write_sample(tmp_path, WORLD, first(1), 40, 2)
    assert pq.read_table(again.files[0]) == next(generate(WORLD, first(1), 40, 2)).sessions
    assert len(list((tmp_path / "landing").iterdir())) == 2


@pytest.fixture
def default_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("default_settings")
def test_the_command_writes_the_intervals_asked_for_and_says_where() -> None:
    arguments = ["--intervals", "1", "--users", "30", "--first-interval", "2024-01-15"]
    result = CliRunner().invoke(main, ["sample", "data", *arguments])
    assert result.exit_code == 0, result.output
    assert Path("data/landing/sessions_2024-01-15_2024-01-28.parquet").exists()
    assert "data/landing/sessions_2024-01-15_2024-01-28.parquet" in result.output
    assert "next: flywheel run" in result.output


@pytest.mark.usefixtures("default_settings")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--first-interval", "2024-01-16"], "the nearest is 2024-01-15"),
        (["--intervals", "999"], "there is no interval 999"),
    ],
)
def test_the_command_refuses_intervals_that_there_are_not(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["sample", "data", *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert not Path("data").exists()

"""`flywheel segments`, as somebody types it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main
from flywheel_assets.flywheel import Flywheel
from flywheel_assets_tests.projects import MODELS, Project
from flywheel_assets_tests.segments.test_assets import FIRST, SECOND, THIRD, quick, trimmed_in

assert quick, "a fixture of this module too"

pytestmark = pytest.mark.usefixtures("record_in_memory")


@pytest.fixture
def typed_in(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Where commands are typed: three intervals up to trimmed_sessions."""
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    monkeypatch.setenv("FLYWHEEL_SEGMENT_COUNTS", "2-4")
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Flywheel, "now", lambda _: datetime(2024, 3, 20, tzinfo=UTC))
    return trimmed_in(tmp_path_factory.getbasetemp() / "three_kinds").copied_to(tmp_path)


def flywheel(*arguments: str) -> Result:
    import sys

    sys.modules.pop("flywheel_assets.definitions", None)  # the code location reads its settings anew, as in a process
    return CliRunner().invoke(main, ["segments", *arguments])


def test_a_fit_gives_its_intervals_and_all_later_ones_their_clusters_and_is_shown(typed_in: Project) -> None:
    result = flywheel("fit", "--from", SECOND, "--to", SECOND, "--clusters", "3")

    assert result.exit_code == 0, result.output
    assert re.search(r"^ *3  very many leads.* 6  +0\.118  +1\.000", result.stdout, re.MULTILINE)
    assert "chosen: 3 clusters, as asked for" in result.stdout
    assert "failed  cluster_mix.mix_drift" in result.stdout
    assert f"intervals whose clusters are not of this fit: {FIRST}: flywheel segments assign" in result.stdout
    assert not typed_in.path("session_clusters", FIRST).exists()
    assert len(typed_in.rows("session_clusters", THIRD)) == 51

    for name in ("elbow.png", "silhouette.png"):
        assert (typed_in.settings.warehouse_dir / "segments" / name).read_bytes().startswith(b"\x89PNG")

    assert flywheel("assign", "--to", FIRST).exit_code == 0
    assert len(typed_in.rows("cluster_mix", FIRST)) == 3
    shown = flywheel("show")
    assert shown.exit_code == 0
    assert "not of this fit" not in shown.stdout
    assert result.stdout.endswith("next: flywheel segments propose\n")


def test_after_a_fit_labels_are_proposed_and_shown_without_a_training(typed_in: Project) -> None:
    flywheel("fit", "--from", FIRST, "--to", THIRD, "--clusters", "3")
    path = typed_in.settings.labels_dir / "segment_labels.toml"
    result = flywheel("propose")

    assert result.exit_code == 0, result.output
    assert re.search(r"^ *3 +High Quality +\d+ .* very many leads", result.stdout, re.MULTILINE)
    assert re.search(r"^Passive +\d+ ", result.stdout, re.MULTILINE)
    assert re.search(r"^Highly Engaged +\d+ ", result.stdout, re.MULTILINE)
    assert f"the labels of clusters: {path}" in result.stdout
    assert result.stdout.endswith("next: flywheel models train\n")
    assert [file.name for file in path.parent.iterdir()] == [path.name], "users are labelled by training"

    path.write_text(path.read_text().replace('3 = "High Quality"', '3 = "Medium Quality"'))
    edited = path.read_bytes()
    assert re.search(r"^ *3 +Medium Quality ", flywheel("propose").stdout, re.MULTILINE)
    assert path.read_bytes() == edited


def test_a_proposal_from_one_interval_says_why_users_have_none_yet(typed_in: Project) -> None:
    flywheel("fit", "--from", SECOND, "--to", SECOND, "--clusters", "3")
    result = flywheel("propose")

    assert result.exit_code == 0, result.output
    assert f"users have no labels yet: labelled sessions are in one interval, {SECOND}; expected two" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show",), "there are no segments, no file at"),
        (("assign",), "there are no segments, no file at"),
        (("propose",), "there are no segments, no file at"),
        (("fit", "--from", "2024-01-16"), "no interval starts on 2024-01-16; the nearest is 2024-01-15"),
        (("fit", "--from", THIRD, "--to", FIRST), "there is no interval: the first comes after the last"),
        (
            ("fit", "--to", "2024-02-26"),
            "trimmed_sessions of interval 2024-02-26 (2024-02-26 - 2024-03-10) has not been",
        ),
        (("fit", "--clusters", "50"), "50 clusters need more than 50 different sessions"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_what_to_do(
    typed_in: Project, arguments: tuple[str, ...], said: str
) -> None:
    result = flywheel(*arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1

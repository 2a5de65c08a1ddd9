"""`flywheel experiment`, as somebody types it in a folder of their own."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main
from flywheel_assets_tests.intent.experiment_projects import FIRST, LATER, PRICING, SECOND, THIRD, project_in, run
from flywheel_assets_tests.projects import MODELS, Project


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, ["experiment", *words])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", str(MODELS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = project_in(tmp_path_factory.mktemp("done"), PRICING + LATER + 'leave_out = "pricing"\n')
    assert [one.failure for one in run(project, FIRST, SECOND)] == ["", ""]
    return project


def test_a_plan_needs_no_project_where_rate_and_lift_are_given() -> None:
    result = typed("plan", "--rate", "0.05", "--lift", "0.2")
    assert result.exit_code == 0, result.output
    assert "8,714 users per arm, 17,428 in 2 arms." in result.stdout
    assert len(result.stdout.splitlines()) == 2


def test_a_plan_takes_rate_and_users_from_the_last_outcomes_and_scores(folder: Path, done: Project) -> None:
    done.copied_to(folder)
    with done.flywheel() as flywheel:
        name, interval = "user_features", flywheel.interval(SECOND)
        features = flywheel.engine.collect(flywheel.warehouse.read(name, interval))
        bots = features.set_column(
            features.schema.get_field_index("likely_bot"), "likely_bot", pa.array([True] * 2 + [False] * 98)
        )
        pq.write_table(bots, folder / flywheel.warehouse.path(name, interval).relative_to(done.folder))
    result = typed("plan", "--lift", "0.5")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("34.0% of users convert per interval without a change.\n")
    assert "98 users can be assigned, 49 per arm: they do not show it within 26 intervals." in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--lift", "0.2"), "no outcomes with a conversion are known yet; give the rate, as in --rate 0.05"),
        (("--rate", "0.05"), "nobody is scored yet; give --lift, as in --lift 0.2, or --users"),
        (("--rate", "0.5", "--lift", "1"), "a lift of 1 makes 0.5 become 1; expected a rate below 1"),
        (("--rate", "2"), "2.0 is not in the range 1e-06<=x<1"),
        (("--rate", "nan"), "nan is not a finite number"),
        (("--rate", "0.1", "--lift", "nan"), "nan is not a finite number"),
        (("--rate", "0.1", "--lift", "1e-17"), "1e-17 is not in the range x>=0.001"),
        (
            ("--rate", "0.1", "--users", "2", "--arms", "5"),
            "2 users cannot fill 5 arms; expected at least one user per",
        ),
        (("--rate", "0.1", "--arms", "1"), "1 is not in the range x>=2"),
    ],
)
def test_a_plan_that_cannot_be_made_says_why(words: tuple[str, ...], message: str) -> None:
    result = typed("plan", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_readout_is_shown_with_its_verdict_and_its_rates(folder: Path, done: Project) -> None:
    done.copied_to(folder)
    result = typed("show")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "pricing: look 1 of 2, 100 users"
    assert lines[1].startswith("its users were assigned on ")
    assert lines[2].startswith("email: not yet different from control. ")
    assert "conversion" in result.stdout
    assert "better label" in result.stdout
    assert lines[-1] == f"later: 0 users assigned; the first readout is that of {THIRD} - 2024-02-25, once it is closed"
    assert "Passive to Passive" not in result.stdout
    one = typed("show", "pricing").stdout
    assert one.splitlines()[0] == lines[0]
    assert "Passive to Passive" in one


def test_what_is_not_there_is_said(folder: Path) -> None:
    assert typed("show").stdout.startswith(f"there is no {folder / 'experiments.toml'}; docs/experiments.md says how")
    project_in(folder)
    assert typed("show").stdout == f"pricing: nobody is assigned yet; next: flywheel run --from {FIRST}\n"
    result = typed("show", "pricng")
    assert result.exit_code == 2
    assert "defines no experiment 'pricng' (nearest: 'pricing'); it defines pricing" in " ".join(result.stderr.split())

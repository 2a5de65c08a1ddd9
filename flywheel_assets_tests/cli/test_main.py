"""The commands, as somebody types them in a folder of their own."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import dagster as dg
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from flywheel_assets.cli.main import main
from flywheel_assets.flywheel import Flywheel
from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import MODELS, Project, sessions

ROOT = Path(__file__).parents[2]
Type = Callable[..., Result]


def lines_of(result: Result, *first_days: str) -> dict[str, list[str]]:
    """The words of the line of each interval, after its dates, by its first day."""
    found = re.findall(r"^(\d{4}-\d\d-\d\d) - \d{4}-\d\d-\d\d +(.*)$", result.stdout, re.MULTILINE)
    return {key: words.split() for key, words in found if key in first_days}


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, *path, name)
    return found


@pytest.mark.parametrize("command", commands(main), ids=" ".join)
def test_every_command_says_what_it_does(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*command, "--help"])
    usage, _, said = result.stdout.partition("\n\n")

    assert result.exit_code == 0
    assert usage.startswith("Usage: ")
    assert re.match(r"  [A-Z].*\.", said, re.DOTALL), "the help begins with a sentence"


def test_a_run_materializes_every_closed_interval_and_ends_with_a_table(flywheel: Type, folder: Path) -> None:
    rows = [("ann", "2024-02-12 09", 8), ("cy", "2024-02-28 10", 4), ("cy", "2024-03-12 10", 4)]
    Project(folder).land("one.parquet", sessions(*rows))
    result = flywheel("run")

    assert result.exit_code == 0
    assert {key: words[:3] for key, words in lines_of(result, AFTER_GAP, LAST, "2024-03-11").items()} == {
        AFTER_GAP: ["1", "0", "0"],
        LAST: ["1", "0", "0"],
    }
    assert re.search(r"^warned +trimmed_sessions\.guards +2 +2024-02-26: ", result.stdout, re.MULTILINE)
    assert f"exports: {folder / 'data' / 'warehouse' / 'exports'}" in result.stdout
    assert [path.name for path in sorted((folder / "data" / "warehouse" / "exports").glob("sessions_*"))] == [
        "sessions_interval_004_2024-02-12_2024-02-25.parquet",
        "sessions_interval_005_2024-02-26_2024-03-10.parquet",
    ]
    with dg.DagsterInstance.get() as instance:
        assert instance.root_directory == str(folder / ".dagster")
        assert len(instance.get_runs()) == 3, "one for each interval, and one for the CSV copies"


@pytest.mark.usefixtures("record_in_memory")
def test_an_interval_that_fails_is_told_once_with_what_waits_for_it_and_the_exit_is_1(
    flywheel: Type, copy: Project
) -> None:
    (copy.settings.landing_dir / "january.parquet").unlink()
    copy.land("late.parquet", sessions(("eve", FIRST + " 05", 6)), minute=5)
    result = flywheel("run")
    output = " ".join(result.stdout.split())

    assert result.exit_code == 1
    assert output.count("2024-01-15 failed: landed_sessions: january.parquet had sessions") == 1
    assert f"waiting for {FIRST}: growth_accounting, label_transitions, mix_shift" in output
    assert {*lines_of(result, FIRST, GAP, AFTER_GAP, LAST)} == {FIRST, GAP, AFTER_GAP, LAST}
    assert lines_of(flywheel("status"), FIRST)[FIRST][:4] == ["1", "yes", "failed", "landed_sessions:"]

    again = flywheel("run")
    assert (again.exit_code, again.stdout.count("failed:")) == (1, 1)


@pytest.mark.usefixtures("record_in_memory")
def test_a_range_is_run_and_nothing_else_and_what_is_up_to_date_is_left(flywheel: Type, copy: Project) -> None:
    made = flywheel("run", "--from", GAP, "--to", GAP)
    written = copy.path("user_labels", GAP).stat().st_mtime_ns
    again = flywheel("run", "--from", GAP, "--to", GAP)
    everything = flywheel("run", "--from", GAP, "--to", GAP, "--all")

    assert [result.exit_code for result in (made, again, everything)] == [0, 0, 0]
    assert [*lines_of(made, FIRST, GAP, AFTER_GAP, LAST)] == [GAP]
    assert "1 interval up to date, 2024-01-29 - 2024-02-11: nothing to run" in again.stdout
    assert [*lines_of(everything, FIRST, GAP, AFTER_GAP, LAST)] == [GAP]
    assert copy.path("user_labels", GAP).stat().st_mtime_ns > written


@pytest.mark.usefixtures("record_in_memory")
def test_intervals_after_the_data_are_counted_with_how_to_ask_for_them(
    flywheel: Type, copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flywheel, "now", lambda _: datetime(2024, 4, 25, tzinfo=UTC))
    expected = (
        "no data: 2 intervals from 2024-03-25 on have no sessions and will be made when data return. "
        "To make them now: flywheel run --to 2024-04-08"
    )

    assert expected in " ".join(flywheel("status").stdout.split())
    assert [*lines_of(flywheel("status"), LAST, "2024-03-11", "2024-03-25")] == [LAST, "2024-03-11"]
    asked = flywheel("run", "--from", "2024-03-11", "--to", "2024-04-08")
    assert asked.exit_code == 0, asked.stdout
    assert "2024-03-11 - 2024-04-21 (3 empty)" in asked.stdout


def mistake(result: Result) -> str:
    """The one line on stderr of a command that could not do what it was asked."""
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "2024-03-11"), "interval 2024-03-11 (2024-03-11 - 2024-03-24) is not closed"),
        (("--from", "2024-03-11"), "interval 2024-03-11 (2024-03-11 - 2024-03-24) is not closed"),
        (("--from", "2024-01-16"), "no interval starts on 2024-01-16; the nearest is 2024-01-15"),
        (("--to", "tomorrow"), "'tomorrow' is not an interval: expected its first day, as in 2024-01-01"),
        (("--from", LAST, "--to", FIRST), "from 2024-02-26 to 2024-01-15 there is no interval"),
    ],
)
def test_a_key_that_cannot_be_run_is_an_error(flywheel: Type, copy: Project, arguments: tuple[str], said: str) -> None:
    assert said in mistake(flywheel("run", *arguments))


def test_an_empty_landing_folder_is_an_error_that_offers_sample_data(flywheel: Type) -> None:
    assert "flywheel sample data" in mistake(flywheel("run"))


def test_a_missing_landing_folder_is_an_error_that_names_it(flywheel: Type, folder: Path) -> None:
    (folder / "data" / "landing").rmdir()

    assert f"there is no landing folder at {folder / 'data' / 'landing'}" in mistake(flywheel("run"))
    assert f"there is no landing folder at {folder / 'data' / 'landing'}" in mistake(flywheel("status"))


@pytest.mark.usefixtures("record_in_memory")
def test_a_file_that_is_set_aside_is_named_and_the_others_are_run(flywheel: Type, folder: Path) -> None:
    project = Project(folder)
    project.land("good.parquet", sessions(("ann", "2024-02-26 00", 3)))
    project.land("bad.parquet", sessions(("bob", "2024-02-26 00", 3)).drop_columns(["leads"]))
    landing = project.settings.landing_dir
    (landing / "spark.parquet").mkdir()
    project.land("spark.parquet/part-0000.parquet", sessions(("cy", "2024-02-26 00", 3)))
    (landing / "late.csv").write_text("session_id")
    shutil.copy(landing / "good.parquet", landing / os.fsdecode(b"caf\xe9.parquet"))

    for result in (flywheel("status"), flywheel("run")):
        assert "left out: bad.parquet has no column 'leads'" in result.stdout
        assert "left out: late.csv is not read: only .parquet and .pq files are." in result.stdout
        assert r"left out: caf\xe9.parquet is not read: the name is not UTF-8. Rename it" in result.stdout
    assert lines_of(result, LAST)[LAST][0] == "2"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FLYWHEEL_INTERVAL_WEEKS", "0", "FLYWHEEL_INTERVAL_WEEKS is '0'; expected a whole number from 1"),
        ("FLYWHEEL_TRIM_QUANTILE", "1.5", "FLYWHEEL_TRIM_QUANTILE is '1.5'; expected a number above 0 and at most 1"),
        ("FLYWHEEL_REPORTING_TIMEZONE", "Mars/Base", "FLYWHEEL_REPORTING_TIMEZONE is 'Mars/Base'; expected a timezone"),
        ("FLYWHEEL_FIRST_INTERVAL", "soon", "FLYWHEEL_FIRST_INTERVAL is 'soon'; expected a date"),
        ("FLYWHEEL_SESSION_ID_PATTERN", "[0-9]+", "with 0 groups; expected one"),
        ("FLYWHEEL_WEEKS", "2", "FLYWHEEL_WEEKS is not a setting; the settings are: FLYWHEEL_LANDING_DIR"),
    ],
)
def test_a_bad_setting_is_one_line_that_says_what_to_do(
    flywheel: Type, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)

    assert said in mistake(flywheel("run"))
    assert said in mistake(flywheel("status"))


@pytest.fixture
def own_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped models in the folder, to break at will."""
    monkeypatch.setenv("FLYWHEEL_MODELS_DIR", "own")
    return Path(shutil.copytree(MODELS, folder / "own"))


def test_a_missing_artefact_is_one_line_that_names_it(flywheel: Type, own_models: Path) -> None:
    (own_models / "label_encoder_users.pkl").unlink()

    assert f"{own_models} lacks label_encoder_users.pkl" in mistake(flywheel("run"))


def test_an_artefact_of_another_digest_is_not_opened(flywheel: Type, own_models: Path) -> None:
    artefact = own_models / "minmax_scaler_users.pkl"
    artefact.write_bytes(artefact.read_bytes()[:100])

    assert str(artefact) in mistake(flywheel("run"))


def test_models_that_do_not_fit_are_one_line(flywheel: Type, own_models: Path) -> None:
    manifest = own_models / "manifest.json"
    value = json.loads(manifest.read_text())
    user = value["models"]["user"]
    user["features"] = ["share_other", *user["features"][1:]]
    manifest.write_text(json.dumps(value))

    assert "session labels that the user model doesn't know" in mistake(flywheel("run"))


def test_a_mistake_in_a_process_is_exit_2_without_a_traceback(folder: Path) -> None:
    environment = {**os.environ, "FLYWHEEL_TRIM_QUANTILE": "1.5", "PYTHONPATH": str(ROOT)}
    command = "from flywheel_assets.cli.main import main; main()"
    found = subprocess.run(
        [sys.executable, "-c", command, "run"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )

    assert found.returncode == 2
    assert found.stderr.startswith("error: FLYWHEEL_TRIM_QUANTILE is '1.5'")
    assert len(found.stderr.splitlines()) == 1


def test_settings_are_read_from_the_folder_too(flywheel: Type, folder: Path) -> None:
    (folder / ".env").write_text("FLYWHEEL_INTERVAL_WEEKS=0\n")

    assert "FLYWHEEL_INTERVAL_WEEKS" in mistake(flywheel("status"))


def test_the_status_of_every_interval_is_told(flywheel: Type, copy: Project) -> None:
    copy.land("late.parquet", sessions(("eve", LAST + " 05", 6), ("eve", "2024-03-12 05", 6)), minute=5)

    assert lines_of(flywheel("status"), FIRST, GAP, AFTER_GAP, LAST, "2024-03-11") == {
        FIRST: ["3", "yes", "done", "due:", "growth_accounting:", "it", "is", "not", "there"],
        GAP: ["0", "yes", "done", "due:", "growth_accounting:", "it", "is", "not", "there"],
        AFTER_GAP: ["2", "yes", "done", "due:", "growth_accounting:", "it", "is", "not", "there"],
        LAST: ["4", "yes", "stale", "landed_sessions:", "late.parquet", "landed"],
        "2024-03-11": ["1", "no", "open", "closes", "2024-03-25", "00:00", "UTC"],
    }


def test_the_status_of_what_was_never_run_is_told(flywheel: Type, folder: Path) -> None:
    Project(folder).land("one.parquet", sessions(("ann", "2024-02-28 00", 3)))

    assert lines_of(flywheel("status"), LAST) == {LAST: ["1", "yes", "not", "run"]}


def test_the_status_of_nothing_offers_sample_data(flywheel: Type) -> None:
    result = flywheel("status")

    assert result.exit_code == 0
    assert "no session has landed in" in result.stdout
    assert "flywheel sample data" in " ".join(result.stdout.split())


def test_a_user_is_explained_in_the_latest_interval(flywheel: Type, copy: Project) -> None:
    result = flywheel("explain", "ann")

    assert result.exit_code == 0
    assert result.stdout.startswith("ann in 2024-02-26 - 2024-03-10: 1 session\n")
    assert re.search(r"^2024-02-27 09:00 .* pageviews 5 *$", result.stdout, re.MULTILINE)
    assert re.search(r"^Flywheel label: (Highly Engaged|Engaged|Exploring|Passive) *$", result.stdout, re.MULTILINE)


def test_a_user_is_explained_in_the_interval_asked_for(flywheel: Type, copy: Project) -> None:
    assert flywheel("explain", "ann", "--interval", FIRST).stdout.startswith(
        "ann in 2024-01-15 - 2024-01-28: 2 sessions"
    )


def test_an_unknown_user_is_an_error_that_names_some(flywheel: Type, copy: Project) -> None:
    assert "user 'eve' has no label in any of the 4 intervals run" in mistake(flywheel("explain", "eve"))


def test_a_user_before_any_run_is_an_error_that_says_what_to_type(flywheel: Type) -> None:
    assert "no interval has been run yet: flywheel run" in mistake(flywheel("explain", "ann"))


def test_an_interval_that_there_is_not_cannot_be_explained(flywheel: Type, copy: Project) -> None:
    assert "no interval starts on 2024-01-16" in mistake(flywheel("explain", "ann", "--interval", "2024-01-16"))


def test_sample_sessions_are_written_for_the_intervals_asked_for(flywheel: Type, folder: Path) -> None:
    result = flywheel("sample", "there", "--intervals", "2", "--users", "20", "--first-interval", FIRST)
    landed = folder / "there" / "landing"

    assert result.exit_code == 0
    assert "of 20 users, 2024-01-15 - 2024-02-11:" in result.stdout
    assert [path.name for path in sorted(landed.iterdir())] == [
        "sessions_2024-01-15_2024-01-28.parquet",
        "sessions_2024-01-29_2024-02-11.parquet",
    ]
    written = sum(pq.read_metadata(path).num_rows for path in landed.iterdir())
    assert result.stdout.startswith(f"{written} sessions")


def test_a_sample_from_a_day_that_no_interval_starts_on_is_refused(flywheel: Type) -> None:
    result = flywheel("sample", "there", "--first-interval", "2024-01-16")

    assert result.exit_code == 2
    assert "the nearest is 2024-01-15" in result.stderr

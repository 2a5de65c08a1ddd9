"""`flywheel start`, as a team uses it: an empty folder, one file, one command; and then again, with changes."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel_assets.cli.start_choices import (
    Choice,
    interval_choices,
    land,
    nothing_closed,
    outcome_choice,
    write_choices,
)
from flywheel_assets.features import Feature
from flywheel_assets.settings import Settings

START = datetime(2024, 3, 4, tzinfo=UTC)


def events(users: int, weeks: int) -> pa.Table:
    """Four kinds of sessions, from a look to a purchase; most users have one kind."""
    rng = np.random.default_rng(7)
    rows = []
    for user in range(users):
        kind = int(rng.choice(4, p=[0.5, 0.3, 0.15, 0.05]))
        for _ in range(rng.poisson(1 + kind) + 1):
            at = START + timedelta(seconds=int(rng.integers(0, weeks * 7 * 86_400)))
            for step in range(rng.poisson((1, 5, 12, 20)[kind]) + 1):
                at += timedelta(seconds=int(rng.integers(1, 200)))
                name = "purchase" if kind == 3 and step == 9 else str(rng.choice(["page_view", "view_item"]))
                rows.append({"user_id": f"u{user}", "ts": at, "event": name, "item_id": int(rng.integers(0, 50))})
    return pa.Table.from_pylist(rows)


def start(folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    flywheel = Path(sys.executable).with_name("flywheel")
    return subprocess.run([flywheel, "start", *map(str, files)], cwd=folder, capture_output=True, text=True)


def test_raw_events_lead_to_a_report_by_one_command_and_edits_stay(tmp_path: Path) -> None:
    file, folder = tmp_path / "events.parquet", tmp_path / "mine"
    folder.mkdir()
    pq.write_table(events(users=150, weeks=2), file)
    first = start(folder, file)

    assert first.returncode == 0, first.stdout + first.stderr
    said = first.stdout
    assert "FLYWHEEL_INTERVAL_WEEKS=1" in said
    assert "FLYWHEEL_OUTCOME=purchase" in said
    assert re.findall(r"^\d\. .+\.$", said, re.MULTILINE), "what stands out"
    assert "Nobody has confirmed them: flywheel labels review" in said
    looked_at = ["events.toml", "features.toml", "data/labels/segment_labels.toml", "models/README.md"]
    assert re.findall(r"^  (\S+\.\S+)  ", said, re.MULTILINE) == looked_at
    assert all((folder / name).is_file() for name in looked_at)
    (page,) = re.findall(r"^report: (.+)$", said, re.MULTILINE)
    assert "Nobody has confirmed them" in Path(page).read_text()
    assert "Nobody has confirmed them" in (folder / "models" / "README.md").read_text()

    features, settings = folder / "features.toml", folder / ".env"
    features.write_text("# mine\n" + features.read_text())
    settings.write_text(settings.read_text().replace("FLYWHEEL_OUTCOME=purchase", "FLYWHEEL_OUTCOME=none"))
    written = {path: path.read_bytes() for path in (features, settings, folder / "events.toml")}
    versions = sorted((folder / "models" / "candidates").iterdir())
    again = start(folder, file)

    assert again.returncode == 0, again.stdout + again.stderr
    assert {path: path.read_bytes() for path in written} == written
    assert sorted((folder / "models" / "candidates").iterdir()) == versions, "nothing was trained anew"
    assert "those with purchase" not in again.stdout


def test_a_folder_with_other_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"FLYWHEEL_MODELS_DIR={Path(__file__).parents[2] / 'models'}\n")
    pq.write_table(events(users=2, weeks=1), tmp_path / "events.parquet")
    refused = start(tmp_path, tmp_path / "events.parquet")

    assert refused.returncode == 2
    assert "holds models already" in refused.stderr
    assert not (tmp_path / "events.toml").exists()


@pytest.mark.parametrize(
    ("days", "weeks", "first"), [(70, "2", "2024-03-04"), (69, "1", "2024-03-04"), (3, "1", "2024-03-04")]
)
def test_a_short_history_has_weeks(days: int, weeks: str, first: str) -> None:
    begin = START.date()
    chosen = {c.setting: c.value for c in interval_choices(begin, begin + timedelta(days=days - 1))}
    assert chosen == {"FLYWHEEL_FIRST_INTERVAL": first, "FLYWHEEL_INTERVAL_WEEKS": weeks}
    midweek = interval_choices(begin + timedelta(days=3), begin + timedelta(days=100))
    assert midweek[0].value == first


def test_one_day_is_one_day() -> None:
    assert "there is only 1 day, 2024-03-04 to" in interval_choices(START.date(), START.date())[1].why


def test_while_no_interval_is_closed_it_says_when_to_come_back() -> None:
    calendar = Settings.read(
        environment={"FLYWHEEL_FIRST_INTERVAL": "2024-03-04", "FLYWHEEL_INTERVAL_WEEKS": "1"}
    ).calendar
    said = nothing_closed(calendar, START + timedelta(days=6))
    assert "2024-03-04 - 2024-03-10, is still open. Run flywheel start again from 2024-03-11 on" in said
    assert nothing_closed(calendar, START + timedelta(days=8)) == ""


@pytest.mark.parametrize(
    ("names", "outcome"),
    [
        (["page_view", "lead_form", "purchase"], "purchase"),
        (["page_view", "leads"], "leads"),
        (["misleading", "page_view"], "none"),
        (["payment_done"], "payment_done"),
    ],
)
def test_an_outcome_is_known_by_its_name(names: list[str], outcome: str) -> None:
    assert outcome_choice([Feature(name, "count") for name in names]).value == outcome


def test_a_choice_that_is_stated_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("FLYWHEEL_OUTCOME=leads")
    made = [Choice("FLYWHEEL_OUTCOME", "none", "no"), Choice("FLYWHEEL_INTERVAL_WEEKS", "1", "short")]
    assert [c.setting for c in write_choices(path, made, {})] == ["FLYWHEEL_INTERVAL_WEEKS"]
    assert path.read_text() == "FLYWHEEL_OUTCOME=leads\n# short\nFLYWHEEL_INTERVAL_WEEKS=1\n"
    assert write_choices(path, made, {}) == []


def test_a_file_lands_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    assert land([tmp_path / "a.csv"], tmp_path / "data") == [tmp_path / "data" / "a.csv"]
    assert land([tmp_path / "a.csv"], tmp_path / "data") == []
    assert land([tmp_path / "data" / "a.csv"], tmp_path / "data") == []


def test_files_of_one_name_all_land_and_each_once(tmp_path: Path) -> None:
    files = [tmp_path / month / "events.csv.gz" for month in ("jan", "feb")]
    for file in files:
        file.parent.mkdir()
        file.write_text(file.parent.name)
    landed = land(files, tmp_path / "data")
    assert sorted(path.read_text() for path in (tmp_path / "data").iterdir()) == ["feb", "jan"]
    assert landed[0].name == "events.csv.gz"
    assert re.fullmatch(r"events-[0-9a-f]{8}\.csv\.gz", landed[1].name)
    assert land(files[::-1], tmp_path / "data") == []


def test_a_file_that_changed_without_another_size_or_time_lands(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x")
    (first,) = land([file], tmp_path / "data")
    file.write_text("y")
    os.utime(file, ns=(first.stat().st_atime_ns, first.stat().st_mtime_ns))
    assert [path.read_text() for path in land([file], tmp_path / "data")] == ["y"]


def test_copies_under_way_at_once_have_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("x")
    staged = []

    def killed(_: Path, target: Path) -> None:
        staged.append(target.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copy2", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            land([tmp_path / "a.csv"], tmp_path / "data")
    assert len({*staged}) == 2
    assert all(name.startswith(".") for name in staged), "hidden, so not taken for events"
    assert list((tmp_path / "data").iterdir()) == []

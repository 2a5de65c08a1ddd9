"""`flywheel forget`: what it deletes, what it leaves, and that a run makes it again."""

from collections.abc import Callable

import pytest
from click.testing import Result

from flywheel_assets_tests.histories import AFTER_GAP, FIRST, GAP, LAST
from flywheel_assets_tests.projects import Project

Type = Callable[..., Result]


def there(project: Project, *keys: str) -> set[str]:
    """The intervals that anything is left of."""
    with project.flywheel() as flywheel:
        return {interval.key for interval in project.intervals(*keys) if flywheel.warehouse.made(interval)}


@pytest.mark.usefixtures("record_in_memory")
def test_an_interval_is_forgotten_and_made_again(flywheel: Type, copy: Project) -> None:
    labels = sorted(copy.rows("user_labels", AFTER_GAP), key=str)
    result = flywheel("forget", AFTER_GAP, "--yes")

    assert result.exit_code == 0
    assert "all tables and the report of 2024-02-12 - 2024-02-25" in result.stdout
    assert there(copy, FIRST, GAP, AFTER_GAP, LAST) == {FIRST, GAP, LAST}
    assert flywheel("run").exit_code == 0
    assert sorted(copy.rows("user_labels", AFTER_GAP), key=str) == labels


def test_everything_is_forgotten_but_what_landed(flywheel: Type, copy: Project) -> None:
    landed = sorted(copy.settings.landing_dir.iterdir())

    assert "forgot 4 intervals" in flywheel("forget", "--all", "--yes").stdout
    assert [path.name for path in copy.settings.warehouse_dir.iterdir()] == ["_locks"]
    assert there(copy, FIRST, GAP, AFTER_GAP, LAST) == set()
    assert sorted(copy.settings.landing_dir.iterdir()) == landed


def test_sessions_that_could_not_be_made_again_are_told_before_anything_is_deleted(
    flywheel: Type, copy: Project
) -> None:
    (copy.settings.landing_dir / "january.parquet").unlink()
    result = flywheel("forget", FIRST)  # and nobody answers

    assert "january.parquet is no longer in the landing folder: its sessions cannot be made again" in result.stdout
    assert result.exit_code == 1
    assert there(copy, FIRST) == {FIRST}


def test_what_was_never_made_and_what_is_not_said_is_told(flywheel: Type, copy: Project) -> None:
    assert "nothing was made of 2024-05-06" in flywheel("forget", "2024-05-06").stdout
    assert "say which interval to forget" in flywheel("forget").stderr
    assert flywheel("forget", FIRST, "--all").exit_code == 2


def test_a_warehouse_around_landed_files_is_not_emptied(
    flywheel: Type, copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWHEEL_WAREHOUSE_DIR", str(copy.folder / "data"))

    assert "landing is inside it: nothing is deleted" in flywheel("forget", "--all", "--yes").stderr
    assert (copy.settings.landing_dir / "january.parquet").is_file()


def test_what_somebody_put_beside_the_tables_stays(flywheel: Type, copy: Project) -> None:
    (copy.settings.warehouse_dir / "notes.txt").write_text("ours")
    flywheel("forget", "--all", "--yes")

    assert sorted(path.name for path in copy.settings.warehouse_dir.iterdir()) == ["_locks", "notes.txt"]

"""Promotion and rollback, killed at every step."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry import promotion
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.files import MANIFEST, digests_of
from flywheel_assets.registry.promotion import promote, rollback
from flywheel_assets.registry.promotions_record import RECORD, Promotion, earlier_champion, read_promotions
from flywheel_assets.registry.shelves import bundle_with, candidate, champion, known_bundles, versions_in
from flywheel_assets_tests.bundles import ALL_FILES
from flywheel_assets_tests.variants import write_candidate, write_variant

NOW = datetime(2024, 3, 20, 12, tzinfo=UTC)


def versions_of_models(bundle: ModelBundle) -> dict[str, str]:
    return {name: info.version for name, info in bundle.models.items()}


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a champion and the candidates a, b, without what would take time to write."""
    folder = tmp_path_factory.mktemp("lifecycle") / "models"
    write_variant(folder, "first")
    for mark in ("a", "b"):
        made = write_candidate(folder, mark)
        (made.directory / f"{mark}.png").write_bytes(b"picture")
        (made.directory / "holdout_sessions.parquet").write_bytes(b"data")
    return folder


@pytest.fixture
def models(made_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "models"))


def versions(models: Path) -> dict[str, str]:
    """The version of the champion and of both candidates, by the mark on their cards."""
    folders = [models, *(models / "candidates").iterdir()]
    return {(f / "README.md").read_text()[-1]: ModelBundle.open(f).version for f in folders}


@pytest.fixture
def first(models: Path) -> str:
    return versions(models)["t"]


@pytest.fixture
def a(models: Path) -> str:
    return versions(models)["a"]


@pytest.fixture
def b(models: Path) -> str:
    return versions(models)["b"]


def test_a_promoted_candidate_is_the_champion_and_the_old_one_lies_in_the_archive(
    models: Path, first: str, a: str
) -> None:
    before = digests_of(models, ALL_FILES)
    done = promote(models, a, NOW, first, why="better", figures={"accuracy": 0.9})

    assert ModelBundle.open(models).version == a
    assert (models / "README.md").read_text() == "the card of a"
    assert (models / "a.png").exists()
    assert not (models / "candidates" / a).exists()
    assert digests_of(models / "archive" / first, ALL_FILES) == before
    assert not (models / "holdout_sessions.parquet").exists(), "data is no part of a bundle"
    assert done == read_promotions(models)[0]
    assert done == Promotion(
        "promote", a, first, "2024-03-20T12:00:00+00:00", "better", False, (), {"accuracy": 0.9}, True
    )


def test_the_first_champion_of_an_empty_folder_is_just_put_there(tmp_path: Path) -> None:
    made = write_candidate(tmp_path, "a")
    assert champion(tmp_path) is None

    promote(tmp_path, made.version, NOW, None)

    assert ModelBundle.open(tmp_path).version == made.version
    with pytest.raises(ArtefactError, match="no champion before"):
        rollback(tmp_path, NOW)


def test_rollbacks_go_back_one_champion_after_the_other(models: Path, first: str, a: str, b: str) -> None:
    promote(models, a, NOW, first)
    promote(models, b, NOW, a)
    assert not (models / "a.png").exists(), "the picture of another champion's card"

    went = [rollback(models, NOW, "it was not better").version, rollback(models, NOW).version]

    assert went == [a, first]
    assert ModelBundle.open(models).version == first
    assert sorted(versions_in(models / "archive")) == sorted([a, b, first])
    assert [(p.action, p.version, p.before, p.why) for p in read_promotions(models)] == [
        ("promote", a, first, ""),
        ("promote", b, a, ""),
        ("rollback", a, b, "it was not better"),
        ("rollback", first, a, ""),
    ]
    with pytest.raises(ArtefactError, match=f"no champion before {first}"):
        rollback(models, NOW)


@pytest.mark.parametrize(
    ("changes", "now", "earlier"),
    [
        ([], "x", None),
        ([("promote", "a", None)], "a", None),
        ([("promote", "a", "x")], "a", "x"),
        ([("promote", "a", "x"), ("promote", "b", "a")], "b", "a"),
        ([("promote", "a", "x"), ("promote", "b", "a"), ("rollback", "a", "b")], "a", "x"),
        ([("promote", "a", "x"), ("rollback", "x", "a"), ("promote", "b", "x")], "b", "x"),
        ([("promote", "a", "x"), ("promote", "b", "trained in place")], "b", "trained in place"),
        ([("promote", "a", "x")], "trained in place", "a"),
    ],
)
def test_the_earlier_champion_is_the_one_that_was_replaced_and_not_itself_rolled_back(
    changes: list[tuple[str, str, str]], now: str, earlier: str | None
) -> None:
    assert earlier_champion([Promotion(*change, at="") for change in changes], now) == earlier  # type: ignore[arg-type]


class Killed(BaseException):
    """What no handler of an error catches."""


STEPS = (
    (promotion.shutil, "copy2"),
    (promotion.shutil, "rmtree"),
    (Path, "rename"),
    (Path, "replace"),
    (Path, "unlink"),
)
"""All that changes a file or folder in the end."""


@contextmanager
def killed_before(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Killed before the step of that number, from 0; gives the steps that were begun."""
    begun: list[int] = []

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def stepped(*arguments: object, **options: object) -> object:
            begun.append(1)
            if len(begun) == step + 1:
                raise Killed
            if len(begun) > step + 1:
                return None  # the process is gone, and so are its handlers
            return real(*arguments, **options)

        return stepped

    with monkeypatch.context() as patched:
        for owner, name in STEPS:
            patched.setattr(owner, name, counted(getattr(owner, name)))
        yield begun


def steps_of(change: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
    with killed_before(10**6, monkeypatch) as begun:
        change()
    return len(begun)


def is_usable_or_names(command: str, models: Path, *allowed: str) -> None:
    try:
        found = ModelBundle.open(models).version
    except ArtefactError as error:
        found = str(error)
    assert found in allowed or command in found


def test_a_promotion_killed_at_any_step_is_mended_by_the_same_command(
    made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = versions(made_once)
    first, a = named["t"], named["a"]
    steps = steps_of(lambda: promote(Path(shutil.copytree(made_once, tmp_path / "m")), a, NOW, first), monkeypatch)
    assert steps > len(ALL_FILES) * 2
    halves = 0
    for step in range(steps):
        models = Path(shutil.copytree(made_once, tmp_path / str(step)))
        with killed_before(step, monkeypatch), pytest.raises(Killed):
            promote(models, a, NOW, first)
        is_usable_or_names(f"flywheel models promote {a}", models, first, a)
        try:
            found = champion(models)
        except ArtefactError:
            halves, found = halves + 1, None
        if (models / "candidates" / a).exists():  # else only clearing away was left to do
            promote(models, a, NOW, found.version if found else first)
        assert ModelBundle.open(models).version == a
        assert digests_of(models / "archive" / first, ALL_FILES) == digests_of(made_once, ALL_FILES)
        assert [(p.version, p.before, p.complete) for p in read_promotions(models)] == [(a, first, True)]
        assert versions_in(models / "candidates") == [named["b"]]
    assert halves >= len(ALL_FILES) - 1


def test_a_rollback_killed_at_any_step_is_mended_by_the_same_command(
    models: Path, first: str, a: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(models, a, NOW, first)
    steps = steps_of(lambda: rollback(Path(shutil.copytree(models, tmp_path / "m")), NOW), monkeypatch)
    for step in range(steps):
        copy = Path(shutil.copytree(models, tmp_path / str(step)))
        with killed_before(step, monkeypatch), pytest.raises(Killed):
            rollback(copy, NOW)
        is_usable_or_names("flywheel models rollback", copy, a, first)
        last = read_promotions(copy)[-1]
        if (last.action, last.complete) != ("rollback", True):  # else only clearing away was left to do
            rollback(copy, NOW)
        assert ModelBundle.open(copy).version == first
        assert ModelBundle.open(copy / "archive" / a).version == a


def half_promoted(models: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after three files of the new champion."""
    real, written = promotion.write_whole, []

    def three(path: Path, content: bytes) -> None:
        if len(written) == 3:
            raise Killed
        written.append(path)
        real(path, content)

    before = ModelBundle.open(models).version
    with monkeypatch.context() as patched:
        patched.setattr(promotion, "write_whole", three)
        with pytest.raises(Killed):
            promote(models, version, NOW, before)


def test_a_half_promoted_champion_is_not_used_and_says_what_to_type(
    models: Path, first: str, a: str, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_promoted(models, a, monkeypatch)

    with pytest.raises(ArtefactError, match=f"files of two bundles.*type it again.*flywheel models promote {a}"):
        ModelBundle.open(models)
    with pytest.raises(ArtefactError, match=f"promotion of {a} was interrupted.*or undo it: flywheel models rollback"):
        promote(models, b, NOW, first)


def test_a_half_promoted_champion_can_be_undone(
    models: Path, first: str, a: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_promoted(models, a, monkeypatch)
    rollback(models, NOW, "the machine went down")

    assert digests_of(models, ALL_FILES) == digests_of(models / "archive" / first, ALL_FILES)
    assert [(p.action, p.version, p.complete) for p in read_promotions(models)] == [("rollback", first, True)]
    assert versions_in(models / "archive") == [first], "the candidate was never a champion"
    assert candidate(models, a).version == a


@pytest.mark.parametrize("damage", [*ALL_FILES, MANIFEST])
@pytest.mark.parametrize("how", ["missing", "cut"])
def test_a_half_written_candidate_is_refused_and_the_champion_untouched(
    models: Path, first: str, a: str, damage: str, how: str
) -> None:
    before = digests_of(models, ALL_FILES)
    path = models / "candidates" / a / damage
    path.unlink() if how == "missing" else path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ArtefactError, match=rf"candidates/{a} is incomplete, and nothing was changed: .*{damage}"):
        promote(models, a, NOW, first)
    assert (digests_of(models, ALL_FILES), read_promotions(models)) == (before, [])


def test_a_candidate_that_is_not_there_is_an_error_that_names_those_that_are(models: Path, a: str, b: str) -> None:
    with pytest.raises(ArtefactError, match=f"no candidate nope in .*newest first: .*{b}"):
        candidate(models, "nope")
    shutil.rmtree(models / "candidates")
    with pytest.raises(ArtefactError, match=r"no candidate in .*flywheel models train"):
        candidate(models)


def test_without_a_version_the_newest_candidate_is_meant(models: Path, a: str, b: str) -> None:
    (models / "candidates" / a / MANIFEST).touch()
    assert candidate(models).version == a


def test_a_folder_of_another_version_is_refused(models: Path, first: str, a: str) -> None:
    (models / "candidates" / a).rename(models / "candidates" / "mine")
    with pytest.raises(ArtefactError, match=f"candidates/mine holds version {a}, and nothing was changed"):
        promote(models, "mine", NOW, first)


def test_a_champion_that_changed_since_the_comparison_is_not_replaced(models: Path, first: str, a: str, b: str) -> None:
    promote(models, b, NOW, first)
    with pytest.raises(ArtefactError, match=f"is {b}, {a} was compared with {first}.*type the command again"):
        promote(models, a, NOW, first)


def test_of_two_promotions_at_once_one_is_done_and_the_other_finds_another_champion(
    models: Path, first: str, a: str, b: str
) -> None:
    said: list[str] = []

    def promoted(version: str) -> None:
        try:
            said.append(promote(models, version, NOW, first).version)
        except ArtefactError as error:
            said.append(str(error))

    threads = [Thread(target=promoted, args=(version,)) for version in (a, b)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    now = ModelBundle.open(models).version
    assert now in said
    assert len(read_promotions(models)) == 1
    assert sum("somebody changed it meanwhile" in words for words in said) == 1


def test_a_rollback_to_a_version_that_left_the_archive_says_which_and_changes_nothing(
    models: Path, first: str, a: str
) -> None:
    promote(models, a, NOW, first)
    shutil.rmtree(models / "archive" / first)

    with pytest.raises(ArtefactError, match=f"archive/{first} does not exist, and nothing was changed"):
        rollback(models, NOW)
    assert ModelBundle.open(models).version == a


def test_a_folder_that_cannot_be_written_to_is_one_sentence(
    models: Path, first: str, a: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(promotion.shutil, "copy2", full)
    with pytest.raises(ArtefactError, match=r"cannot be changed: .*No space left on device"):
        promote(models, a, NOW, first)
    assert ModelBundle.open(models).version == first


def test_the_bundle_of_two_models_is_found_among_champion_and_archive(models: Path, first: str, a: str) -> None:
    old = ModelBundle.open(models)
    promote(models, a, NOW, first)
    now = ModelBundle.open(models)

    assert bundle_with(models, versions_of_models(now)).directory == models
    assert bundle_with(models, versions_of_models(old)).directory == models / "archive" / first
    with pytest.raises(
        ArtefactError, match=f"no bundle in .* has session model {old['session'].version} and user model x"
    ):
        bundle_with(models, {"session": old["session"].version, "user": "x"})


def test_a_candidate_that_is_the_champion_already_is_cleared_away(models: Path, first: str) -> None:
    names = [path for path in models.iterdir() if path.is_file()]
    again = models / "candidates" / first
    again.mkdir()
    for path in names:
        shutil.copy(path, again)

    assert promote(models, first, NOW, first).complete

    assert not again.exists()
    assert read_promotions(models) == []
    assert ModelBundle.open(models).version == first


def test_a_record_that_cannot_be_read_is_named(models: Path, first: str, a: str) -> None:
    (models / RECORD).write_text(json.dumps([{"what": 1}]))
    with pytest.raises(ArtefactError, match=r"promotions\.json is not a record that this version can read"):
        promote(models, a, NOW, first)
    assert ModelBundle.open(models).version == first


def test_what_was_rolled_back_can_be_promoted_again_and_stays_in_the_archive(
    models: Path, first: str, a: str, b: str
) -> None:
    promote(models, a, NOW, first)
    promote(models, b, NOW, a)
    rollback(models, NOW)

    again = promote(models, b, NOW, a, why="it was better after all")

    assert ModelBundle.open(models).version == b
    assert (again.action, again.before, again.why, again.complete) == ("promote", a, "it was better after all", True)
    assert read_promotions(models)[-1] == again
    assert sorted(versions_in(models / "archive")) == sorted([first, a, b])
    assert [rollback(models, NOW).version, rollback(models, NOW).version] == [a, first]


def test_a_promotion_out_of_the_archive_killed_at_any_step_is_mended_by_the_same_command(
    models: Path, first: str, a: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(models, a, NOW, first)
    rollback(models, NOW)
    steps = steps_of(lambda: promote(Path(shutil.copytree(models, tmp_path / "m")), a, NOW, first), monkeypatch)
    halves = 0
    for step in range(steps):
        copy = Path(shutil.copytree(models, tmp_path / str(step)))
        with killed_before(step, monkeypatch), pytest.raises(Killed):
            promote(copy, a, NOW, first)
        is_usable_or_names(f"flywheel models promote {a}", copy, first, a)
        try:
            found = champion(copy)
        except ArtefactError:
            halves, found = halves + 1, None
        promote(copy, a, NOW, found.version if found else first)
        assert ModelBundle.open(copy).version == ModelBundle.open(copy / "archive" / a).version == a
        assert ModelBundle.open(copy / "archive" / first).version == first
        assert [(p.action, p.version, p.complete) for p in read_promotions(copy)] == [
            ("promote", a, True),
            ("rollback", first, True),
            ("promote", a, True),
        ]
    assert halves >= len(ALL_FILES) - 1


def test_a_version_that_is_nowhere_is_an_error_that_names_candidates_and_archive(
    models: Path, first: str, a: str, b: str
) -> None:
    promote(models, a, NOW, first)
    with pytest.raises(ArtefactError, match=f"no candidate nope in .*first: {b}; the archive has, .*first: {first}"):
        promote(models, "nope", NOW, a)


def test_the_list_says_of_archived_ones_when_and_why_they_were_promoted_whatever_came_later(
    models: Path, first: str, a: str, b: str
) -> None:
    days = [datetime(2024, 3, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    promote(models, a, days[0], first, "a is better")
    promote(models, b, days[1], a, "b is better")
    rollback(models, days[2], "b is not better")
    listed = {one.version: (one.place, one.since, one.why) for one in known_bundles(models)}
    assert listed == {
        a: ("champion", "2024-03-03 00:00", "b is not better"),
        b: ("archive", "2024-03-02 00:00", "b is better"),
        first: ("archive", None, ""),
    }

    promote(models, b, days[3], a)
    assert {one.version: (one.since, one.why) for one in known_bundles(models)}[a] == (
        "2024-03-01 00:00",
        "a is better",
    )


def test_a_folder_that_is_not_there_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=f"there is no folder {tmp_path / 'nowhere'}; expected one with model"):
        known_bundles(tmp_path / "nowhere")


def test_files_that_a_file_manager_leaves_in_the_folders_stop_neither_promotion_nor_rollback(
    models: Path, a: str, first: str
) -> None:
    (models / "archive" / ".kept").mkdir(parents=True)
    for folder in ("archive", "candidates", f"candidates/{a}"):
        (models / folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")

    promote(models, a, NOW, first)
    assert ModelBundle.open(models).version == a
    rollback(models, NOW)
    assert ModelBundle.open(models).version == first
    assert {path.name for path in (models / "archive").iterdir()} == {".DS_Store", ".kept", a, first}

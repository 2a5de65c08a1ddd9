"""README and docs: their commands work, their links lead somewhere, and every command, setting and term is there once.

Each page is typed from top to bottom in a folder of its own, where a small sample has been run. What takes minutes, a
network or a browser is parsed instead: its options, targets and settings have to exist."""

import importlib
import json
import os
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flywheel_assets.cli.main import main
from flywheel_assets.features import read_features
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.ingest.mapping_file import read_mapping
from flywheel_assets.settings import SETTINGS
from flywheel_assets.simulation.world import FEATURES
from flywheel_assets.training.classifier.table_file import read_roles
from flywheel_assets_tests.projects import MODELS, sessions
from flywheel_assets_tests.variants import write_candidate, write_holdout, write_variant

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS, ROOT / "benchmarks" / "README.md"]

FIRST, LAST = "2024-01-15", "2024-01-29"
NOW = datetime(2024, 2, 20, tzinfo=UTC)

SHELL = ("console", "sh")
PROGRAMS = ("flywheel", "make", "python", "gcloud", "pip", "rm", "export")
LEARNING = tuple(f"intent {command}" for command in ("suggest", "train", "compare", "promote", "rollback"))
CLASSIFIERS = tuple(
    f"{system} {command}"
    for system in ("conversion", "engagement", "engagement activity", "engagement best-label")
    for command in ("train", "evaluate", "explain", "compare", "promote", "rollback", "import-movielens")
)
ONLY_PARSED = (
    "ui",
    "start",
    "models train",
    "models adopt",
    "models verify",
    "models compile",
    *LEARNING,
    *CLASSIFIERS,
)
"""Commands that import TensorFlow, do not end, or need outcomes of several intervals; tests of their own run them."""

PREPARING = "flywheel events init"
"""What later commands on the page need: each page types it."""

CHANGING = (PREPARING, "flywheel models promote", "flywheel models rollback", "rm")
"""What makes a later command on the page do something else than before."""

LONG_PAGES = ("real-data.md",)
"""Pages of commands that run for minutes, on data that is not in the repository."""


TYPED: set[tuple[str, ...]] = set()
"""What has been typed in the prepared folder or a copy of it: the same words do the same again."""


@dataclass(frozen=True)
class Block:
    """A code block of a page: its language, empty for an indented one, and its numbered lines."""

    language: str
    lines: tuple[tuple[int, str], ...]

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)


@dataclass(frozen=True)
class Command:
    """A line that a reader would type: VARIABLE=value pairs, then words."""

    line: int
    variables: dict[str, str]
    words: tuple[str, ...]

    @classmethod
    def of(cls, line: int, text: str) -> "Command":
        words = shlex.split(re.sub(r"\[(--[^]]+)\]", r"\1", text), comments=True)
        count = next((n for n, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), len(words))
        return cls(line, dict(word.split("=", 1) for word in words[:count]), tuple(words[count:]))


def text_of(page: Path) -> str:
    return re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL)


def blocks(page: Path) -> Iterator[Block]:
    fence: str | None = None
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text_of(page).splitlines(), start=1):
        if line.startswith("```"):
            if fence is not None:
                yield Block(fence, tuple(lines))
            fence, lines = (line[3:].strip() or "text", []) if fence is None else (None, [])
        elif fence is not None:
            lines.append((number, line))
        elif line.startswith("    "):
            yield Block("", ((number, line.strip()),))


def typed_commands(page: Path) -> list[Command]:
    """The lines of console blocks, indented commands, and the commands that begin a row of a table."""
    found = []
    for block in blocks(page):
        for number, line in block.lines:
            if line and (block.language in SHELL or (not block.language and line.split()[0] in PROGRAMS)):
                found.append(Command.of(number, line))
    for number, line in enumerate(text_of(page).splitlines(), start=1):
        if begins_row := re.match(r"\| `((?:flywheel|make) [^`]+)`", line):
            found.append(Command.of(number, begins_row[1]))
    return sorted(found, key=lambda command: command.line)


def mentioned_commands(page: Path) -> list[Command]:
    """Every `flywheel ...` and `make ...` in the text."""
    return [
        Command.of(number, found)
        for number, line in enumerate(text_of(page).splitlines(), start=1)
        for found in re.findall(r"`((?:flywheel|make) [^`]+)`", line)
    ]


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def parse(command: click.Command, words: tuple[str, ...], whole: bool) -> None:
    """Raises click's UsageError for a command or option that does not exist; if ``whole``, for a missing value too."""
    while isinstance(command, click.Group):
        name = words[0] if words else ""
        if not name and not whole:
            return
        if name not in command.commands:
            raise click.UsageError(f"no command {name!r}")
        command, words = command.commands[name], words[1:]
    options = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in words if word.startswith("--") and word not in {*options, "--help"}]
    if unknown:
        raise click.UsageError(f"no option {unknown[0]}")
    if whole:
        parser = command.make_parser(click.Context(command))
        _, left, _ = parser.parse_args(list(words))
        if left:
            raise click.UsageError(f"one word too many: {left[0]}")


def parse_make(words: tuple[str, ...]) -> None:
    """Raises UsageError unless the target, and what `make bench` is told, exist."""
    target, *variables = words
    if not re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE):
        raise click.UsageError(f"no make target {target}")
    values = {"WHAT": "compare", "BENCH": ""} | dict(variable.split("=", 1) for variable in variables)
    if target == "bench":
        parse(benchmark(values["WHAT"]), tuple(values["BENCH"].split()), whole=True)


def benchmark(name: str) -> click.Command:
    assert (ROOT / "benchmarks" / f"{name}.py").is_file(), f"no benchmark {name}"
    command = importlib.import_module(f"benchmarks.{name}").main
    assert isinstance(command, click.Command)
    return command


@pytest.fixture(scope="module")
def surroundings() -> Iterator[pytest.MonkeyPatch]:
    """No setting of the outside, a clock that stands still, and as little resampling as a fit needs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
            patch.delenv(name)
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv("FLYWHEEL_SEGMENT_COUNTS", "2-3")
        patch.setattr(Flywheel, "now", lambda _: NOW)
        patch.setattr("webbrowser.open", lambda _: True)
        for name in ("RESAMPLES", "RESAMPLE_ATTEMPTS", "START_ATTEMPTS"):
            patch.setattr(f"flywheel_assets.segments.clustering.{name}", 2)
        yield patch


def flywheel(*arguments: str) -> None:
    """Types `flywheel ...`; it has to succeed."""
    result = CliRunner().invoke(main, arguments)
    if result.exit_code:
        raise AssertionError(f"exit {result.exit_code}: {result.output}") from result.exception


@pytest.fixture(scope="module")
def prepared(surroundings: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two intervals of a sample, run and reported, with a fit of segments, a quarantined row, and a candidate that
    nothing speaks against."""
    folder = tmp_path_factory.mktemp("docs")
    surroundings.chdir(folder)
    flywheel("sample", "data", "--users", "60", "--intervals", "2", "--first-interval", FIRST)
    (folder / "data" / "events").mkdir()
    (folder / "data" / "events" / "events.jsonl").write_text("\n".join(map(json.dumps, raw_events())))
    unusable = sessions(("x", f"{LAST} 10", -1.0))
    pq.write_table(unusable, folder / "data" / "landing" / "unusable.parquet")
    shutil.copytree(MODELS, folder / "models")
    rows = pd.DataFrame(0.0, range(40), list(FEATURES)).assign(
        session_id=[f"s{n}.1705300000" for n in range(40)],
        user_id=[f"u{n % 20}" for n in range(40)],
        interval_start=FIRST,
        session_quality_label="Very Low Quality",
    )
    users = [{"user_id": f"u{n}", "interval_start": FIRST, "user_flywheel_label": "Passive"} for n in range(20)]
    write_holdout(write_candidate(folder / "models", "new").directory, rows, users)
    write_variant(folder / "own_models", "own")
    typed_anew()
    for words in (("run",), ("segments", "fit"), ("report",)):
        flywheel(*words)
        TYPED.add(words)
    return folder


def raw_events() -> Iterator[dict[str, str]]:
    for n in range(60):
        time = datetime(2024, 1, 16, 12, tzinfo=UTC) + timedelta(hours=n)
        yield {"user_id": f"e{n % 9}", "time": time.isoformat(), "event": "purchase" if n % 7 == 0 else "view"}


def typed_anew() -> None:
    """The code location reads its settings anew, as in a process."""
    sys.modules.pop("flywheel_assets.definitions", None)


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the prepared folder, to type in."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.chdir(tmp_path)
    typed_anew()
    return tmp_path


def placeholders(folder: Path) -> dict[str, str]:
    """What a reader would put in the place of each name in capitals."""
    landed = next((folder / "data" / "landing").glob("sessions_*"))
    labels = folder / "data" / "warehouse" / "user_labels" / f"interval_start={LAST}" / "part-0.parquet"
    return {
        "KEY": LAST,
        "USER": str(pq.read_table(labels)["user_id"][0]),
        "VERSION": next((folder / "models" / "candidates").iterdir()).name,
        "FILE": str(landed),
        "EVENTS": "data/events/events.jsonl",
        "DIR": "own_models",
    }


def run_flywheel(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    with monkeypatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        if variables:
            typed_anew()
        flywheel(*words)
    if variables:
        typed_anew()


def run(command: Command, page: Path, values: dict[str, str], monkeypatch: pytest.MonkeyPatch, once: bool) -> None:
    """Runs a command where that is quick, checks it elsewhere and, if ``once``, where it has been typed already.
    Raises for one that this test does not know."""
    program, *rest = (values.get(word, word) for word in command.words)
    words = tuple(rest)
    variables = {name: values.get(value, value) for name, value in command.variables.items()}
    unknown = {name for name in variables if name.startswith("FLYWHEEL_")} - set(SETTINGS)
    assert not unknown, f"{unknown} are no settings"
    if program == "flywheel":
        parse(main, words, whole=True)
        if page.name not in LONG_PAGES and not " ".join(words).startswith(ONLY_PARSED):
            prepares = " ".join(command.words).startswith(PREPARING)
            if once and not variables and not prepares and words in TYPED:
                return
            run_flywheel(words, monkeypatch, variables)
            TYPED.add(words)
    elif program == "make":
        parse_make(words)
    elif program == "export":
        assert {word.split("=")[0] for word in words} <= set(SETTINGS)
    elif program == "python":
        assert words[0] == "-m"
        parse(benchmark(words[1].removeprefix("benchmarks.")), words[2:], whole=True)
    elif program == "pip":
        extra = re.fullmatch(r"flywheel-assets\[(\w+)\]", words[-1])
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert extra, words
        assert extra[1] in project["optional-dependencies"]
    elif program == "gcloud":
        assert words[:3] == ("storage", "rsync", "--recursive")
        assert Path(words[3]).is_dir(), f"the warehouse has no {words[3]}"
    elif program == "rm":
        assert words[0] == "-r"
        for name in words[1:]:
            shutil.rmtree(name)
    else:
        raise AssertionError(f"this test does not know the program {program!r}")


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_commands_of_a_page_work_from_top_to_bottom(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = placeholders(folder)
    changed = False
    for command in typed_commands(page):
        try:
            run(command, page, values, monkeypatch, once=not changed)
        except Exception as error:
            raise AssertionError(f"{page_id(page)}:{command.line}: {' '.join(command.words)}: {error}") from error
        changed = changed or " ".join(command.words).startswith(CHANGING)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_commands_in_the_text_of_a_page_exist(page: Path) -> None:
    for command in mentioned_commands(page):
        program, *words = command.words
        if program == "make":
            parse_make(tuple(words))
        else:
            parse(main, tuple(words), whole=False)


@pytest.mark.parametrize("page", [page for page in PAGES if "```sql" in page.read_text()], ids=page_id)
def test_the_queries_of_a_page_run(page: Path, folder: Path) -> None:
    for query in (block.text for block in blocks(page) if block.language == "sql"):
        if query.startswith("CREATE EXTERNAL TABLE"):  # BigQuery's
            name = query.split()[3].removeprefix("flywheel.")
            assert (folder / "data" / "warehouse" / name).is_dir()
            assert query.count(f"gs://BUCKET/{name}") == 2
        else:
            assert duckdb.sql(query).fetchall()


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text()], ids=page_id)
def test_the_python_of_a_page_is_in_a_file_that_its_heading_names(page: Path) -> None:
    """So the page shows the code as it is."""
    named: list[Path] = []
    code = {block.lines[0][0]: block.text for block in blocks(page) if block.language == "python"}
    for number, line in enumerate(text_of(page).splitlines(), start=1):
        if line.startswith("#"):
            named = [ROOT / path for path in re.findall(r"`([\w/]+\.py)`", line)]
        if number in code:
            assert any(code[number] in path.read_text() for path in named), f"{page_id(page)}:{number}"


def test_the_features_file_of_a_page_can_be_used(tmp_path: Path) -> None:
    stated = [block for page in PAGES for block in blocks(page) if block.text.startswith("[features")]
    assert stated
    for block in stated:
        (tmp_path / "features.toml").write_text(block.text)
        assert read_features(tmp_path / "features.toml")


def test_the_mapping_of_a_page_can_be_used(tmp_path: Path) -> None:
    mappings = [block for page in PAGES for block in blocks(page) if block.text.startswith("# events.toml")]
    assert mappings
    for block in mappings:
        (tmp_path / "events.toml").write_text(block.text)
        assert read_mapping(tmp_path / "events.toml", list(tomllib.loads(block.text)["features"]))


def test_the_roles_of_a_labelled_table_of_a_page_can_be_used(tmp_path: Path) -> None:
    stated = [block for page in PAGES for block in blocks(page) if block.text.startswith("# roles.toml")]
    assert stated
    for block in stated:
        (tmp_path / "roles.toml").write_text(block.text)
        roles = read_roles(tmp_path / "roles.toml")
        assert all(getattr(roles, field.name) for field in fields(roles))


@pytest.mark.parametrize("page", [page for page in PAGES if "```toml" in page.read_text()], ids=page_id)
def test_a_columns_file_of_a_page_can_be_used(page: Path, folder: Path) -> None:
    for block in (block for block in blocks(page) if block.text.startswith("[columns]")):
        (folder / "columns.toml").write_text(block.text)
        landed = next((folder / "data" / "landing").glob("sessions_*"))
        theirs = {our: their for their, our in tomllib.loads(block.text)["columns"].items()}
        table = pq.read_table(landed)
        pq.write_table(table.rename_columns([theirs.get(name, name) for name in table.column_names]), "theirs.parquet")
        flywheel("check", "theirs.parquet")


def test_an_unknown_command_option_target_or_program_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (
        "flywheel runs",
        "flywheel run --form KEY",
        "flywheel run KEY",
        "make everything",
        'make bench BENCH="--rows 3"',
        "python -m benchmarks.own_models sample --quick",
        "FLYWHEEL_MODEL_DIR=DIR flywheel status",
        "gcloud storage rsync --recursive data/warehouse/labels gs://BUCKET/labels",
        "pip install 'flywheel-assets[mlflow2]'",
        "curl example.com",
    ):
        with pytest.raises((click.UsageError, AssertionError)):
            run(Command.of(1, text), README, {}, monkeypatch, once=True)


def test_commands_are_found_in_every_form(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\nA=b flywheel run   # all of it\n```\n\n    make demo\n    a/path   a file\n\n"
        "| `flywheel run [--from KEY]` | runs |\n\nSee `flywheel ui`.\n\n```text\nflywheel no\n```\n"
    )
    assert [(c.variables, c.words) for c in typed_commands(page)] == [
        ({"A": "b"}, ("flywheel", "run")),
        ({}, ("make", "demo")),
        ({}, ("flywheel", "run", "--from", "KEY")),
    ]
    assert [c.words[1] for c in mentioned_commands(page)] == ["run", "ui"]


def commands(group: click.Group, *path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name))


def test_every_command_is_documented() -> None:
    text = "\n".join(text_of(page) for page in PAGES)
    assert [command for command in commands(main) if not re.search(rf"\bflywheel {command}\b", text)] == []


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    rows = re.findall(r"^\| `FLYWHEEL.*", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert rows == [
        f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |"
        for name, (default, meaning) in SETTINGS.items()
    ]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            assert file.is_file(), target
            assert not anchor or anchor in anchors(file), target


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert len(README.read_text().splitlines()) < 150
    linked = set(re.findall(r"\]\((docs/[^)#]+\.md)\)", text_of(README)))
    assert linked == {page_id(page) for page in DOCS}


def test_the_readme_names_folders_of_the_package_that_exist() -> None:
    paragraph = README.read_text().split("one folder per system")[1].split("\n\n")[0]
    folders = re.findall(r"`(\w+)`", paragraph)
    assert [name for name in folders if not (ROOT / "flywheel_assets" / name).is_dir()] == []


def test_the_glossary_has_each_term_once_in_order() -> None:
    terms = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert len(terms) > 40
    assert [term.lower() for term in terms] == sorted({term.lower() for term in terms})

"""The rules of the tree, read from its import statements and seen in fresh processes."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flywheel_assets

PACKAGE = Path(flywheel_assets.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("tensorflow", "keras", "sklearn", "joblib", "onnx", "tf2onnx", "scipy", "matplotlib", "mlflow")

MAY_IMPORT = {
    "domain": {"domain", "errors"},
    "learning": {"learning", "domain", "errors"},
    "storage": {"storage", "domain", "errors"},
    "reporting": {"reporting", "domain", "errors"},
    "defs": {"defs", "learning", "storage", "reporting", "domain", "errors", "settings"},
    "settings": {"domain", "errors"},
    "errors": set(),
    "definitions": {"defs", "settings", "errors"},
}
"""What of the package each part of it may import; the command line, being outermost, anything."""

OUTERMOST = {"__init__", "cli", "cli_history", "cli_lifecycle", "cli_models", "cli_report", "cli_segments"}


def name(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


def part(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path, only_at_import: bool = False) -> Iterator[str]:
    """Dotted names that a module imports; with ``only_at_import`` those outside of functions."""
    package = ["flywheel_assets", *module.relative_to(PACKAGE).parent.parts]
    waiting: list[ast.AST] = [ast.parse(module.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) + "." if node.level else ""
            yield from (f"{base}{node.module or ''}.{alias.name}" for alias in node.names)
        elif only_at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        waiting.extend(ast.iter_child_nodes(node))


def run(code: str, folder: Path) -> str:
    """What a fresh process prints that runs the code in an empty folder, with nothing else in its environment."""
    environment = {"PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_import_reader_sees_through_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "storage").mkdir()
    module = tmp_path / "storage" / "m.py"
    module.write_text(
        "import a.b as c\nfrom d import e\nfrom . import f\nfrom ..defs import g\ndef h():\n    import i\n"
    )
    expected = {"a.b", "d.e", "flywheel_assets.storage..f", "flywheel_assets.defs.g"}
    assert {n.replace("..", ".") for n in imports(module)} == {n.replace("..", ".") for n in expected} | {"i"}
    assert "i" not in set(imports(module, only_at_import=True))


def test_every_part_of_the_package_has_its_rule() -> None:
    assert {part(m) for m in MODULES} - OUTERMOST <= set(MAY_IMPORT)


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) in MAY_IMPORT], ids=name)
def test_imports_go_one_way(module: Path) -> None:
    ours = {n.split(".")[1] for n in imports(module) if n.startswith("flywheel_assets.")}
    assert ours <= MAY_IMPORT[part(module)]


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_only_the_definitions_import_dagster(module: Path) -> None:
    dagster = {n for n in imports(module) if n.split(".")[0].startswith("dagster")}
    assert not dagster or part(module) in {"defs", "definitions", *OUTERMOST}


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_nothing_heavy_is_imported_outside_of_a_function(module: Path) -> None:
    roots = {n.split(".")[0] for n in imports(module, only_at_import=True)}
    assert not roots & set(HEAVY)


def test_the_domain_touches_no_clock_file_engine_or_environment() -> None:
    banned_imports = {"os", "pathlib", "time", "random", "duckdb", "subprocess", "tempfile", "io", "shutil"}
    banned_calls = {"now", "today", "utcnow", "time", "open", "getenv", "read_text", "write_text", "execute"}
    for module in (m for m in MODULES if part(m) == "domain"):
        assert not {n.split(".")[0] for n in imports(module)} & banned_imports, name(module)
        calls = [n.func for n in ast.walk(ast.parse(module.read_text())) if isinstance(n, ast.Call)]
        called = {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in calls}
        assert not called & banned_calls, name(module)


def test_bounds_of_intervals_never_come_from_dagster() -> None:
    assert [name(m) for m in MODULES if "partition_time_window" in m.read_text()] == []


def test_every_module_opens_by_saying_what_it_is() -> None:
    assert [name(m) for m in MODULES if not ast.get_docstring(ast.parse(m.read_text()))] == []


def test_importing_the_definitions_loads_nothing_heavy_and_writes_nothing(tmp_path: Path) -> None:
    code = f"import flywheel_assets.definitions, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert run(code, tmp_path) == "[]"
    assert list(tmp_path.iterdir()) == []


def test_importing_every_other_module_loads_nothing_heavy_and_writes_nothing(tmp_path: Path) -> None:
    names = [".".join(["flywheel_assets", *m.relative_to(PACKAGE).with_suffix("").parts]) for m in MODULES]
    code = (
        f"import importlib, sys\nfor name in {names!r}:\n    importlib.import_module(name)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert run(code, tmp_path) == "[]"
    assert list(tmp_path.iterdir()) == []

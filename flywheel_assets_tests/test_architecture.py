"""The rules of the tree, read from its import statements and seen in fresh processes."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import flywheel_assets

PACKAGE = Path(flywheel_assets.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = (
    *("tensorflow", "keras", "sklearn", "joblib", "onnx", "tf2onnx", "scipy", "matplotlib", "mlflow", "xgboost"),
    *("lightgbm", "imblearn", "skl2onnx", "onnxmltools", "shap"),
)

BASE = {"errors", "features", "intervals", "settings", "tables", "toml_reader", "warehouse"}

MAY_USE = {
    "errors": set(),
    "features": {"errors"},
    "toml_reader": {"errors"},
    "intervals": set(),
    "settings": {"intervals", "errors"},
    "tables": {"intervals", "errors"},
    "warehouse": {"tables", "intervals", "errors"},
    "registry": BASE,
    "report": BASE,
    "ingest": BASE,
    "landing": BASE | {"ingest"},
    "sessions": BASE | {"registry", "landing"},
    "users": BASE | {"registry", "ingest", "landing", "sessions"},
    "lineage": {"flywheel", "tables", "intervals"},
    "flywheel": BASE
    | {"registry", "ingest", "landing", "sessions", "users", "intent", "conversion", "engagement", "lineage"},
    "ranges": {"flywheel", "intervals", "errors"},
    "needs": {"flywheel", "lineage", "users", "tables", "intervals"},
    "segments": BASE | {"landing", "sessions", "users"},
    "history": BASE | {"registry", "report", "landing", "sessions", "users", "segments"},
    "intent": BASE | {"registry", "report", "ingest", "landing", "sessions", "users", "history", "training"},
    "conversion": BASE | {"registry", "report", "ingest", "landing", "sessions", "users", "history", "training"},
    "engagement": BASE | {"registry", "report", "ingest", "landing", "sessions", "users", "history", "training"},
    "training": BASE | {"registry", "report", "landing", "sessions", "users", "segments"},
    "simulation": BASE | {"registry", "sessions", "users", "training"},
    "orchestration": BASE | {"flywheel", "needs"},
}
"""What each folder or module of the package may use of the others, itself aside; `cli` and `definitions`, the
outermost, may use all."""

SYSTEMS = {
    "ingest",
    "landing",
    "sessions",
    "users",
    "segments",
    "history",
    "training",
    "intent",
    "conversion",
    "engagement",
}
"""Those have an ``assets.py`` and modules that work on a whole flywheel. What holds assets may use orchestration."""

OUTERMOST = {"__init__", "cli", "definitions"}


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
        elif (only_at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)) or (
            only_at_import and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
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
    (tmp_path / "warehouse").mkdir()
    module = tmp_path / "warehouse" / "m.py"
    module.write_text(
        "import a.b as c\nfrom d import e\nfrom . import f\nfrom ..users import g\ndef h():\n    import i\n"
    )
    expected = {"a.b", "d.e", "flywheel_assets.warehouse..f", "flywheel_assets.users.g"}
    assert {n.replace("..", ".") for n in imports(module)} == {n.replace("..", ".") for n in expected} | {"i"}
    assert "i" not in set(imports(module, only_at_import=True))


def dagsters(module: Path) -> bool:
    """Whether a module of a system holds assets, or the system as Dagster sees it."""
    return module.name.endswith("assets.py") or module.name == "system.py"


def may_use(module: Path) -> set[str]:
    of = part(module)
    flywheel = {"flywheel", "ranges", "needs"} if of in SYSTEMS else set()
    orchestration = {"orchestration"} if of in SYSTEMS and dagsters(module) else set()
    return MAY_USE[of] | {of} | flywheel | orchestration


def test_every_part_of_the_package_has_its_rule() -> None:
    assert {part(m) for m in MODULES} - OUTERMOST == set(MAY_USE)


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) in MAY_USE], ids=name)
def test_imports_go_down(module: Path) -> None:
    ours = {n.split(".")[1] for n in imports(module) if n.startswith("flywheel_assets.")}
    assert ours <= may_use(module)


def test_a_module_that_others_load_never_waits_for_one_of_them() -> None:
    """Imports at import, of modules, have no cycle."""
    dotted = {".".join(["flywheel_assets", *m.relative_to(PACKAGE).with_suffix("").parts]): m for m in MODULES}
    needs = {
        dotted_name: {
            n if n in dotted else n.rpartition(".")[0]
            for n in imports(module, only_at_import=True)
            if n in dotted or n.rpartition(".")[0] in dotted
        }
        for dotted_name, module in dotted.items()
    }
    assert list(TopologicalSorter(needs).static_order())


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_only_assets_orchestration_definitions_and_commands_import_dagster(module: Path) -> None:
    dagster = {n for n in imports(module) if n.split(".")[0].startswith("dagster")}
    assert not dagster or dagsters(module) or part(module) in {"orchestration", *OUTERMOST}


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_nothing_private_of_dagster_is_imported(module: Path) -> None:
    """Except by the storage, which replaces what is private; a test of its own says when that changes."""
    private = [n for n in imports(module) if n.startswith("dagster") and "._" in n]
    assert bool(private) == (name(module) == "orchestration/storage.py")


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_every_system_has_its_assets(system: str) -> None:
    assert (PACKAGE / system / "assets.py").is_file()


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_nothing_heavy_is_imported_outside_of_a_function(module: Path) -> None:
    roots = {n.split(".")[0] for n in imports(module, only_at_import=True)}
    assert not roots & set(HEAVY)


PURE = {"errors", "intervals", "tables"}


def is_pure(module: Path) -> bool:
    """Whether it holds what a table is: of `tables`, or the module of a table, named as it."""
    return part(module) in PURE or (part(module) in SYSTEMS and "TABLE = Table(" in module.read_text())


def test_tables_touch_no_clock_file_engine_or_environment() -> None:
    banned_imports = {"os", "pathlib", "time", "random", "duckdb", "subprocess", "tempfile", "io", "shutil"}
    banned_calls = {"now", "today", "utcnow", "time", "open", "getenv", "read_text", "write_text", "execute"}
    for module in filter(is_pure, MODULES):
        assert not {n.split(".")[0] for n in imports(module)} & banned_imports, name(module)
        calls = [n.func for n in ast.walk(ast.parse(module.read_text())) if isinstance(n, ast.Call)]
        called = {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in calls}
        assert not called & banned_calls, name(module)


def test_the_contract_of_a_table_stands_in_a_module_named_as_it() -> None:
    for module in MODULES:
        declared = re.findall(r'^TABLE = Table\(\n    "(\w+)"', module.read_text(), re.MULTILINE)
        assert declared in ([], [module.stem]), name(module)


def test_whole_files_and_locks_have_one_module() -> None:
    """`os.replace`, `Path.replace` of one argument, `fcntl` and `fsync` are in `warehouse/files.py` alone."""
    for module in MODULES:
        tree = ast.parse(module.read_text())
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
        replaces = [n for n in calls if n.func.attr == "replace" and len(n.args) == 1 and not n.keywords]
        elsewhere = name(module) != "warehouse/files.py"
        assert not (elsewhere and (replaces or "fcntl" in set(imports(module)))), name(module)


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

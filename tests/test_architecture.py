"""The rules of the house, read from the code itself."""

from __future__ import annotations

import ast
import re
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ["geo", "data_pipeline", "components", "pages"]
# who may import whom: geo <- data_pipeline <- components <- pages <- app
ALLOWED = {
    "geo": {"geo"},
    "data_pipeline": {"geo", "data_pipeline"},
    "components": {"data_pipeline", "components"},
    "pages": {"geo", "data_pipeline", "components", "pages"},
}
# what components may know of the pipeline: values, words and clocks, never the store
COMPONENT_MAY_IMPORT = (
    "data_pipeline.queries.types",
    "data_pipeline.queries.judged",
    "data_pipeline.times",
    "data_pipeline.metrics",
    "data_pipeline.errors",
    "data_pipeline.cities",
    "data_pipeline.contracts",
    "data_pipeline.declare",
    "data_pipeline.ledger.types",
    "data_pipeline.plans",
    "data_pipeline.ledger.brief",
    "data_pipeline.ledger.diff",
)


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in imported(path)
        if name.split(".")[0] in {*ROOMS, "app"} and name.split(".")[0] not in ALLOWED[room]
    ]
    assert wrong == []


def module_names() -> dict[str, Path]:
    """Dotted name of every module of ours → its file."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in ROOMS
        for path in modules(room)
    }


def uses(path: Path, known: dict[str, Path]) -> set[str]:
    """Our modules a module imports, wherever in it and be it for types only; a name of a package counts as that module."""
    found = imported(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & set(known)
            found |= submodules
            if len(submodules) == len(node.names):
                found.discard(node.module)
    return found & set(known)


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = module_names()
    graph = {name: uses(path, known) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_components_know_only_types_words_and_clocks() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("components")
        for name in imported(path)
        if name.startswith("data_pipeline") and not name.startswith(COMPONENT_MAY_IMPORT)
    ]
    assert wrong == []


def test_only_the_store_imports_duckdb() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in modules(room)
        if any(name.split(".")[0] in {"duckdb", "duckdb_extensions"} for name in imported(path))
        and "data_pipeline/store/" not in path.as_posix()
    ]
    assert wrong == []


def test_no_sql_stands_in_pages_or_components() -> None:
    sql = re.compile(r"\bselect\b.{1,80}\bfrom\b|\binsert\s+into\b|\bgroup\s+by\b", re.IGNORECASE | re.DOTALL)
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ("pages", "components")
        for path in modules(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and sql.search(node.value)
        and "\n" not in node.value.strip()
    ]
    assert wrong == []


def test_no_colour_stands_outside_the_theme() -> None:
    colour = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b(?![0-9a-zA-Z])|\brgba?\(|\bhsla?\(")
    files = [p for room in ("components", "pages") for p in modules(room) if p.name != "theme.py"]
    files += [p for p in (ROOT / "assets").glob("*.css") if p.name != "tokens.css"] + sorted((ROOT / "assets").glob("*.js"))
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if colour.search(line)
    ]
    assert wrong == []


def test_modules_stay_within_one_room() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for room in ROOMS
        for path in modules(room)
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 420
    }
    assert long == {}


def test_the_top_level_holds_only_what_the_client_fixed() -> None:
    allowed = {
        "app.py", "pages", "components", "data_pipeline", "geo", "assets", "tests", "requirements.txt",
        "README.md", "LICENSE", "NOTICE", "Makefile", "pyproject.toml", "docs", ".ci", ".gitignore",
    }  # fmt: skip
    ignored = {".git", ".venv", "var", "build"}
    found = {p.name for p in ROOT.iterdir() if not p.name.endswith("_cache") and p.name not in {"__pycache__", ".hypothesis"}}
    assert found - ignored <= allowed


def test_every_requirement_is_pinned_and_explained() -> None:
    for name in ("requirements.txt", "tests/requirements.txt"):
        lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
        assert lines
        assert all(re.match(r"[A-Za-z0-9_.-]+(\[[a-z,]+\])?==[0-9][^ ]*( +#.*)?$", line) for line in lines), name


def test_project_file_says_which_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11"

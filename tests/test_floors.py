"""Imports fall: who may import whom. Read from the code, so that nobody climbs unseen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nlviz

PACKAGE = Path(nlviz.__file__).parent
FLOOR = {
    "__main__": 5,
    "checkup": 4,
    "bench": 4,
    "experiments": 4,
    "widgets": 4,
    "figures": 3,
    "lab": 3,
    "learners": 3,
    "course": 3,
    "measure": 2,
    "loops": 2,
    "nested": 2,
    "tasks": 2,
    "memory": 1,
    "optim": 1,
    "trace": 0,
    "seeded": 0,
    "runtime": 0,
}
NO_TORCH = {"trace", "measure", "figures", "widgets"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _types_only(node: ast.AST) -> bool:
    """An `if TYPE_CHECKING:` block names types and imports nothing when the program runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imported(path: Path) -> list[str]:
    """Every module a file imports, in full: `nlviz.memory.base`, `torch.nn`."""
    package = ["nlviz", *path.relative_to(PACKAGE).parent.parts]
    names = []
    tree = ast.parse(path.read_text("utf8"))
    only_named = {n for node in ast.walk(tree) if _types_only(node) for n in ast.walk(node)}
    for node in ast.walk(tree):
        if node in only_named:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names += [f"{origin}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_fall(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        return
    assert here in FLOOR, f"{here} stands on no floor; give it one"
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "nlviz":
            assert not (parts[0] == "torch" and here in NO_TORCH), (
                f"{here} is a picture's side: it must not import torch"
            )
            continue
        there = parts[1] if len(parts) > 1 else "__init__"
        if there in (here, "__version__"):
            continue
        assert FLOOR[there] < FLOOR[here], f"{path.name} (floor {FLOOR[here]}) imports {name} (floor {FLOOR[there]})"


def test_widgets_know_no_lab() -> None:
    for path in (PACKAGE / "widgets").rglob("*.py"):
        assert not any(name.startswith(("nlviz.lab", "nlviz.memory")) for name in imported(path)), path


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_holds_one_idea(path: Path) -> None:
    assert len(path.read_text("utf8").splitlines()) <= 300, f"{path} is over 300 lines: two ideas in one room"


def test_no_module_bears_the_name_of_a_function_its_package_gives() -> None:
    for package in (p for p in PACKAGE.iterdir() if (p / "__init__.py").exists()):
        modules = {p.stem for p in package.glob("*.py")}
        tree = ast.parse((package / "__init__.py").read_text("utf8"))
        given = {  # `from . import module` gives the module itself
            alias.asname or alias.name
            for n in ast.walk(tree)
            if isinstance(n, ast.ImportFrom) and n.module
            for alias in n.names
        }
        assert not modules & given, (
            f"{package.name}: importing {modules & given} would replace the function of that name"
        )

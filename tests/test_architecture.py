"""The floors of the house: a file imports from floors below it and from its own folder only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "infot"

FLOORS: dict[str, int] = {
    "errors": 0,
    "atomic": 0,
    "numerics": 0,
    "random": 0,
    "ot": 1,
    "nn": 1,
    "data": 1,
    "models": 2,
    "metrics": 2,
    "objectives": 3,
    "training": 4,
    "report": 4,
}
TOP = 5  # everything else: configuration, composition root, model, evaluation, commands

FORBIDDEN: dict[str, tuple[str, ...]] = {
    "ot": ("models", "nn", "data"),
    "models": ("ot", "data"),
    "metrics": ("models", "ot", "nn"),
    "report": ("models", "ot", "nn", "data", "metrics", "objectives", "torch"),
}
TORCH_FREE = ("config", "config_file", "config_checks", "presets", "errors", "cli")
MAX_LINES = 400


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports_of(node: ast.AST) -> list[str]:
    """Names of the modules that a piece of code imports, as rooms of infot or as outside packages."""
    names: list[str] = []
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            names += [alias.name for alias in child.names]
        if isinstance(child, ast.ImportFrom) and child.module:
            own = child.module == "infot"
            names += [f"{child.module}.{alias.name}" if own else child.module for alias in child.names]
    return names


def rooms(names: list[str]) -> list[str]:
    return [name.split(".")[1] for name in names if name.startswith("infot.")]


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_come_from_floors_below_or_the_own_folder(path):
    room = room_of(path)
    for other in rooms(imports_of(ast.parse(path.read_text()))):
        below = FLOORS.get(other, TOP) < FLOORS.get(room, TOP) or other == "errors"
        allowed = other == room or below or room not in FLOORS
        assert allowed, f"{path}: {room} imports {other}, which is not below it"


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_forbidden_imports(path):
    names = imports_of(ast.parse(path.read_text()))
    outside = [name.split(".")[0] for name in names]
    for other in FORBIDDEN.get(room_of(path), ()):
        assert other not in rooms(names) + outside, f"{path} must not import {other}"


@pytest.mark.parametrize("name", TORCH_FREE)
def test_files_behind_help_import_no_torch_at_the_top(name):
    tree = ast.parse((ROOT / f"{name}.py").read_text())
    nodes = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    top = [name for node in nodes for name in imports_of(node)]
    assert not [name for name in top if name.split(".")[0] in {"torch", "scipy", "sklearn", "matplotlib"}]
    assert not [room for room in rooms(top) if room in FLOORS and room not in {"errors"}]


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_no_room_for_everything():
    names = {path.stem for path in sources()}
    assert not names & {"utils", "misc", "common", "helpers"}

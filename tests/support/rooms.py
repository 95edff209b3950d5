"""The map of the package: its rooms, and the arrows between them; `make docs` shows it in docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import driftmeter

SOURCE = Path(driftmeter.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

MAP = (
    "errors version",
    "types",
    "timestamps",
    "profile",
    "data",
    "counts",
    "panes",
    "client",  # what a model server imports ends here
    "payloads",
    "logs",
    "drift",
    "settings",
    "detectors",
    "performance",
    "fitting",
    "verdict",
    "page",
    "store",
    "engine",
    "report",
    "replay backtest notify",
    "backfill",
    "server",
    "integrations",
    "kafka",
    "demo",
    "cli",
    "__main__",
)
"""Rooms and modules of the root: a file imports only from lines above its own."""
INSIDE = {
    "store": ("records heads", "protocol", "sqlite redis"),
    "server": (
        "logs options problems lookups metrics",
        "ingest",
        "watch",
        "documents",
        "gauges",
        "exposition",
        "context",
        "configure usable",
        "routes",
        "application",
        "app",
        "run",
    ),
}
"""The same within the rooms that have rooms of their own."""
UPWARD = {("profile.profile", name) for name in ("fitting.fit", "fitting.labelled", "integrations.spark.fit")}
"""The allowed exceptions, imports within functions: `Profile.fit` and `fit_spark`, which a model server never calls."""


def levels(lines: tuple[str, ...]) -> dict[str, int]:
    """Return the line of each name."""
    return {name: level for level, names in enumerate(lines) for name in names.split()}


LEVELS = levels(MAP)


def module_of(path: Path) -> str:
    """Return a file's module below the package, such as `panes.codec`; that of a room's `__init__` is the room."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path, *, lazy: bool) -> Iterator[str]:
    """Yield the modules that a file imports when it is imported, and within functions too where `lazy`."""
    yield from _imports(ast.parse(path.read_text()), lazy)


def _imports(node: ast.AST, lazy: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"relative import of {child.module}"
            assert child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        elif lazy or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imports(child, lazy)


def own_imports(path: Path, *, lazy: bool) -> set[str]:
    """Return the modules of the package that a file imports, without those of `UPWARD`."""
    module = module_of(path)
    targets = set()
    for imported in imports(path, lazy=lazy):
        package, _, rest = imported.partition(".")
        if package != "driftmeter" or not rest:
            continue
        target = _home(rest)
        if (module, target) not in UPWARD:
            targets.add(target)
    return targets - {module}


def _home(name: str) -> str:
    """Return the module that holds a name of the package: `panes.pane.Pane` is in `panes.pane`."""
    while name not in MODULES:
        name, _, last = name.rpartition(".")
        if not name:  # a name of the public face
            return getattr(getattr(driftmeter, last), "__module__", "driftmeter.version").removeprefix("driftmeter.")
    return name


def room_of(module: str) -> str:
    """Return the line of the map that a module belongs to."""
    return module.split(".")[0]


def needs(room: str) -> list[str]:
    """Return the rooms that a room imports from, as the map has them."""
    paths = [path for module, path in MODULES.items() if room_of(module) == room]
    rooms = {room_of(target) for path in paths for target in own_imports(path, lazy=True)}
    return sorted(rooms - {room, "errors", "types", "version", "timestamps"}, key=lambda room: (LEVELS[room], room))


def table() -> str:
    """Return the rooms as a table of Markdown: what each is for, from its own docstring, and what it imports."""
    lines = ["| room | what it is for | imports from |", "|---|---|---|"]
    for room in LEVELS:
        path = MODULES.get(room)
        if path is None or room == "__main__":
            continue
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        is_room = path.name == "__init__.py"
        link = f"../src/driftmeter/{room}" + ("" if is_room else ".py")
        summary = " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")
        lines.append(f"| [{room}{'/' if is_room else ''}]({link}) | {summary} | {', '.join(needs(room)) or '–'} |")
    return "\n".join(lines) + "\n"

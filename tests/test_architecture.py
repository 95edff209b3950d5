"""The map of the package: who may import whom, and what the core may drag in."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import driftmeter

SOURCE = Path(driftmeter.__file__).parent

# top to bottom: a file imports only from files above its own line
MAP = (
    "errors version",
    "types",
    "timestamps",
    "profile",
    "data",
    "counts",
    "panes",
    "client",  # what a model server imports ends here
    "drift",
    "settings",
    "detectors",
    "fitting",
    "verdict",
    "store",
    "engine",
    "report",
    "replay backtest notify",
    "server",
    "integrations",
    "demo",
    "cli",
    "__main__",
)
LEVEL = {name: level for level, names in enumerate(MAP) for name in names.split()}
CORE = [name for name, level in LEVEL.items() if level <= LEVEL["client"]] + ["store", "__init__"]
CORE_MAY_IMPORT = {"numpy", "narwhals", "urllib3", "driftmeter"} | sys.stdlib_module_names
# within a function, where the arrow is for the caller's convenience
UPWARD = {
    ("profile", "fitting"),  # Profile.fit
}
FACE = {"__version__": "version", "Report": "report", "compare": "report"}
FILES = sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the line of the map that a file belongs to."""
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


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


def own(module: str) -> str | None:
    """Return the line of the map that a module belongs to, None where it is not ours."""
    package, _, rest = module.partition(".")
    if package != "driftmeter" or not rest:
        return None
    name = rest.split(".")[0]
    # from the public face: what stands behind the name
    return FACE.get(name, "client" if name in driftmeter.__all__ else name)


def test_every_file_is_on_the_map() -> None:
    assert {name_of(path) for path in FILES} - {"__init__"} <= set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_imports_only_from_files_above_it(path: Path) -> None:
    name = name_of(path)
    if name == "__init__":  # the public face
        return
    allowed = {below for mine, below in UPWARD if mine == name}
    now = [own(module) for module in imports(path, lazy=False)]
    ever = [own(module) for module in imports(path, lazy=True)]
    wrong = [other for other in now if other and other != name and LEVEL[other] >= LEVEL[name]]
    wrong += [other for other in ever if other and other not in {name, *allowed} and LEVEL[other] >= LEVEL[name]]
    assert not wrong, f"{name} imports {wrong}"


OF_REDIS = set((SOURCE / "store" / "redis").rglob("*.py"))
"""Loaded for who asks for that store, with its extra."""


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if name_of(path) in CORE and path not in OF_REDIS],
    ids=lambda path: path.name,
)
def test_the_core_needs_nothing_but_numpy_narwhals_and_urllib3(path: Path) -> None:
    needed = {module.split(".")[0] for module in imports(path, lazy=False)}
    assert needed <= CORE_MAY_IMPORT


def test_importing_the_core_loads_no_optional_dependency() -> None:
    modules = ", ".join(["driftmeter", *(f"driftmeter.{name}" for name in CORE if name != "__init__")])
    heavy = [
        "scipy",
        "pyarrow",
        "pandas",
        "polars",
        "fastapi",
        "starlette",
        "prometheus_client",
        "click",
        "rich",
        "redis",
    ]
    code = f"import sys, {modules}, driftmeter.store.sqlite.store; print(*sorted(set(sys.modules) & set({heavy})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_model_server_can_fit_and_count_without_optional_dependencies() -> None:
    code = """
import sys
for name in ("scipy", "pyarrow", "pandas", "msgspec", "click"):
    sys.modules[name] = None  # as if it were not installed
import polars
from driftmeter import Profile
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
profile = Profile.fit(polars.DataFrame({"x": [1.0, 2.0], "c": ["a", "b"]}), model="m")
rows, _, _ = Reader(profile).read_records([{"x": 1.5, "c": "a"}])
print(Binner(profile).observe(rows).rows)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_public_names_are_there() -> None:
    assert set(driftmeter.__all__) >= {"Profile", "Summary", "Monitor", "__version__"}
    for name in set(driftmeter.__all__) - {"Report", "compare"}:  # those need the extra `cli`
        assert getattr(driftmeter, name)

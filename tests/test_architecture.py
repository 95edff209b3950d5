"""The map of the package: which rooms may import which, and what the core may depend on."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import driftmeter
from tests.support import rooms
from tests.support.rooms import FILES, LEVELS, MODULES, SOURCE, imports, module_of, own_imports, room_of

LONGEST_FILE, MEDIAN_FILE = 400, 150
CORE = [room for room, level in LEVELS.items() if level <= LEVELS["client"]] + ["store", "__init__"]
CORE_MAY_IMPORT = {"numpy", "narwhals", "driftmeter"} | sys.stdlib_module_names
OF_REDIS = set((SOURCE / "store" / "redis").rglob("*.py"))
"""Imported only for the Redis store, which has an extra."""


def name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def test_every_room_is_on_the_map_and_the_root_holds_nothing_else() -> None:
    assert {room_of(module) for module in MODULES} - {"__init__"} <= set(LEVELS)
    assert {path.stem for path in SOURCE.glob("*.py")} == {
        *("__init__", "__main__", "errors", "timestamps", "types", "version")
    }


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_imports_only_from_rooms_above_its_own(path: Path) -> None:
    room = room_of(module_of(path))
    if room == "__init__":  # the public face
        return
    targets = own_imports(path, lazy=True)
    wrong = [target for target in targets if room_of(target) != room and LEVELS[room_of(target)] >= LEVELS[room]]
    assert not wrong, f"{module_of(path)} imports {wrong}"


@pytest.mark.parametrize("room", rooms.INSIDE)
def test_arrows_within_a_room_point_one_way_too(room: str) -> None:
    inside = rooms.levels(rooms.INSIDE[room])
    wrong = []
    for module, path in MODULES.items():
        if room_of(module) != room or module == room:
            continue
        part = module.split(".")[1]
        assert part in inside, f"{module} is not on the map of {room}"
        for target in own_imports(path, lazy=True):
            other = target.split(".")[1] if target.startswith(f"{room}.") else part
            if other != part and inside[other] >= inside[part]:
                wrong.append((module, target))
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: own_imports(path, lazy=True) for module, path in MODULES.items() if module != "__init__"}
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def test_files_are_short_enough_to_be_read() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in FILES}
    assert {file: length for file, length in lengths.items() if length > LONGEST_FILE} == {}
    assert statistics.median(lengths.values()) <= MEDIAN_FILE


def test_no_class_has_the_name_of_another() -> None:
    classes = Counter(
        node.name for path in FILES for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in classes.items() if times > 1] == []


def test_no_test_imports_from_another_test_module() -> None:
    tests = Path(__file__).parent
    wrong = [
        (str(path.relative_to(tests)), module)
        for path in sorted(tests.rglob("*.py"))
        for module in imports(path, lazy=True)
        if module.startswith("tests.")
        and any(part.startswith(("test_", "conftest")) for part in module.split(".")[:-1])
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if room_of(module_of(path)) in CORE and path not in OF_REDIS],
    ids=name,
)
def test_the_core_needs_nothing_but_numpy_and_narwhals(path: Path) -> None:
    needed = {module.split(".")[0] for module in imports(path, lazy=False)}
    assert needed <= CORE_MAY_IMPORT


def test_importing_the_core_loads_no_optional_dependency() -> None:
    modules = ", ".join(
        f"driftmeter.{module}"
        for module, path in MODULES.items()
        if room_of(module) in CORE and path not in OF_REDIS and module != "__init__"
    )
    heavy = [
        *("scipy", "pyarrow", "pandas", "polars"),
        *("starlette", "msgspec", "prometheus_client", "click", "rich", "redis"),
    ]
    code = f"import sys, {modules}; print(*sorted(set(sys.modules) & set({heavy})))"
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
    for public in set(driftmeter.__all__) - {"Report", "compare"}:  # those need the extra `cli`
        assert getattr(driftmeter, public)

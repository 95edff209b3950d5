"""What the SDK loads and when, and how much of it pip installs: each in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import driftmeter
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW
from tests.client.tier import Tier

LATER = ("narwhals", "urllib3", "ssl", "http.client", "email", "brotli", "importlib.metadata", "importlib.resources")
"""Loaded when they are first needed."""
NEVER = ("asyncio", "concurrent.futures", "multiprocessing", "logging.config", "logging.handlers", "unittest")
OTHERS = ("scipy", "pyarrow", "pandas", "polars", "starlette", "msgspec", "prometheus_client", "click")
"""Packages that are no dependencies of the SDK."""
MOST_BYTES = 15_000_000

_HEAD = f"""
import os, sys, threading, time, warnings
warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # forking with threads is what some tests are about
ROW = {ROW!r}

def loaded(names):
    return [name for name in names if name in sys.modules]

class SlowImport:
    '''Keeps the import of a module under way for a while, and says that it is.'''
    def __init__(self, name):
        self.name, self.under_way = name, threading.Event()
        sys.meta_path.insert(0, self)
    def find_spec(self, name, path, target=None):
        if name == self.name and not self.under_way.is_set():
            self.under_way.set()
            time.sleep(0.3)
"""


def run(script: str, *arguments: object) -> str:
    """Run a script that finds the names above; return its output."""
    command = [sys.executable, "-W", "error", "-c", _HEAD + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def profile_path(profile: Profile, tmp_path: Path) -> Path:
    profile.dump(tmp_path / "profile.json")
    return tmp_path / "profile.json"


@pytest.mark.parametrize("statement", ["from driftmeter import Monitor", "from driftmeter.client import Monitor"])
def test_importing_the_sdk_loads_nothing_that_is_not_needed_yet(statement: str) -> None:
    names = (*LATER, *NEVER, *OTHERS)
    script = f"import numpy; before = loaded({names}); {statement}; print(*set(loaded({names})) - set(before))"
    assert run(f"{script}\nassert threading.active_count() == 1").split() == []


def test_rows_that_are_dicts_never_load_narwhals_and_http_client_is_loaded_in_the_background(
    tier: Tier, profile: Profile, profile_path: Path
) -> None:
    run(
        """
        from driftmeter.client import Monitor
        loading = []
        class Threads:
            def find_spec(self, name, path, target=None):
                if name in ("urllib3", "ssl", "http.client"):
                    loading.append(threading.current_thread().name)
        sys.meta_path.insert(0, Threads())
        monitor = Monitor(sys.argv[1], profile=sys.argv[2], source="test")
        assert not loaded(["narwhals", "urllib3", "ssl", "http.client"])
        monitor.observe(ROW)
        monitor.observe(ROW, prediction=0.5, timestamp="2023-01-01")
        monitor.observe_many([ROW] * 3, [0.5] * 3)
        assert monitor.flush()
        assert set(loading) == {"driftmeter"}, loading
        assert not loaded(["narwhals"])
        assert monitor.close()
        """,
        tier.url,
        profile_path,
    )
    assert tier.summary(profile).rows == 5


def test_a_frame_of_pandas_is_read_without_narwhals() -> None:
    run("""
        import pandas
        from driftmeter.client.records import items_per_row, iterate_records, read_record, stable_prediction
        frame = pandas.DataFrame([ROW])
        assert read_record(frame) == stable_prediction(frame) == ROW
        assert list(iterate_records(frame)) == list(items_per_row(frame)) == [ROW]
        assert not loaded(["narwhals"])
    """)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
def test_a_fork_waits_while_the_background_thread_imports(tier: Tier, profile: Profile, profile_path: Path) -> None:
    # else the child would have a module that is locked for ever
    run(
        """
        from driftmeter.client import Monitor
        slow = SlowImport("http.client")
        monitor = Monitor(sys.argv[1], profile=sys.argv[2], source="test")
        monitor.observe(ROW)
        assert slow.under_way.wait(10)
        child = os.fork()
        if not child:
            monitor.observe(ROW)
            os._exit(0 if monitor.close(10) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert monitor.close()
        """,
        tier.url,
        profile_path,
    )
    assert tier.summary(profile).rows == 2


@needs_fork
def test_a_fork_waits_while_a_thread_imports_what_the_first_frame_needs(tier: Tier, profile_path: Path) -> None:
    run(
        """
        import polars
        from driftmeter.client import Monitor
        from driftmeter.client.records import read_record
        slow = SlowImport("narwhals")
        frame = polars.DataFrame([ROW])
        monitor = Monitor(sys.argv[1], profile=sys.argv[2], source="test")
        thread = threading.Thread(target=monitor.observe, args=(frame,))
        thread.start()
        assert slow.under_way.wait(10)
        child = os.fork()
        if not child:
            import faulthandler
            faulthandler.dump_traceback_later(10, exit=True)
            os._exit(0 if read_record(frame) == ROW else 1)
        assert os.waitpid(child, 0)[1] == 0
        thread.join()
        assert monitor.close()
        """,
        tier.url,
        profile_path,
    )


@needs_fork
@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_only_the_first_frame_of_a_library_imports(library: str) -> None:
    make = {"polars": "polars.DataFrame([ROW])", "pyarrow": "pyarrow.Table.from_pylist([ROW])"}[library]
    run(f"""
        import {library}
        from driftmeter.client.no_fork import NO_FORK
        from driftmeter.client.records import iterate_records, read_record
        loading = []
        class Locked:
            def find_spec(self, name, path, target=None):
                if name.startswith("narwhals"):
                    loading.append(NO_FORK._is_owned())
        sys.meta_path.insert(0, Locked())
        frame = {make}
        read_record(frame)
        assert loading and all(loading), loading
        loading.clear()
        assert list(iterate_records(frame)) == [read_record(frame)]
        assert not loading
    """)


def installed_bytes(names: list[str]) -> dict[str, int]:
    """Return the bytes of packages and of all that they need; bytecode, which pip writes, as large as its source."""
    sizes: dict[str, int] = {}
    while names:
        name = names.pop()
        if name in sizes or name == "numpy":
            continue
        files = [Path(str(file.locate())) for file in distribution(name).files or []]
        sizes[name] = _bytes(files)
        names += _needed_by(name)
    return sizes


def _needed_by(name: str) -> list[str]:
    needed = map(Requirement, requires(name) or [])
    return [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]


def _bytes(files: list[Path]) -> int:
    present = [file for file in files if file.suffix != ".pyc" and file.is_file()]
    return sum(file.stat().st_size * (2 if file.suffix == ".py" else 1) for file in present)


def test_what_pip_installs_for_the_sdk_is_at_most_15_mb_above_numpy() -> None:
    # driftmeter itself may be installed as a link to its source, of which a wheel holds all files
    own = _bytes(list(Path(driftmeter.__file__).parent.rglob("*")))
    sizes = {"driftmeter": own, **installed_bytes(_needed_by("driftmeter"))}
    assert set(sizes) == {"driftmeter", "narwhals"}
    assert sum(sizes.values()) <= MOST_BYTES, sizes

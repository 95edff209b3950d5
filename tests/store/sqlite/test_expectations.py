"""Settings, expectations and notices in SQLite: kept, shared between processes, and added to old files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from driftmeter.store.sqlite.schema import MIGRATIONS, VERSION
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.verdict.expectation import Expectation
from tests.store.samples import START, TIMING, closed, fold_all, freeze_at, pane, put
from tests.support.clocks import SetClock
from tests.support.processes import begin, wait_until_ready

KEYS = 200


@pytest.fixture
def path(tmp_path: Path, clock: SetClock) -> Path:
    """A file that knows model `m`."""
    path = tmp_path / "store.sqlite"
    with closing(SQLiteStore(path, clock=clock)) as store:
        store.register("m", "d", b"{}", TIMING)
    return path


CAME_WITH = {
    2: ("settings", "expected", "notified"),
    3: ("rollovers", "leases", "replicas"),
    4: ("pane_texts", "slice_texts"),
}
"""The tables that a version added."""


@pytest.fixture(params=range(1, VERSION))
def old(path: Path, request: pytest.FixtureRequest) -> Path:
    """The same file as an earlier version would have it."""
    with closing(sqlite3.connect(path)) as file:
        for version in range(request.param + 1, VERSION + 1):
            for table in CAME_WITH[version]:
                file.execute(f"DROP TABLE {table}")
        file.execute(f"PRAGMA user_version = {request.param}")
    return path


def test_settings_and_marks_outlive_the_process(path: Path, clock: SetClock) -> None:
    with closing(SQLiteStore(path, clock=clock)) as store:
        store.configure("m", b"{}")
        store.expect("m", None, START, START + 10, "holidays")
        assert store.notified("m", "key")
    with closing(SQLiteStore(path, clock=clock)) as store:
        assert store.model("m").settings == b"{}"
        assert store.expected("m") == [Expectation(None, START, START + 10, "holidays")]
        assert not store.notified("m", "key")


def test_of_processes_that_race_one_notifies_each_time(path: Path) -> None:
    command = [sys.executable, str(Path(__file__).parent / "notifier.py"), str(path), str(KEYS)]
    racing = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        wait_until_ready(*racing)
        begin(*racing)
        first = [int(key) for process in racing for key in process.communicate(timeout=60)[0].split()]
    finally:
        for process in racing:
            process.kill()
            process.communicate()
    assert sorted(first) == list(range(KEYS))


def test_an_older_file_gets_a_place_for_them_and_keeps_what_it_has(old: Path, clock: SetClock) -> None:
    with closing(SQLiteStore(old, clock=clock)) as store:
        assert store.model("m").settings is None
        store.configure("m", b"{}")
        store.expect("m", "temp", START, START + 10)
        assert store.notified("m", "key")
        put(store, pane(5))
        freeze_at(store, clock, 1000)
        assert fold_all(store) == [closed(5)]
    with closing(sqlite3.connect(old)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_migrated_file_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    SQLiteStore(old).close()
    SQLiteStore(tmp_path / "new.sqlite").close()

    def tables(path: Path) -> set[tuple[str, str]]:
        with closing(sqlite3.connect(path)) as file:
            return set(file.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))

    assert tables(old) == tables(tmp_path / "new.sqlite")
    assert set(MIGRATIONS) == set(range(1, VERSION))


def test_a_server_that_had_an_older_file_open_goes_on_with_it(old: Path, clock: SetClock) -> None:
    with closing(sqlite3.connect(old)) as file:
        before = file.execute("SELECT * FROM models").fetchall()
        SQLiteStore(old, clock=clock).close()
        file.execute("INSERT INTO models VALUES ('n', 'd', 1000, 0, 0, 0, 0)")
        assert file.execute("SELECT * FROM models WHERE model = 'm'").fetchall() == before

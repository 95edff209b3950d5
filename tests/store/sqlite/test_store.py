"""What only the store in SQLite has: a file, and processes that share it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from driftmeter.counts.unseen import UnseenTexts
from driftmeter.errors import StoreError, StoreUnavailableError, UnknownModelError
from driftmeter.panes.retention import RETENTION
from driftmeter.store import open_store
from driftmeter.store.records import Receipt
from driftmeter.store.sqlite import database
from driftmeter.store.sqlite.database import MOST_READERS
from driftmeter.store.sqlite.schema import VERSION
from driftmeter.store.sqlite.store import SQLiteStore, host_clock
from driftmeter.store.sqlite.transaction import pack, unpack
from driftmeter.timestamps import DAY
from tests.store.samples import START, TIMING, batch, closed, fold_all, freeze_at, pane, put
from tests.support.clocks import SetClock
from tests.support.processes import begin, wait_until_ready

ROOT = Path(__file__).parents[3]
Writer = Callable[[str, float], subprocess.Popen[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def file_store(path: Path, clock: SetClock) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(path, clock=clock)) as store:
        store.register("m", "d", b"{}", TIMING)
        yield store


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    """Return a function that starts a process that writes to the file; the processes end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, seconds: float) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.sqlite.writer", str(path), name, str(seconds)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def acknowledged(process: subprocess.Popen[str]) -> int:
    """Wait for a process to end; return how many batches it had reported as committed."""
    output, _ = process.communicate(timeout=60)
    return sum(line.strip().isdigit() for line in output.splitlines(keepends=True) if line.endswith("\n"))


def totals(path: Path) -> dict[str, int]:
    with closing(SQLiteStore(path)) as store:
        return {source.source: source.totals.observed for source in store.sources("m")}


def test_processes_that_start_on_one_new_file_all_find_it_ready(writer: Writer, path: Path) -> None:
    processes = [writer(f"p{number}", 0.0) for number in range(4)]
    wait_until_ready(*processes)
    begin(*processes)
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    with closing(SQLiteStore(path)) as store:
        assert store.model("m").digest == "d"


def test_processes_share_the_file_fairly_and_lose_nothing(writer: Writer, path: Path) -> None:
    processes = {name: writer(name, 1.5) for name in "abc"}
    wait_until_ready(*processes.values())
    begin(*processes.values())
    done = {name: acknowledged(process) for name, process in processes.items()}
    assert totals(path) == done
    # a busy machine does not share its cores evenly; one that starves would commit a few
    assert min(done.values()) > 0.05 * max(done.values()), done


@pytest.mark.parametrize("delay", [0.05, 0.15, 0.3])
def test_what_was_acknowledged_survives_kill_nine_and_others_go_on(writer: Writer, path: Path, delay: float) -> None:
    victim, survivor = writer("victim", 60), writer("survivor", 1.0)
    wait_until_ready(victim, survivor)
    begin(victim, survivor)
    time.sleep(delay)
    victim.kill()
    told = acknowledged(victim)
    finished = acknowledged(survivor)
    rows = totals(path)
    assert rows["victim"] - told in (0, 1)  # the last commit may not have been told yet
    assert rows["survivor"] == finished > 0
    with closing(SQLiteStore(path)) as store:
        again = [put(store, batch(1, key=f"victim {number}", source="victim"))[0] for number in range(told)]
    assert again == [Receipt(duplicate=True)] * told
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert file.execute("SELECT sum(rows) FROM panes").fetchone()[0] == rows["victim"] + rows["survivor"]


def test_everything_is_there_after_a_restart(path: Path, clock: SetClock) -> None:
    with closing(SQLiteStore(path, clock=clock)) as store:
        store.register("m", "d", b"profile", TIMING)
        put(store, pane(1), pane(2, at=1000), batch(4, at=2000, key="k"))
        freeze_at(store, clock, 1000)
        fold_all(store)
        freeze_at(store, clock, 2000)
        store.acknowledge("m", "1", START, "seen")
    with closing(SQLiteStore(path, clock=clock)) as store:
        assert store.profile("m", "d") == b"profile"
        assert store.progress("m", "d").folded == START + 1000
        assert store.verdict("m", "d") == b"verdict %d" % (START + 1000)
        assert store.unfolded("m", "d") == [closed(2, 1000)]
        assert put(store, batch(4, at=2000, key="k")) == [Receipt(duplicate=True)]
        assert store.acknowledged("m") == {"1": (START, "seen")}
        freeze_at(store, clock, 3000)
        assert store.unfolded("m", "d") == [closed(2, 1000), closed(4, 2000)]


def test_every_commit_is_synced_to_disk(file_store: SQLiteStore) -> None:
    assert file_store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert file_store._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_commit_that_fails_midway_leaves_nothing(file_store: SQLiteStore, clock: SetClock) -> None:
    put(file_store, pane(1))
    broken = batch(1, key="broken", fingerprint=None)
    object.__setattr__(broken, "watermark", "not a number")
    with pytest.raises(TypeError):
        file_store.commit([pane(9, sequence=1), batch(1, key="k", watermark=5), broken])
    assert put(file_store, batch(2, key="k")) == [Receipt()]
    freeze_at(file_store, clock, 1000)
    assert file_store.unfolded("m", "d") == [closed(3)]


def test_a_file_that_another_program_holds_is_unavailable_to_write_and_can_be_read(
    file_store: SQLiteStore, path: Path
) -> None:
    put(file_store, pane(1))
    file_store._db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="cannot be written now: database is locked"):
            file_store.commit([pane(2, at=1000)])
        assert file_store.model("m").model == "m"
        intruder.execute("ROLLBACK")
    assert put(file_store, pane(2, at=1000)) == [Receipt()]


def test_a_reader_does_not_wait_for_a_writer(file_store: SQLiteStore, path: Path, clock: SetClock) -> None:
    with closing(SQLiteStore(path, clock=clock)) as other, other._db.writing():
        assert [record.model for record in file_store.models()] == ["m"]  # one that waits gets an error in the end


def test_threads_that_come_and_go_leave_no_connections_open(file_store: SQLiteStore, path: Path) -> None:
    def open_files() -> int:
        number = 0
        for link in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # the handle of the listing itself
                number += str(link.readlink()).startswith(str(path))
        return number

    before = open_files()
    for _ in range(100):
        thread = threading.Thread(target=file_store.models)
        thread.start()
        thread.join()
    assert open_files() <= before + 4
    threads = [threading.Thread(target=file_store.models) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert open_files() <= before + 2 * MOST_READERS + 2


def test_a_process_that_stops_while_it_writes_stops_the_others_only_for_a_while(
    file_store: SQLiteStore, path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    with closing(SQLiteStore(path, clock=clock)) as other:
        with other._db.writing():
            for _ in range(2):
                with pytest.raises(StoreUnavailableError, match="another process has been writing for"):
                    put(file_store, pane(1))
            assert file_store.model("m").model == "m"
        monkeypatch.undo()
        assert put(file_store, pane(1)) == [Receipt()]
        assert put(other, pane(2, at=1000)) == [Receipt()]


def test_a_store_that_waits_for_another_process_can_be_closed(
    path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with closing(SQLiteStore(path, clock=clock)) as other, closing(SQLiteStore(path, clock=clock)) as store:
        other.register("m", "d", b"", TIMING)
        with other._db.writing():
            with pytest.raises(StoreUnavailableError):
                put(store, pane(1))
            store.close()
        monkeypatch.undo()
        assert put(other, pane(1)) == [Receipt()]


def test_a_full_disk_is_unavailable_and_what_was_written_stays(file_store: SQLiteStore, clock: SetClock) -> None:
    put(file_store, pane(1))
    (pages,) = file_store._db.execute("PRAGMA page_count").fetchone()
    file_store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailableError, match="full"):
        file_store.commit([pane(1, at=at, source=f"source {at}") for at in range(0, 500_000, 1000)])
    with pytest.raises(StoreUnavailableError, match="full"):
        file_store.ping()
    file_store._db.execute("PRAGMA max_page_count = 1000000")
    file_store.ping()
    freeze_at(file_store, clock, 1000)
    assert file_store.unfolded("m", "d") == [closed(1)]


def test_a_file_of_another_version_is_refused_with_both(path: Path) -> None:
    SQLiteStore(path).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError, match=f"expected a store of version {VERSION}, got version {VERSION + 1}"):
        SQLiteStore(path)


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="a database of something else"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_by_name(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"store\.sqlite is no driftmeter store"):
        SQLiteStore(path)


def test_a_damaged_file_is_a_store_error(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        store.register("m", "d", os.urandom(100_000), TIMING)
    with closing(sqlite3.connect(path)) as file:
        pages = [page for (page,) in file.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 0")]
        (size,) = file.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    for page in pages:
        data[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(data)
    with closing(SQLiteStore(path)) as store:
        for call in (store.models, lambda: store.profile("m", "d"), lambda: store.commit([pane(1)])):
            with suppress(UnknownModelError), pytest.raises(StoreError):
                call()


def test_a_place_where_no_file_can_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "store.sqlite", tmp_path):
        with pytest.raises(StoreUnavailableError, match="cannot open the store"):
            SQLiteStore(place)


def test_the_folder_of_the_file_is_made(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "a" / "b" / "store.sqlite").close()
    assert (tmp_path / "a" / "b" / "store.sqlite").exists()


@pytest.mark.parametrize(
    "url", ["", "memory", "memory://x", "sqlite://", "sqlite:///", "sqlite://x", "rediss", "http://x", "/a"]
)
def test_a_url_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="expected memory://, sqlite:///PATH or redis://"):
        open_store(url)


def test_a_store_is_opened_by_its_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("memory://", "sqlite:///here.sqlite", f"sqlite:///{tmp_path}/there.sqlite"):
        with closing(open_store(url)) as store:
            assert store.models() == []
    assert {file.name for file in tmp_path.iterdir() if file.suffix == ".sqlite"} == {"here.sqlite", "there.sqlite"}


def test_memory_is_not_shared_between_stores() -> None:
    with closing(SQLiteStore(None)) as one, closing(SQLiteStore(None)) as other:
        one.register("m", "d", b"", TIMING)
        assert other.models() == []


def test_the_clock_is_the_hosts_in_milliseconds() -> None:
    assert abs(host_clock() - time.time() * 1000) < 1000


def test_unseen_texts_go_with_their_panes_and_slices(tmp_path: Path, clock: SetClock) -> None:
    path = tmp_path / "store.sqlite"

    def left() -> list[int]:
        with closing(sqlite3.connect(path)) as file:
            return [
                file.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("pane_texts", "slice_texts")
            ]

    with closing(SQLiteStore(path, clock=clock)) as store:
        store.register("m", "d", b"{}", TIMING)
        for at, expected in ((0, [0, 1]), (RETENTION + DAY, [0, 1])):
            clock.now = START + at + 1000
            write = pane(3, at=at, source="log", sequence=at, watermark=clock.now)
            summary = replace(write.pane.summary, unseen=UnseenTexts.of({"city": {f"at {at}": 1}}))
            put(store, replace(write, pane=replace(write.pane, summary=summary)))
            assert left()[0] == 1
            store.freeze("m")
            fold_all(store)
            assert left() == expected
        store.delete("m")
        assert left() == [0, 0]


@pytest.mark.parametrize("largest", [0, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 0x1_0000_0000, 2**63 - 1])
@pytest.mark.parametrize("bins", [1, 7, 8])
def test_counts_of_open_panes_are_read_as_they_were_written(bins: int, largest: int) -> None:
    counts = np.arange(bins, dtype=np.int64)
    counts[-1] = largest
    assert unpack(pack(counts)).tolist() == counts.tolist()
    assert unpack(counts.astype("<i8").tobytes()).tolist() == counts.tolist()  # as an earlier version wrote them

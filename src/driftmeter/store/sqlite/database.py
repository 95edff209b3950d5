"""A SQLite database that several threads and processes write in turn.

Writers queue for a file lock: SQLite's own busy handler sleeps and tries again, and under load the same process can win
again and again. Readers never wait for writers.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from driftmeter.errors import StoreError, StoreUnavailableError
from driftmeter.store.sqlite.schema import MIGRATIONS, SCHEMA, VERSION

try:
    import fcntl
except ImportError:  # Windows: there SQLite's busy timeout alone decides which process writes
    fcntl = None  # type: ignore[assignment]

PATIENCE = 10.0
"""Seconds to wait for other writers: a process that takes longer has been stopped, or its disk does not answer."""
MOST_READERS = 8
"""Reads at once, and connections for reading that stay open."""


class _FileLock:
    """The file lock that the writers of all processes queue for.

    If the lock is taken, a thread waits for it: a lock that is waited for comes in turn, a lock that is tried again and
    again comes by luck; and waiting itself has no timeout. The thread releases a lock that is no longer wanted.
    """

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("w")  # noqa: SIM115 - held until close
        self._mutex = threading.Lock()
        self._coming: threading.Event | None = None
        self._wanted = self._closed = False
        self._failed: OSError | None = None

    def acquire(self) -> None:
        """Take the lock, by one thread at a time; raises TimeoutError if another process keeps it too long."""
        with self._mutex:
            if self._closed:
                raise OSError("the store is closed")
            if self._coming is None:
                try:
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    coming = threading.Event()
                    self._failed = None
                    threading.Thread(target=self._wait, args=(coming,), daemon=True).start()
                    self._coming = coming
                else:
                    return
            coming = self._coming
            self._wanted = True
        coming.wait(PATIENCE)
        with self._mutex:
            self._wanted = False
            failed, self._failed = self._failed, None
            if failed is not None:
                raise failed
            if not coming.is_set():
                raise TimeoutError(f"another process has been writing for {PATIENCE:g} s")

    def _wait(self, coming: threading.Event) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except OSError as error:
            self._failed = error
        with self._mutex:
            self._coming = None
            if self._wanted:
                coming.set()
            else:
                self.release()
                if self._closed:
                    self._file.close()

    def release(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        with self._mutex:
            self._closed = True
            if self._coming is None:
                self._file.close()


class Database:
    """A file, or memory if `path` is None, with the tables of schema.py."""

    def __init__(self, path: str | Path | None) -> None:
        """Open or create it; raises StoreUnavailableError if that fails, StoreError if it is not a driftmeter store."""
        self._lock = threading.RLock()
        self._path = None if path is None else str(path)
        self._queue: _FileLock | None = None
        self._owner = 0
        self._readers: list[sqlite3.Connection] = []  # those not in use now
        self._reading = threading.BoundedSemaphore(MOST_READERS)
        self._closed = False
        try:
            if path is not None:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                if fcntl is not None:
                    self._queue = _FileLock(f"{path}-lock")
            self._writer = self._connect()
            self._prepare()
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.OperationalError | OSError):
                raise StoreUnavailableError(f"cannot open the store {path}: {error}") from error
            if isinstance(error, sqlite3.DatabaseError):
                raise StoreError(f"{path} is no driftmeter store: {error}") from error
            raise

    def _connect(self) -> sqlite3.Connection:
        name = ":memory:" if self._path is None else self._path
        return sqlite3.connect(name, isolation_level=None, check_same_thread=False, timeout=PATIENCE)

    def _prepare(self) -> None:
        with self._queued():  # several processes may create one file at the same time
            self._read_version()  # first, so that the file of another program stays as it is
            self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute("PRAGMA synchronous = FULL")
        with self.writing():
            version = self._read_version()
            for step in range(version, VERSION) if version else ():
                self._run(MIGRATIONS[step])
            if version == 0:
                self._run(SCHEMA)
            if version != VERSION:
                self._writer.execute(f"PRAGMA user_version = {VERSION}")

    def _run(self, statements: Sequence[str]) -> None:
        for statement in statements:
            self._writer.execute(statement)

    def _read_version(self) -> int:
        """Return the version of the file, 0 if it is empty; raises StoreError if it is newer, or something else."""
        version: int
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if not 0 <= version <= VERSION:
            raise StoreError(f"{self._path}: expected a store of version {VERSION}, got version {version}")
        empty = self._writer.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        if version == 0 and not empty:
            raise StoreError(f"{self._path}: expected a driftmeter store, got a database of something else")
        return version

    @contextmanager
    def _queued(self) -> Iterator[None]:
        """Hold the file lock that the writers of all processes queue for."""
        if self._queue is None:
            yield
            return
        self._queue.acquire()
        try:
            yield
        finally:
            self._queue.release()

    @contextmanager
    def _thread_lock(self) -> Iterator[None]:
        """Hold the lock of the threads of this process."""
        if not self._lock.acquire(timeout=PATIENCE):
            raise TimeoutError(f"another thread has been writing for {PATIENCE:g} s")
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock of all processes for one transaction."""
        with self._failures("written"), self._thread_lock(), self._queued():
            self._writer.execute("BEGIN IMMEDIATE")
            self._owner = threading.get_ident()
            try:
                yield
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._owner = 0

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for reading: within a transaction its own, otherwise one that never waits for writers."""
        if self._path is None or self._owner == threading.get_ident():
            with self._lock, self._failures("read"):
                yield self._writer
            return
        with self._reading, self._failures("read"):
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            except BaseException:
                connection.close()  # the read may not have ended
                raise
            self._readers.append(connection)
            if self._closed:
                self._close_readers()

    @contextmanager
    def _failures(self, done: str) -> Iterator[None]:
        """Raise failures of SQLite and the file system as the store's own errors."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreUnavailableError(f"the store cannot be {done} now: {error}") from error
        except sqlite3.ProgrammingError as error:
            raise StoreUnavailableError("the store is closed") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"the store cannot be {done}: {error}") from error

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return all rows of a query; within a transaction it sees the writes of that transaction."""
        with self.reading() as connection:
            return connection.execute(query, values).fetchall()

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run a statement on the writing connection, within `writing`."""
        return self._writer.execute(statement, values)

    def close(self) -> None:
        """Close all connections; later calls raise StoreUnavailableError."""
        with self._lock:
            self._closed = True
            self._close_readers()
            with suppress(AttributeError):  # it was never opened
                self._writer.close()
            if self._queue is not None:
                self._queue.close()

    def _close_readers(self) -> None:
        while self._readers:
            with suppress(IndexError):  # another thread may have taken the last
                self._readers.pop().close()

"""The work file: what a backfill has counted so far, so that one that was stopped goes on where it was.

It is a SQLite file. The parts that a block of rows brought, how far the source was read, and what could not be counted
are committed together: after a kill at any moment all three agree.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from driftmeter.backfill.counted import CountedPart, panes_in_block, slices_of
from driftmeter.errors import InputError
from driftmeter.panes.pane import Slice
from driftmeter.types import JSON, Milliseconds

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS parts (block INTEGER, body BLOB)",
    "CREATE INDEX IF NOT EXISTS parts_block ON parts (block)",
    "CREATE TABLE IF NOT EXISTS said (name TEXT PRIMARY KEY, content TEXT)",
)


class WorkFile:
    """A work file of one backfill; for one thread of one process."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises InputError where it is something else, or another process has it."""
        self.path = path
        opened = None
        try:
            opened = self._db = sqlite3.connect(path, isolation_level=None, timeout=0.0)
            # a second process fails at once; a crash of the machine may cost the last commits, never their order
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
                self._db.execute(f"PRAGMA {pragma}").fetchone()
            for statement in _SCHEMA:
                self._db.execute(statement)
        except sqlite3.DatabaseError as error:
            if opened is not None:
                opened.close()
            if isinstance(error, sqlite3.OperationalError):
                got = "another backfill that runs" if "locked" in str(error) else str(error)
                raise InputError(str(path), "a file for the work of one backfill (--work)", got) from error
            raise InputError(str(path), "a file for the work of a backfill (--work)", "something else") from error

    def read(self, name: str) -> JSON | None:
        """Return what was last written under a name, None if nothing was."""
        row = self._db.execute("SELECT content FROM said WHERE name = ?", (name,)).fetchone()
        content: JSON | None = None if row is None else json.loads(row[0])
        return content

    def write(self, name: str, content: JSON, parts: Iterable[CountedPart] = ()) -> None:
        """Write content under a name, and parts, all or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT INTO parts VALUES (?, ?)", ((part.block, part.body) for part in parts))
            self._db.execute("INSERT OR REPLACE INTO said VALUES (?, ?)", (name, json.dumps(content)))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything."""
        self._db.execute("BEGIN IMMEDIATE")
        for table in ("parts", "said"):
            self._db.execute(f"DELETE FROM {table}")
        self._db.execute("COMMIT")

    def slices(self, bins: int, length: Milliseconds, since: Milliseconds = 0) -> Iterator[Slice]:
        """Yield the panes of `length` ms that start at `since` or later, in order; one block is in memory at a time."""
        first = since // length // panes_in_block(bins)
        blocks = self._db.execute("SELECT DISTINCT block FROM parts WHERE block >= ? ORDER BY block", (first,))
        for (block,) in blocks.fetchall():
            with closing(self._db.execute("SELECT body FROM parts WHERE block = ?", (block,))) as bodies:
                for slice_ in slices_of(block, (body for (body,) in bodies), bins, length):
                    if slice_.start >= since:
                        yield slice_

    def last(self, bins: int, length: Milliseconds) -> Milliseconds | None:
        """Return the end of the last pane, None where there is none."""
        (block,) = self._db.execute("SELECT max(block) FROM parts").fetchone()
        if block is None:
            return None
        return max(slice_.end for slice_ in self.slices(bins, length, block * panes_in_block(bins) * length))

    @property
    def bytes(self) -> int:
        """Bytes of all parts."""
        (total,) = self._db.execute("SELECT coalesce(sum(length(body)), 0) FROM parts").fetchone()
        return int(total)

    def close(self, *, remove: bool = False) -> None:
        """Close the file; `remove` deletes it."""
        self._db.close()
        if remove:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)

"""The embedded store: SQLite in one file that several processes of one host share, or in memory.

Acknowledged means committed: WAL with synchronous=FULL.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from driftmeter.errors import UnknownModelError, UnknownProfileError
from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import RETENTION
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.heads import compressed_head, inflated_head
from driftmeter.store.records import HISTORY_STEP, LONGEST_LEASE, Fold, ModelRecord, Progress, Receipt, Write
from driftmeter.store.sqlite.database import Database
from driftmeter.store.sqlite.expiry import Expiry
from driftmeter.store.sqlite.freezing import SQLiteFreezing
from driftmeter.store.sqlite.profiles import ProfileTables
from driftmeter.store.sqlite.slices import SliceTables
from driftmeter.store.sqlite.transaction import Transaction, read_account
from driftmeter.timestamps import DAY
from driftmeter.types import Clock, Milliseconds
from driftmeter.verdict.expectation import Expectation

_MODELS = (
    "SELECT model, digest, pane, lateness, frozen, newest, body, folded, owner, until, halted"
    " FROM models"
    " LEFT JOIN settings USING (model) LEFT JOIN rollovers USING (model) LEFT JOIN leases USING (model)"
    " LEFT JOIN progress USING (model, digest)"
)
_KEPT_BETWEEN = (  # by its bucket a verdict is found without a look at all others
    "FROM verdicts WHERE model = ? AND digest = ? AND bucket BETWEEN ? AND ? AND at BETWEEN ? AND ? ORDER BY at"
)
_BALLAST = 16_384
"""Bytes that a ping writes: more than a page, so that it fails if the file cannot grow."""


def host_clock() -> Milliseconds:
    """Return this host's time in ms since the epoch."""
    return time.time_ns() // 1_000_000


class SQLiteStore:
    """A Store in a SQLite file, or in memory if `path` is None."""

    def __init__(self, path: str | Path | None, *, clock: Clock = host_clock) -> None:
        """Open or create the file; `clock` replaces the host's time, in tests.

        Raises StoreUnavailableError if that fails, StoreError if the file is something else, or of a newer version.
        """
        self._clock = clock
        self._db = Database(path)
        self._profiles = ProfileTables(self._db)
        self._slices = SliceTables(self._db)
        self._freezing = SQLiteFreezing(self._db, self._profiles, self._slices)
        self._expiry = Expiry(self._db, self._profiles, self._slices)

    def now(self) -> Milliseconds:
        """Return the host's time, which all processes that share the file share."""
        return self._clock()

    def ping(self) -> None:
        """See Store."""
        with self._db.writing():
            self._db.execute("INSERT OR REPLACE INTO pings VALUES ('', zeroblob(?))", (_BALLAST,))
            self._db.execute("DELETE FROM pings")

    def register(self, model: str, digest: str, profile: bytes, timing: Timing, *, reactivate: bool = True) -> None:
        """See Store."""
        with self._db.writing():
            self._profiles.register(model, digest, profile, timing, self.now(), reactivate=reactivate)

    def configure(self, model: str, settings: bytes | None) -> None:
        """See Store."""
        with self._db.writing():
            self.model(model)
            if settings is None:
                self._db.execute("DELETE FROM settings WHERE model = ?", (model,))
            else:
                self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (model, settings))

    def models(self) -> list[ModelRecord]:
        """See Store."""
        now = self.now()
        return [_record(row, now) for row in self._db.rows(f"{_MODELS} ORDER BY model")]

    def model(self, model: str) -> ModelRecord:
        """See Store."""
        rows = self._db.rows(f"{_MODELS} WHERE model = ?", model)
        if not rows:
            raise UnknownModelError(model, tuple(record.model for record in self.models()))
        return _record(rows[0], self.now())

    def digests(self, model: str) -> list[str]:
        """See Store."""
        return self._profiles.digests(model)

    def profile(self, model: str, digest: str) -> bytes:
        """See Store."""
        rows = self._db.rows("SELECT body FROM profiles WHERE model = ? AND digest = ?", model, digest)
        if not rows:
            self.model(model)
            raise UnknownProfileError(model, digest, tuple(self.digests(model)))
        return zlib.decompress(rows[0][0])

    def delete(self, model: str) -> None:
        """See Store."""
        self.model(model)
        tables = self._db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        with self._db.writing():
            for (table,) in tables:
                self._db.execute(f"DELETE FROM {table} WHERE model = ?", (model,))

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        """See Store."""
        with self._db.writing():
            transaction = Transaction(self._db, self.now())
            receipts = [transaction.write(write) for write in writes]
            transaction.finish()
            self._expiry.run(self.now())
        return receipts

    def freeze(self, model: str) -> Milliseconds:
        """See Store."""
        record = self.model(model)
        now = self.now()
        if not self._freezing.is_needed(record, now):
            return record.frozen
        while True:
            with self._db.writing():
                watermark, is_complete = self._freezing.freeze(self.model(model), now)
            if is_complete:
                return watermark

    def pending(self, model: str) -> list[str]:
        """See Store."""
        return self._slices.pending(model)

    def progress(self, model: str, digest: str) -> Progress:
        """See Store."""
        return self._slices.progress(model, digest)

    def unfolded(self, model: str, digest: str, limit: int = 1000) -> list[Slice]:
        """See Store."""
        return self._slices.unfolded(model, digest, limit)

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """See Store."""
        return self._slices.recent(model, digest, end, window)

    def slice_rows(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, Milliseconds, int]]:
        """See Store."""
        return self._slices.rows(model, digest, start, end)

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """See Store."""
        with self._db.writing():
            return self._slices.fold(model, digest, expected, step)

    def verdict(self, model: str, digest: str) -> bytes | None:
        """See Store."""
        rows = self._db.rows(
            "SELECT body FROM verdicts WHERE model = ? AND digest = ? ORDER BY bucket DESC LIMIT 1", model, digest
        )
        return zlib.decompress(rows[0][0]) if rows else None

    def history(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, bytes]]:
        """See Store."""
        rows = self._db.rows(f"SELECT at, body {_KEPT_BETWEEN}", *_between(model, digest, start, end))
        return [(at, zlib.decompress(body)) for at, body in rows]

    def history_heads(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds, length: int
    ) -> list[tuple[Milliseconds, bytes]]:
        """See Store."""
        head = f"substr(body, 1, {compressed_head(length)})"
        rows = self._db.rows(f"SELECT at, {head} {_KEPT_BETWEEN}", *_between(model, digest, start, end))
        return [(at, inflated_head(body)) for at, body in rows]

    def sources(self, model: str) -> list[SourceRecord]:
        """See Store."""
        now = self.now()
        rows = self._db.rows(
            "SELECT source, totals, late, at FROM sources WHERE model = ? AND at >= ? ORDER BY source",
            *(model, now - DAY),
        )
        return [read_account(text, late).record(name, at, now) for name, text, late, at in rows]

    def acknowledge(self, model: str, incident: str, at: Milliseconds, note: str) -> None:
        """See Store."""
        self.model(model)
        with self._db.writing():
            self._db.execute("INSERT OR IGNORE INTO acknowledged VALUES (?, ?, ?, ?)", (model, incident, at, note))

    def acknowledged(self, model: str) -> dict[str, tuple[Milliseconds, str]]:
        """See Store."""
        rows = self._db.rows("SELECT incident, at, note FROM acknowledged WHERE model = ?", model)
        return {incident: (at, note) for incident, at, note in rows}

    def expect(self, model: str, feature: str | None, since: Milliseconds, until: Milliseconds, note: str = "") -> None:
        """See Store."""
        with self._db.writing():
            self.model(model)
            self._db.execute(
                "DELETE FROM expected WHERE model = ? AND (feature IS ? OR until < ?)",
                (model, feature, self.now() - RETENTION),
            )
            if until > since:
                self._db.execute("INSERT INTO expected VALUES (?, ?, ?, ?, ?)", (model, feature, since, until, note))

    def expected(self, model: str) -> list[Expectation]:
        """See Store."""
        rows = self._db.rows(
            "SELECT feature, since, until, note FROM expected WHERE model = ? AND until >= ? ORDER BY feature",
            *(model, self.now() - RETENTION),
        )
        return [Expectation(*row) for row in rows]

    def notified(self, model: str, key: str) -> bool:
        """See Store."""
        oldest = self.now() - RETENTION
        if self._db.rows("SELECT 1 FROM notified WHERE model = ? AND key = ? AND at >= ?", model, key, oldest):
            return False  # most callers are not the first: they need not wait for writers
        with self._db.writing():
            self.model(model)
            self._db.execute("DELETE FROM notified WHERE model = ? AND at < ?", (model, oldest))
            inserted = self._db.execute("INSERT OR IGNORE INTO notified VALUES (?, ?, ?)", (model, key, self.now()))
        return inserted.rowcount == 1

    def lease(self, model: str, owner: str, length: Milliseconds) -> bool:
        """See Store."""
        with self._db.writing():
            self.model(model)
            now = self.now()
            inserted = self._db.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT (model) DO UPDATE SET owner = excluded.owner,"
                " until = excluded.until WHERE owner = excluded.owner OR until NOT BETWEEN ? AND ?",
                (model, owner, now + length, now + 1, now + LONGEST_LEASE),
            )
        return inserted.rowcount == 1

    def heartbeat(self, owner: str, length: Milliseconds) -> list[str]:
        """See Store."""
        with self._db.writing():
            now = self.now()
            self._db.execute("DELETE FROM replicas WHERE until NOT BETWEEN ? AND ?", (now + 1, now + LONGEST_LEASE))
            self._db.execute("INSERT OR REPLACE INTO replicas VALUES ('', ?, ?)", (owner, now + length))
            rows = self._db.rows("SELECT owner FROM replicas ORDER BY owner")
        return [name for (name,) in rows]

    def close(self) -> None:
        """See Store."""
        self._db.close()


def _between(
    model: str, digest: str, start: Milliseconds, end: Milliseconds
) -> tuple[str, str, int, int, Milliseconds, Milliseconds]:
    """Return the values of _KEPT_BETWEEN."""
    return model, digest, start // HISTORY_STEP, end // HISTORY_STEP, start, end


def _record(row: tuple[Any, ...], now: Milliseconds) -> ModelRecord:
    model, digest, pane, lateness, frozen, newest, settings, folded, owner, until, halted = row
    holder = owner if owner is not None and now < until <= now + LONGEST_LEASE else None
    returned = max(0, halted - lateness)
    timing = Timing(pane, lateness)
    return ModelRecord(model, digest, timing, frozen, newest or digest, settings, folded or 0, holder, returned)

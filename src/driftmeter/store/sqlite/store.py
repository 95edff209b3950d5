"""The embedded store: SQLite in one file that several processes of one host share, or in memory.

Acknowledged means committed: WAL with synchronous=FULL.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from driftmeter.counts.summary import Summary
from driftmeter.errors import UnknownModelError, UnknownProfileError
from driftmeter.panes.codec import decode_counts, encode_counts
from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import RETENTION, merge, merges_due
from driftmeter.panes.rollover import Rollover
from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import SOURCE_IDLE, live_after, next_watermark, pulse
from driftmeter.panes.windows import WindowSetting, joined_by_end
from driftmeter.store.records import HISTORY_STEP, LONGEST_LEASE, Fold, ModelRecord, Progress, Receipt, Write
from driftmeter.store.sqlite.database import Database
from driftmeter.store.sqlite.transaction import Transaction, read_account, unpack
from driftmeter.timestamps import DAY
from driftmeter.types import Clock, Milliseconds
from driftmeter.verdict.expectation import Expectation

_MODELS = (
    "SELECT model, digest, pane, lateness, frozen, newest, body, folded, owner, until, halted"
    " FROM models"
    " LEFT JOIN settings USING (model) LEFT JOIN rollovers USING (model) LEFT JOIN leases USING (model)"
    " LEFT JOIN progress USING (model, digest)"
)
_EXPIRE_EVERY: Milliseconds = 60_000
_SWEEP_EVERY: Milliseconds = 3_600_000
_CHUNK = 500
"""About so many open panes are closed in one transaction, so that no writer waits long."""
_OF_ROWS = {"panes": "", "sealed": " AND frozen > 0", "slices": "", "verdicts": ""}
"""Where a profile that anything was counted by has left a trace."""
_BALLAST = 16_384
"""Bytes that a ping takes: more than a page, so that it fails where a file cannot grow."""


def host_clock() -> Milliseconds:
    """Return this host's time."""
    return time.time_ns() // 1_000_000


class SQLiteStore:
    """A Store in a SQLite file, or in memory where `path` is None."""

    def __init__(self, path: str | Path | None, *, clock: Clock = host_clock) -> None:
        """Open or create the file; raises StoreUnavailableError where that fails, StoreError on another version."""
        self._clock = clock
        self._expired = self._swept = 0
        self._db = Database(path)

    def now(self) -> Milliseconds:
        """Return the host's time, which all processes that share the file share."""
        return self._clock()

    def ping(self) -> None:
        """See Store."""
        with self._db.writing():
            self._db.execute("INSERT OR REPLACE INTO pings VALUES ('', zeroblob(?))", (_BALLAST,))
            self._db.execute("DELETE FROM pings")

    # --- models and profiles

    def register(self, model: str, digest: str, profile: bytes, timing: Timing, *, again: bool = True) -> None:
        """See Store."""
        now = self.now()
        with self._db.writing():
            before = self._standing(model)
            if not again and before is not None and digest != before.newest and digest in self.digests(model):
                self._use(model, now, digest)
                return
            standing = Rollover(digest, digest)
            if before is not None:
                standing = before.registered(digest, idle=not self._has_rows(model, before.active))
            used = {digest, *((before.active, before.newest) if before is not None else ())}
            self._db.execute(
                "INSERT INTO profiles VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
                (model, digest, zlib.compress(profile), now),
            )
            for each in used:
                self._use(model, now, each)
            self._db.execute(
                "INSERT INTO models VALUES (?, ?, ?, ?, 0, ?, 0) ON CONFLICT (model) DO UPDATE"
                " SET digest = excluded.digest, pane = excluded.pane, lateness = excluded.lateness",
                (model, standing.active, timing.pane, timing.lateness, now),
            )
            self._set_standing(model, standing)

    def _standing(self, model: str) -> Rollover | None:
        rows = self._db.rows(
            "SELECT digest, coalesce(newest, digest), coalesce(leader, ''), coalesce(streak, 0) FROM models"
            " LEFT JOIN rollovers USING (model) WHERE model = ?",
            model,
        )
        return Rollover(*rows[0]) if rows else None

    def _set_standing(self, model: str, standing: Rollover) -> None:
        self._db.execute(
            "UPDATE profiles SET used = ? WHERE model = ? AND digest IN (?, (SELECT digest FROM models"
            " WHERE model = ?)) AND NOT EXISTS (SELECT 1 FROM models WHERE model = ? AND digest = ?)",
            # numbered placeholders with a sequence are deprecated in Python 3.12.0 and 3.12.1
            (self.now(), model, standing.active, model, model, standing.active),
        )
        self._db.execute("UPDATE models SET digest = ? WHERE model = ?", (standing.active, model))
        self._db.execute(
            "INSERT OR REPLACE INTO rollovers VALUES (?, ?, ?, ?)",
            (model, standing.newest, standing.leader, standing.streak),
        )

    def _use(self, model: str, now: Milliseconds, digest: str) -> None:
        self._db.execute("UPDATE profiles SET used = ? WHERE model = ? AND digest = ?", (now, model, digest))

    def _has_rows(self, model: str, digest: str) -> bool:
        return any(
            self._db.rows(f"SELECT 1 FROM {table} WHERE model = ? AND digest = ?{some} LIMIT 1", model, digest)
            for table, some in _OF_ROWS.items()
        )

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
        rows = self._db.rows("SELECT digest FROM profiles WHERE model = ? ORDER BY at, digest", model)
        return [digest for (digest,) in rows]

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

    # --- writes

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        """See Store."""
        with self._db.writing():
            batch = Transaction(self._db, self.now())
            receipts = [batch.write(write) for write in writes]
            batch.finish()
            self._expire()
        return receipts

    def _expire(self) -> None:
        now = self.now()
        if 0 <= now - self._expired < _EXPIRE_EVERY:
            return
        self._expired = now
        for table in ("sealed", "keys", "sources"):
            self._db.execute(f"DELETE FROM {table} WHERE at < ?", (now - DAY,))
        if not 0 <= now - self._swept < _SWEEP_EVERY:
            self._swept = now
            self._sweep(now - RETENTION)

    def _sweep(self, unused: Milliseconds) -> None:
        """Drop what is too old of profiles that are no longer active, and at last the profiles themselves.

        What belongs to an active profile is dropped as it is folded, by event time alone.
        """
        retired = self._db.rows(
            "SELECT model, profiles.digest, frozen, used FROM profiles JOIN models USING (model)"
            " LEFT JOIN rollovers USING (model)"
            " WHERE profiles.digest NOT IN (models.digest, coalesce(newest, models.digest))"
        )
        for model, digest, frozen, used in retired:
            key = (model, digest)
            folded = self.progress(model, digest).folded
            oldest = frozen - RETENTION
            self._db.execute(
                "DELETE FROM slices WHERE model = ? AND digest = ? AND end < ?", (*key, min(oldest, folded + 1))
            )
            self._db.execute("DELETE FROM verdicts WHERE model = ? AND digest = ? AND at < ?", (*key, oldest))
            if used < unused and not self._has_rows(*key):
                for table in ("progress", "profiles"):
                    self._db.execute(f"DELETE FROM {table} WHERE model = ? AND digest = ?", key)

    # --- closing and folding

    def freeze(self, model: str) -> Milliseconds:
        """See Store."""
        record = self.model(model)
        now = self.now()
        beat, halted = self._pulse(record, now)
        # close to the last beat with nothing to close there is nothing to write
        if 0 <= now - beat < record.timing.lateness // 4 and not self._closable(record, now, halted):
            return record.frozen
        while True:
            with self._db.writing():
                record = self.model(model)
                _, halted = self._pulse(record, now)
                self._db.execute("UPDATE models SET beat = ?, halted = ? WHERE model = ?", (now, halted, model))
                mark = self._watermark(record, now, halted)
                end = self._close(record, mark, now)
            if end == mark:
                return mark

    def _pulse(self, record: ModelRecord, now: Milliseconds) -> tuple[Milliseconds, Milliseconds]:
        rows = self._db.rows("SELECT beat, halted FROM models WHERE model = ?", record.model)
        ((beat, halted),) = rows or ((now, 0),)
        return pulse(now, beat, halted, record.timing.lateness)

    def _watermark(self, record: ModelRecord, now: Milliseconds, halted: Milliseconds) -> Milliseconds:
        rows = self._db.rows("SELECT watermark, max(at) FROM sources WHERE model = ? GROUP BY watermark", record.model)
        since = live_after(now, record.timing)
        live = any(mark is None and at > since for mark, at in rows)
        logs = [mark for mark, at in rows if mark is not None and at > now - SOURCE_IDLE]
        return next_watermark(now, record.timing, record.frozen, live, logs, halted)

    def _closable(self, record: ModelRecord, now: Milliseconds, halted: Milliseconds) -> bool:
        mark = self._watermark(record, now, halted)
        return bool(
            self._db.rows("SELECT 1 FROM panes WHERE model = ? AND start + length <= ? LIMIT 1", record.model, mark)
        )

    def _close(self, record: ModelRecord, mark: Milliseconds, now: Milliseconds) -> Milliseconds:
        """Freeze within the open transaction: sum the panes that end by the watermark over their sources.

        Where there are very many it closes the first of them, and returns by when they end.
        """
        rows = self._db.rows(
            "SELECT start + length FROM panes WHERE model = ? AND start + length <= ?"
            " ORDER BY start + length LIMIT 1 OFFSET ?",
            *(record.model, mark, _CHUNK - 1),
        )
        end: Milliseconds = max(record.frozen, rows[0][0]) if rows else mark
        self._db.execute("UPDATE models SET frozen = ? WHERE model = ?", (end, record.model))
        ending = (record.model, end)
        rows = self._db.rows(
            "SELECT digest, start, length, rows, counts FROM panes WHERE model = ? AND start + length <= ?"
            " ORDER BY start + length, digest, start, length",
            *ending,
        )
        standing = before = self._standing(record.model)
        assert standing is not None
        for _, ended in groupby(rows, key=lambda row: row[1] + row[2]):
            held: dict[str, int] = {}
            for (digest, start, length), group in groupby(ended, key=lambda row: row[:3]):
                parts = [Summary(row[3], unpack(row[4])) for row in group]
                total = Summary.sum(parts, parts[0].counts.size)
                held[digest] = held.get(digest, 0) + total.rows
                if total.rows:
                    self._insert_slice(record.model, digest, Slice(start, length, total))
            standing = standing.closed(held)
        if standing != before:
            self._set_standing(record.model, standing)
        self._db.execute(
            "INSERT INTO sealed SELECT model, digest, start, length, source, sequence, rows, rows, ?"
            " FROM panes WHERE model = ? AND start + length <= ?",
            (now, *ending),
        )
        self._db.execute("DELETE FROM panes WHERE model = ? AND start + length <= ?", ending)
        return end

    def _insert_slice(self, model: str, digest: str, each: Slice) -> None:
        summary = each.summary
        # one of the same time is there already where a model's panes were once longer
        rows = self._db.rows(
            "SELECT end, start, rows, bins, counts FROM slices"
            " WHERE model = ? AND digest = ? AND end = ? AND start = ?",
            *(model, digest, each.end, each.start),
        )
        for row in rows:
            summary += _slice(row).summary
        self._db.execute(
            "INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?, ?, ?)",
            (model, digest, each.end, each.start, summary.rows, summary.counts.size, encode_counts(summary.counts)),
        )

    def pending(self, model: str) -> list[str]:
        """See Store."""
        rows = self._db.rows(
            "SELECT digest FROM profiles AS p WHERE model = ? AND EXISTS"
            " (SELECT 1 FROM slices AS s WHERE s.model = p.model AND s.digest = p.digest AND s.end > coalesce("
            "(SELECT folded FROM progress AS f WHERE f.model = p.model AND f.digest = p.digest), 0))"
            " ORDER BY at, digest",
            model,
        )
        return [digest for (digest,) in rows]

    def progress(self, model: str, digest: str) -> Progress:
        """See Store."""
        rows = self._db.rows("SELECT folded, state FROM progress WHERE model = ? AND digest = ?", model, digest)
        return Progress(rows[0][0], zlib.decompress(rows[0][1])) if rows else Progress()

    def unfolded(self, model: str, digest: str, limit: int = 1000) -> list[Slice]:
        """See Store."""
        with (
            self._db.reading() as connection,
            closing(
                connection.execute(
                    "SELECT end, start, rows, bins, counts FROM slices WHERE model = ? AND digest = ? AND end >"
                    " coalesce((SELECT folded FROM progress WHERE model = ? AND digest = ?), 0) ORDER BY end, start",
                    (model, digest, model, digest),
                )
            ) as cursor,
        ):
            return list(islice(joined_by_end(map(_slice, cursor)), limit))

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """See Store."""
        slices: list[Slice] = []
        rows = 0
        with (
            self._db.reading() as connection,
            closing(
                connection.execute(
                    "SELECT end, start, rows, bins, counts FROM slices WHERE model = ? AND digest = ? AND end <= ?"
                    " ORDER BY end DESC, start DESC",
                    (model, digest, end),
                )
            ) as cursor,
        ):
            for row in cursor:
                each = _slice(row)
                slices.append(each)
                rows += each.summary.rows
                if window.reached(rows, each.start, end):
                    break
        return slices[::-1]

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """See Store."""
        key = (model, digest)
        with self._db.writing():
            if self.progress(model, digest).folded != expected:
                return False
            self._db.execute(
                "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?)",
                (*key, step.progress.folded, zlib.compress(step.progress.state)),
            )
            self._db.execute(
                "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)",
                (*key, step.at // HISTORY_STEP, step.at, zlib.compress(step.verdict)),
            )
            for before, length in merges_due(expected, step.progress.folded):
                self._merge(model, digest, before, length)
                oldest = step.progress.folded - RETENTION
                self._db.execute("DELETE FROM slices WHERE model = ? AND digest = ? AND end < ?", (*key, oldest))
                self._db.execute("DELETE FROM verdicts WHERE model = ? AND digest = ? AND at < ?", (*key, oldest))
        return True

    def _merge(self, model: str, digest: str, before: Milliseconds, length: Milliseconds) -> None:
        condition = " WHERE model = ? AND digest = ? AND start < ? AND end - start < ?"
        values = (model, digest, before, length)
        rows = self._db.rows(f"SELECT end, start, rows, bins, counts FROM slices{condition}", *values)
        self._db.execute(f"DELETE FROM slices{condition}", values)
        for each in merge(map(_slice, rows), length):
            self._insert_slice(model, digest, each)
        self._db.execute(
            "DELETE FROM verdicts WHERE model = ? AND digest = ? AND at < ? AND at NOT IN"
            " (SELECT max(at) FROM verdicts WHERE model = ? AND digest = ? AND at < ? GROUP BY at / ?)",
            (*values[:3], *values),
        )

    # --- reading

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
        rows = self._db.rows(
            "SELECT at, body FROM verdicts WHERE model = ? AND digest = ? AND at BETWEEN ? AND ? ORDER BY at",
            *(model, digest, start, end),
        )
        return [(at, zlib.decompress(body)) for at, body in rows]

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
            return False  # most come late: they need not wait for writers
        with self._db.writing():
            self.model(model)
            self._db.execute("DELETE FROM notified WHERE model = ? AND at < ?", (model, oldest))
            made = self._db.execute("INSERT OR IGNORE INTO notified VALUES (?, ?, ?)", (model, key, self.now()))
        return made.rowcount == 1

    def lease(self, model: str, owner: str, length: Milliseconds) -> bool:
        """See Store."""
        with self._db.writing():
            self.model(model)
            now = self.now()
            made = self._db.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT (model) DO UPDATE SET owner = excluded.owner,"
                " until = excluded.until WHERE owner = excluded.owner OR until NOT BETWEEN ? AND ?",
                (model, owner, now + length, now + 1, now + LONGEST_LEASE),
            )
        return made.rowcount == 1

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


def _record(row: tuple[Any, ...], now: Milliseconds) -> ModelRecord:
    model, digest, pane, lateness, frozen, newest, settings, folded, owner, until, halted = row
    holder = owner if owner is not None and now < until <= now + LONGEST_LEASE else None
    returned = max(0, halted - lateness)
    timing = Timing(pane, lateness)
    return ModelRecord(model, digest, timing, frozen, newest or digest, settings, folded or 0, holder, returned)


def _slice(row: tuple[int, int, int, int, bytes]) -> Slice:
    end, start, rows, bins, counts = row
    return Slice(start, end - start, Summary(rows, decode_counts(counts, bins)))

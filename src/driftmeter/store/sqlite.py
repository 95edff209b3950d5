"""The embedded store: SQLite in one file that several processes of one host share, or in memory.

Acknowledged means committed: WAL with synchronous=FULL. Writers queue for a file lock, since SQLite's own
busy handler sleeps and guesses, and under load lets the same process win again and again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from driftmeter.codec import decode_counts, encode_counts
from driftmeter.errors import StoreError, StoreUnavailableError, UnknownModelError, UnknownProfileError
from driftmeter.panes import (
    DAY,
    RETENTION,
    SOURCE_IDLE,
    Pane,
    Slice,
    Timing,
    Totals,
    WindowSetting,
    due,
    merge,
    next_watermark,
)
from driftmeter.store.protocol import (
    AddRows,
    Fold,
    ModelRecord,
    Progress,
    Receipt,
    SourceRecord,
    Write,
)
from driftmeter.store.schema import HISTORY_STEP, SCHEMA, VERSION
from driftmeter.summary import Summary
from driftmeter.types import Clock, Counts, Milliseconds

try:
    import fcntl
except ImportError:  # not on Windows: there SQLite's busy timeout alone decides who writes
    fcntl = None  # type: ignore[assignment]

_EXPIRE_EVERY: Milliseconds = 60_000
_SHORTEST_ABSENCE: Milliseconds = 1_000


def host_clock() -> Milliseconds:
    """Return this host's time."""
    return time.time_ns() // 1_000_000


class SQLiteStore:
    """A Store in a SQLite file, or in memory where `path` is None."""

    def __init__(self, path: str | Path | None, *, clock: Clock = host_clock) -> None:
        """Open or create the file; raises StoreUnavailableError where that fails, StoreError on another version."""
        self._clock = clock
        self._lock = threading.RLock()
        self._expired = 0
        self._path = None if path is None else str(path)
        self._queue = None
        self._writer = 0
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        try:
            if path is not None:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                if fcntl is not None:
                    self._queue = Path(f"{path}-lock").open("w")  # noqa: SIM115 - held until close
            self._db = self._connect()
            self._prepare()
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreUnavailableError(f"cannot open the store {path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{path} is no driftmeter store: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        name = ":memory:" if self._path is None else self._path
        return sqlite3.connect(name, isolation_level=None, check_same_thread=False, timeout=10.0)

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        with self._writing():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in SCHEMA:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise StoreError(f"{self._path}: expected a store of version {VERSION}, got version {version}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the write lock of all processes for one transaction."""
        with self._lock:
            if self._queue is not None:
                fcntl.flock(self._queue, fcntl.LOCK_EX)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._writer = threading.get_ident()
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.OperationalError as error:
                raise StoreUnavailableError(f"the store cannot be written now: {error}") from error
            except sqlite3.ProgrammingError as error:
                raise StoreUnavailableError("the store is closed") from error
            finally:
                self._writer = 0
                if self._queue is not None and not self._queue.closed:
                    fcntl.flock(self._queue, fcntl.LOCK_UN)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to read with: within a transaction its own, else one that never waits for writers."""
        if self._path is None or self._writer == threading.get_ident():
            with self._lock, _readable():
                yield self._db
            return
        with _readable():
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
                self._readers.append(connection)
            yield connection

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._reading() as connection:
            return connection.execute(query, values).fetchall()

    def now(self) -> Milliseconds:
        """Return the host's time, which all processes that share the file share."""
        return self._clock()

    # --- models and profiles

    def register(self, model: str, digest: str, profile: bytes, timing: Timing) -> None:
        """Keep a profile and make it the model's active one; the same one again changes only the timing."""
        now = self.now()
        with self._writing():
            self._db.execute(
                "INSERT INTO profiles VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (model, digest, zlib.compress(profile), now),
            )
            self._db.execute(
                "INSERT INTO models VALUES (?, ?, ?, ?, 0, ?, 0) ON CONFLICT (model) DO UPDATE"
                " SET digest = excluded.digest, pane = excluded.pane, lateness = excluded.lateness",
                (model, digest, timing.pane, timing.lateness, now),
            )

    def models(self) -> list[ModelRecord]:
        """Return all models, by name."""
        rows = self._rows("SELECT model, digest, pane, lateness, frozen FROM models ORDER BY model")
        return [ModelRecord(model, digest, Timing(pane, late), frozen) for model, digest, pane, late, frozen in rows]

    def model(self, model: str) -> ModelRecord:
        """Return one model."""
        rows = self._rows("SELECT digest, pane, lateness, frozen FROM models WHERE model = ?", model)
        if not rows:
            raise UnknownModelError(model, tuple(record.model for record in self.models()))
        digest, pane, lateness, frozen = rows[0]
        return ModelRecord(model, digest, Timing(pane, lateness), frozen)

    def digests(self, model: str) -> list[str]:
        """Return the digests of the model's profiles, oldest first."""
        rows = self._rows("SELECT digest FROM profiles WHERE model = ? ORDER BY at, digest", model)
        return [digest for (digest,) in rows]

    def profile(self, model: str, digest: str) -> bytes:
        """Return a profile as it was registered."""
        rows = self._rows("SELECT body FROM profiles WHERE model = ? AND digest = ?", model, digest)
        if not rows:
            self.model(model)
            raise UnknownProfileError(model, digest, tuple(self.digests(model)))
        return zlib.decompress(rows[0][0])

    def delete(self, model: str) -> None:
        """Forget a model and all that belongs to it."""
        self.model(model)
        tables = self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        with self._writing():
            for (table,) in tables:
                self._db.execute(f"DELETE FROM {table} WHERE model = ?", (model,))

    # --- writes

    def commit(self, writes: Sequence[Write]) -> list[Receipt | Exception]:
        """Make all the writes durable in one transaction; a write that can't be made has its error instead."""
        with self._writing():
            batch = _Batch(self._db, self.now())
            receipts = [batch.write(write) for write in writes]
            batch.finish()
            self._expire()
        return receipts

    def _expire(self) -> None:
        now = self.now()
        if now - self._expired < _EXPIRE_EVERY:
            return
        self._expired = now
        for table in ("sealed", "keys", "sources"):
            self._db.execute(f"DELETE FROM {table} WHERE at < ?", (now - DAY,))

    # --- closing and folding

    def freeze(self, model: str) -> Milliseconds:
        """Advance the model's watermark, close what ends by then, and return it."""
        record = self.model(model)
        now = self.now()
        ((beat, halted),) = self._rows("SELECT beat, halted FROM models WHERE model = ?", model) or ((now, 0),)
        # silence for longer than the lateness: nobody could write, so the sources have catching up to do
        if now - beat > max(record.timing.lateness, _SHORTEST_ABSENCE):
            halted = now + record.timing.lateness
        elif now - beat < record.timing.lateness // 4 and not self._closable(record, now, halted):
            return record.frozen
        with self._writing():
            self._db.execute(
                "UPDATE models SET beat = ?, halted = max(halted, ?) WHERE model = ?", (now, halted, model)
            )
            return self._close(record, now)

    def _watermark(self, record: ModelRecord, now: Milliseconds, halted: Milliseconds) -> Milliseconds:
        rows = self._rows(
            "SELECT DISTINCT watermark FROM sources WHERE model = ? AND at > ?", record.model, now - SOURCE_IDLE
        )
        marks = {mark for (mark,) in rows}
        return next_watermark(now, record.timing, record.frozen, None in marks, marks - {None}, halted)

    def _closable(self, record: ModelRecord, now: Milliseconds, halted: Milliseconds) -> bool:
        mark = self._watermark(record, now, halted)
        return bool(
            self._rows("SELECT 1 FROM panes WHERE model = ? AND start + length <= ? LIMIT 1", record.model, mark)
        )

    def _close(self, stale: ModelRecord, now: Milliseconds) -> Milliseconds:
        """Freeze within the open transaction: sum the panes that end by the watermark over their sources."""
        record = self.model(stale.model)
        ((halted,),) = self._rows("SELECT halted FROM models WHERE model = ?", record.model)
        mark = self._watermark(record, now, halted)
        self._db.execute("UPDATE models SET frozen = ? WHERE model = ?", (mark, record.model))
        ending = (record.model, mark)
        rows = self._rows(
            "SELECT digest, start, length, rows, counts FROM panes WHERE model = ? AND start + length <= ?"
            " ORDER BY digest, start, length",
            *ending,
        )
        for (digest, start, length), group in groupby(rows, key=lambda row: row[:3]):
            parts = [Summary(row[3], _unpack(row[4])) for row in group]
            total = Summary.sum(parts, parts[0].counts.size)
            if total.rows:
                self._insert_slice(record.model, digest, Slice(start, length, total))
        self._db.execute(
            "INSERT INTO sealed SELECT model, digest, start, length, source, sequence, rows, rows, ?"
            " FROM panes WHERE model = ? AND start + length <= ?",
            (now, *ending),
        )
        self._db.execute("DELETE FROM panes WHERE model = ? AND start + length <= ?", ending)
        return mark

    def _insert_slice(self, model: str, digest: str, each: Slice) -> None:
        counts = each.summary.counts
        self._db.execute(
            "INSERT INTO slices VALUES (?, ?, ?, ?, ?, ?, ?)",
            (model, digest, each.end, each.start, each.summary.rows, counts.size, encode_counts(counts)),
        )

    def progress(self, model: str, digest: str) -> Progress:
        """Return how far the fold is."""
        rows = self._rows("SELECT folded, state FROM progress WHERE model = ? AND digest = ?", model, digest)
        return Progress(rows[0][0], zlib.decompress(rows[0][1])) if rows else Progress()

    def unfolded(self, model: str, digest: str, limit: int = 1000) -> list[Slice]:
        """Return the frozen slices that are not folded yet, ascending; those that end together come as one."""
        rows = self._rows(
            "SELECT end, start, rows, bins, counts FROM slices WHERE model = ? AND digest = ? AND end >"
            " coalesce((SELECT folded FROM progress WHERE model = ? AND digest = ?), 0) ORDER BY end, start",
            *(model, digest, model, digest),
        )
        slices = []
        for end, group in groupby(rows, key=lambda row: row[0]):
            parts = list(map(_slice, group))
            start = min(part.start for part in parts)
            total = Summary.sum((part.summary for part in parts), parts[0].summary.counts.size)
            slices.append(Slice(start, end - start, total))
            if len(slices) == limit:
                break
        return slices

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """Return the frozen slices that end by `end` and reach back far enough for the window, ascending."""
        slices: list[Slice] = []
        rows = 0
        with self._reading() as connection:
            cursor = connection.execute(
                "SELECT end, start, rows, bins, counts FROM slices WHERE model = ? AND digest = ? AND end <= ?"
                " ORDER BY end DESC, start DESC",
                (model, digest, end),
            )
            for row in cursor:
                each = _slice(row)
                slices.append(each)
                rows += each.summary.rows
                if window.reached(rows, each.start, end):
                    break
            cursor.close()
        return slices[::-1]

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """Record a fold if the progress still is `expected`; merge and drop old slices as `panes` says."""
        key = (model, digest)
        with self._writing():
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
            for before, length in due(expected, step.progress.folded):
                self._merge(model, digest, before, length)
                oldest = step.progress.folded - RETENTION
                self._db.execute("DELETE FROM slices WHERE model = ? AND digest = ? AND end < ?", (*key, oldest))
                self._db.execute("DELETE FROM verdicts WHERE model = ? AND digest = ? AND at < ?", (*key, oldest))
        return True

    def _merge(self, model: str, digest: str, before: Milliseconds, length: Milliseconds) -> None:
        condition = " WHERE model = ? AND digest = ? AND start < ? AND end - start < ?"
        values = (model, digest, before, length)
        rows = self._rows(f"SELECT end, start, rows, bins, counts FROM slices{condition}", *values)
        self._db.execute(f"DELETE FROM slices{condition}", values)
        for each in merge(map(_slice, rows), length):
            self._insert_slice(model, digest, each)
        self._db.execute(
            "DELETE FROM verdicts WHERE model = ?1 AND digest = ?2 AND at < ?3 AND at NOT IN"
            " (SELECT max(at) FROM verdicts WHERE model = ?1 AND digest = ?2 AND at < ?3 GROUP BY at / ?4)",
            values,
        )

    # --- reading

    def verdict(self, model: str, digest: str) -> bytes | None:
        """Return the newest verdict, or None before the first."""
        rows = self._rows(
            "SELECT body FROM verdicts WHERE model = ? AND digest = ? ORDER BY bucket DESC LIMIT 1", model, digest
        )
        return zlib.decompress(rows[0][0]) if rows else None

    def history(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the verdicts kept for times from `start` to `end`."""
        rows = self._rows(
            "SELECT at, body FROM verdicts WHERE model = ? AND digest = ? AND at BETWEEN ? AND ? ORDER BY at",
            *(model, digest, start, end),
        )
        return [(at, zlib.decompress(body)) for at, body in rows]

    def sources(self, model: str) -> list[SourceRecord]:
        """Return the sources heard of in the last day, by name."""
        rows = self._rows(
            "SELECT source, totals, late, at FROM sources WHERE model = ? AND at >= ? ORDER BY source",
            *(model, self.now() - DAY),
        )
        return [SourceRecord(name, Totals.from_json(json.loads(totals)), late, at) for name, totals, late, at in rows]

    def acknowledge(self, model: str, incident: str, at: Milliseconds, note: str) -> None:
        """Remember that somebody has seen an incident; the first to say so is kept."""
        self.model(model)
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO acknowledged VALUES (?, ?, ?, ?)", (model, incident, at, note))

    def acknowledged(self, model: str) -> dict[str, tuple[Milliseconds, str]]:
        """Return when each incident was acknowledged, and with which note."""
        rows = self._rows("SELECT incident, at, note FROM acknowledged WHERE model = ?", model)
        return {incident: (at, note) for incident, at, note in rows}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            for connection in (*self._readers, self._db):
                connection.close()
            if self._queue is not None:
                self._queue.close()


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnavailableError(f"the store cannot be read now: {error}") from error
    except sqlite3.ProgrammingError as error:
        raise StoreUnavailableError("the store is closed") from error


class _Batch:
    """The writes of one transaction. What many of them touch is read once and written once, at the end."""

    def __init__(self, db: sqlite3.Connection, now: Milliseconds) -> None:
        self._db, self._now = db, now
        self._frozen: dict[str, Milliseconds] = {}
        self._timings: dict[str, Milliseconds] = {}
        self._known: set[tuple[str, str]] = set()
        self._added: dict[tuple[str, str, Milliseconds, Milliseconds, str], list[Summary]] = {}
        self._sources: dict[tuple[str, str], tuple[Totals, int, Milliseconds | None]] = {}

    def write(self, write: Write) -> Receipt | Exception:
        try:
            digest = write.digest if isinstance(write, AddRows) else write.pane.digest
            self._check(write.model, digest)
        except (UnknownModelError, UnknownProfileError) as error:
            return error
        return self._add(write) if isinstance(write, AddRows) else self._put(write.model, write.pane)

    def _check(self, model: str, digest: str) -> None:
        if (model, digest) in self._known:
            return
        found = self._db.execute("SELECT frozen, pane FROM models WHERE model = ?", (model,)).fetchone()
        if found is None:
            names = self._db.execute("SELECT model FROM models").fetchall()
            raise UnknownModelError(model, tuple(name for (name,) in names))
        digests = self._db.execute("SELECT digest FROM profiles WHERE model = ? ORDER BY at", (model,)).fetchall()
        if (digest,) not in digests:
            raise UnknownProfileError(model, digest, tuple(each for (each,) in digests))
        self._frozen[model], self._timings[model] = found
        self._known.add((model, digest))

    def _put(self, model: str, pane: Pane) -> Receipt:
        key = (model, pane.digest, pane.start, pane.length, pane.source)
        rows = pane.summary.rows
        late = new_late = 0
        where = " WHERE model = ? AND digest = ? AND start = ? AND length = ? AND source = ?"
        if pane.end <= self._frozen[model]:
            found = self._db.execute(f"SELECT sequence, frozen, rows FROM sealed{where}", key).fetchone()
            sequence, frozen, before = found or (-1, 0, 0)
            late, new_late = max(0, rows - frozen), max(0, rows - before)
            if pane.sequence > sequence:
                self._db.execute(
                    "INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, pane.sequence, frozen, rows, self._now),
                )
            else:
                new_late = 0
            duplicate = pane.sequence <= sequence
        else:
            found = self._db.execute(f"SELECT sequence FROM panes{where}", key).fetchone()
            duplicate = found is not None and pane.sequence <= found[0]
            if not duplicate:
                self._db.execute(
                    "INSERT OR REPLACE INTO panes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*key, pane.sequence, rows, _pack(pane.summary.counts)),
                )
        totals, late_before, mark = self._source(model, pane.source)
        newer = pane.totals if pane.totals.observed >= totals.observed else totals
        self._sources[model, pane.source] = (newer, late_before + new_late, _later(mark, pane.watermark))
        return Receipt(late, duplicate)

    def _add(self, write: AddRows) -> Receipt:
        model = write.model
        late = 0
        if write.key is not None:
            found = self._db.execute(
                "SELECT fingerprint, late FROM keys WHERE model = ? AND key = ?", (model, write.key)
            ).fetchone()
            if found is not None:
                same = found[0] == write.fingerprint
                return Receipt(found[1] if same else 0, duplicate=same, conflict=not same)
        length = self._timings[model]
        for start, summary in write.parts:
            if start + length <= self._frozen[model]:
                late += summary.rows
            elif summary.rows:
                self._added.setdefault((model, write.digest, start, length, write.source), []).append(summary)
        if write.key is not None:
            self._db.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?)", (model, write.key, write.fingerprint, late, self._now)
            )
        totals, late_before, mark = self._source(model, write.source)
        self._sources[model, write.source] = (totals + write.totals, late_before + late, _later(mark, write.watermark))
        return Receipt(late)

    def _source(self, model: str, source: str) -> tuple[Totals, int, Milliseconds | None]:
        found = self._sources.get((model, source))
        if found is None:
            row = self._db.execute(
                "SELECT totals, late, watermark FROM sources WHERE model = ? AND source = ?", (model, source)
            ).fetchone()
            found = (Totals.from_json(json.loads(row[0])), row[1], row[2]) if row else (Totals(), 0, None)
        return found

    def finish(self) -> None:
        for key, summaries in self._added.items():
            found = self._db.execute(
                "SELECT sequence, rows, counts FROM panes"
                " WHERE model = ? AND digest = ? AND start = ? AND length = ? AND source = ?",
                key,
            ).fetchone()
            sequence = 0
            if found is not None:
                sequence = found[0] + 1
                summaries.append(Summary(found[1], _unpack(found[2])))
            total = Summary.sum(summaries, summaries[0].counts.size)
            self._db.execute(
                "INSERT OR REPLACE INTO panes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, sequence, total.rows, _pack(total.counts)),
            )
        for (model, source), (totals, late, mark) in self._sources.items():
            self._db.execute(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?)",
                (model, source, json.dumps(totals.to_json()), late, mark, self._now),
            )


def _later(one: Milliseconds | None, other: Milliseconds | None) -> Milliseconds | None:
    return other if one is None else one if other is None else max(one, other)


def _pack(counts: Counts) -> bytes:
    """Open panes change many times a second: not worth compressing."""
    return counts.astype("<i8", copy=False).tobytes()


def _unpack(data: bytes) -> Counts:
    return np.frombuffer(data, dtype="<i8").astype(np.int64)


def _slice(row: tuple[int, int, int, int, bytes]) -> Slice:
    end, start, rows, bins, counts = row
    return Slice(start, end - start, Summary(rows, decode_counts(counts, bins)))

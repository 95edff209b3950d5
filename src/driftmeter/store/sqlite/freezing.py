"""Freezing and closing of panes in SQLite: both in one transaction, so `frozen` is the only watermark.

    open ──freeze──► sealed, and part of a slice ──fold──► folded
         end ≤ frozen                        end ≤ progress.folded

`beat` and `halted` are as in the store in Redis: store/redis/freezing.py has the picture.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from driftmeter.counts.summary import Summary
from driftmeter.panes.codec import decode_texts
from driftmeter.panes.pane import Slice
from driftmeter.panes.watermark import SOURCE_IDLE, after_round, live_after, next_watermark
from driftmeter.store.records import ModelRecord
from driftmeter.store.sqlite.database import Database
from driftmeter.store.sqlite.profiles import ProfileTables
from driftmeter.store.sqlite.slices import SliceTables
from driftmeter.store.sqlite.transaction import unpack
from driftmeter.types import Milliseconds

_CHUNK = 500
"""About how many open panes are closed in one transaction, so that no writer waits long."""


class SQLiteFreezing:
    """Freezes and closes panes."""

    def __init__(self, db: Database, profiles: ProfileTables, slices: SliceTables) -> None:
        """Work on a database."""
        self._db, self._profiles, self._slices = db, profiles, slices

    def is_needed(self, record: ModelRecord, now: Milliseconds) -> bool:
        """Return whether there is anything to write: a beat that is due, or a pane to close."""
        beat, halted = self._pulse(record, now)
        if not 0 <= now - beat < record.timing.lateness // 4:
            return True
        query = "SELECT 1 FROM panes WHERE model = ? AND start + length <= ? LIMIT 1"
        return bool(self._db.rows(query, record.model, self._watermark(record, now, halted)))

    def freeze(self, record: ModelRecord, now: Milliseconds) -> tuple[Milliseconds, bool]:
        """Advance the watermark of a model within the open transaction, and close panes that end by then.

        Returns the watermark, and False if there were so many panes that some are still to close.
        """
        _, halted = self._pulse(record, now)
        self._db.execute("UPDATE models SET beat = ?, halted = ? WHERE model = ?", (now, halted, record.model))
        watermark = self._watermark(record, now, halted)
        end = self._chunk_end(record, watermark)
        self._db.execute("UPDATE models SET frozen = ? WHERE model = ?", (end, record.model))
        self._close(record.model, end, now)
        return end, end == watermark

    def _pulse(self, record: ModelRecord, now: Milliseconds) -> tuple[Milliseconds, Milliseconds]:
        rows = self._db.rows("SELECT beat, halted FROM models WHERE model = ?", record.model)
        ((beat, halted),) = rows or ((now, 0),)
        return after_round(now, beat, halted, record.timing.lateness)

    def _watermark(self, record: ModelRecord, now: Milliseconds, halted: Milliseconds) -> Milliseconds:
        rows = self._db.rows("SELECT watermark, max(at) FROM sources WHERE model = ? GROUP BY watermark", record.model)
        since = live_after(now, record.timing)
        is_live = any(watermark is None and at > since for watermark, at in rows)
        logs = [watermark for watermark, at in rows if watermark is not None and at > now - SOURCE_IDLE]
        return next_watermark(now, record.timing, record.frozen, is_live, logs, halted)

    def _chunk_end(self, record: ModelRecord, watermark: Milliseconds) -> Milliseconds:
        """Return by when panes are closed in one transaction: the watermark, unless there are very many panes."""
        rows = self._db.rows(
            "SELECT start + length FROM panes WHERE model = ? AND start + length <= ?"
            " ORDER BY start + length LIMIT 1 OFFSET ?",
            *(record.model, watermark, _CHUNK - 1),
        )
        return max(record.frozen, rows[0][0]) if rows else watermark

    def _close(self, model: str, end: Milliseconds, now: Milliseconds) -> None:
        """Add up the panes that end by `end` over their sources, and keep what each source had said."""
        ending = (model, end)
        rows = self._db.rows(
            "SELECT digest, start, length, rows, counts, texts FROM panes LEFT JOIN pane_texts"
            " USING (model, digest, start, length, source, sequence)"
            " WHERE model = ? AND panes.start + panes.length <= ?"
            " ORDER BY panes.start + panes.length, digest, start, length",
            *ending,
        )
        rollover = before = self._profiles.rollover(model)
        assert rollover is not None
        for _, ended in groupby(rows, key=lambda row: row[1] + row[2]):
            rows_by_digest: dict[str, int] = {}
            for (digest, start, length), sources in groupby(ended, key=lambda row: row[:3]):
                total = _sum(list(sources))
                rows_by_digest[digest] = rows_by_digest.get(digest, 0) + total.rows
                if total.rows:
                    self._slices.insert(model, digest, Slice(start, length, total))
            rollover = rollover.closed(rows_by_digest)
        if rollover != before:
            self._profiles.set_rollover(model, rollover, now)
        self._db.execute(
            "INSERT INTO sealed SELECT model, digest, start, length, source, sequence, rows, rows, ?"
            " FROM panes WHERE model = ? AND start + length <= ?",
            (now, *ending),
        )
        for table in ("panes", "pane_texts"):
            self._db.execute(f"DELETE FROM {table} WHERE model = ? AND start + length <= ?", ending)


def _sum(rows: list[tuple[Any, ...]]) -> Summary:
    parts = [Summary(row[3], unpack(row[4]), decode_texts(row[5])) for row in rows]
    return Summary.sum(parts, parts[0].counts.size)

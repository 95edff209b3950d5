"""Slices in SQLite, and the fold of them."""

from __future__ import annotations

import zlib
from contextlib import closing
from itertools import islice

from driftmeter.counts.summary import Summary
from driftmeter.panes.codec import decode_counts, decode_texts, encode_counts, encode_texts
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import RETENTION, merge, merges_due
from driftmeter.panes.windows import WindowSetting, joined_by_end
from driftmeter.store.records import HISTORY_STEP, Fold, Progress
from driftmeter.store.sqlite.database import Database
from driftmeter.types import Milliseconds

_SLICES = (
    "SELECT end, start, rows, bins, counts, texts FROM slices LEFT JOIN slice_texts USING (model, digest, end, start)"
)


class SliceTables:
    """The slices, progress and verdicts of all profiles. Methods that write need an open transaction."""

    def __init__(self, db: Database) -> None:
        """Work on a database."""
        self._db = db

    def insert(self, model: str, digest: str, slice_: Slice) -> None:
        """Add a slice, to the one of the same times if there is one."""
        summary = slice_.summary
        # there is one if a model's panes were longer before
        rows = self._db.rows(
            f"{_SLICES} WHERE model = ? AND digest = ? AND end = ? AND start = ?",
            *(model, digest, slice_.end, slice_.start),
        )
        for row in rows:
            summary += _slice(row).summary
        self._db.execute(
            "INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?, ?, ?)",
            (model, digest, slice_.end, slice_.start, summary.rows, summary.counts.size, encode_counts(summary.counts)),
        )
        if summary.unseen:
            self._db.execute(
                "INSERT OR REPLACE INTO slice_texts VALUES (?, ?, ?, ?, ?)",
                (model, digest, slice_.end, slice_.start, encode_texts(summary.unseen)),
            )

    def drop_before(self, model: str, digest: str, end: Milliseconds) -> None:
        """Drop the slices that end before a time."""
        for table in ("slices", "slice_texts"):
            self._db.execute(f"DELETE FROM {table} WHERE model = ? AND digest = ? AND end < ?", (model, digest, end))

    def pending(self, model: str) -> list[str]:
        """Return the digests of the profiles that have slices to fold."""
        rows = self._db.rows(
            "SELECT digest FROM profiles AS p WHERE model = ? AND EXISTS"
            " (SELECT 1 FROM slices AS s WHERE s.model = p.model AND s.digest = p.digest AND s.end > coalesce("
            "(SELECT folded FROM progress AS f WHERE f.model = p.model AND f.digest = p.digest), 0))"
            " ORDER BY at, digest",
            model,
        )
        return [digest for (digest,) in rows]

    def progress(self, model: str, digest: str) -> Progress:
        """Return how far a profile's fold is."""
        rows = self._db.rows("SELECT folded, state FROM progress WHERE model = ? AND digest = ?", model, digest)
        return Progress(rows[0][0], zlib.decompress(rows[0][1])) if rows else Progress()

    def unfolded(self, model: str, digest: str, limit: int) -> list[Slice]:
        """Return the first slices that are not folded yet."""
        with (
            self._db.reading() as connection,
            closing(
                connection.execute(
                    f"{_SLICES} WHERE model = ? AND digest = ? AND end >"
                    " coalesce((SELECT folded FROM progress WHERE model = ? AND digest = ?), 0) ORDER BY end, start",
                    (model, digest, model, digest),
                )
            ) as cursor,
        ):
            return list(islice(joined_by_end(map(_slice, cursor)), limit))

    def recent(self, model: str, digest: str, end: Milliseconds, window: WindowSetting) -> list[Slice]:
        """Return the slices that end by `end` and reach back far enough for the window."""
        slices: list[Slice] = []
        rows = 0
        with (
            self._db.reading() as connection,
            closing(
                connection.execute(
                    f"{_SLICES} WHERE model = ? AND digest = ? AND end <= ? ORDER BY end DESC, start DESC",
                    (model, digest, end),
                )
            ) as cursor,
        ):
            for row in cursor:
                slice_ = _slice(row)
                slices.append(slice_)
                rows += slice_.summary.rows
                if window.reached(rows, slice_.start, end):
                    break
        return slices[::-1]

    def rows(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, Milliseconds, int]]:
        """Return start, end and rows of the slices that end after `start` and by `end`."""
        return self._db.rows(
            "SELECT start, end, rows FROM slices WHERE model = ? AND digest = ? AND end > ? AND end <= ?"
            " ORDER BY end, start",
            *(model, digest, start, end),
        )

    def fold(self, model: str, digest: str, expected: Milliseconds, step: Fold) -> bool:
        """Record a fold if the progress still is `expected`."""
        if self.progress(model, digest).folded != expected:
            return False
        key = (model, digest)
        folded = step.progress.folded
        self._db.execute(
            "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?)", (*key, folded, zlib.compress(step.progress.state))
        )
        self._db.execute(
            "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)",
            (*key, step.at // HISTORY_STEP, step.at, zlib.compress(step.verdict)),
        )
        for before, length in merges_due(expected, folded):
            self._merge(model, digest, before, length)
            oldest = folded - RETENTION
            self.drop_before(*key, oldest)
            self._db.execute("DELETE FROM verdicts WHERE model = ? AND digest = ? AND at < ?", (*key, oldest))
        return True

    def _merge(self, model: str, digest: str, before: Milliseconds, length: Milliseconds) -> None:
        """Merge the slices that begin before a time into longer ones; keep the last verdict of each such length."""
        condition = " WHERE model = ? AND digest = ? AND start < ? AND end - start < ?"
        values = (model, digest, before, length)
        rows = self._db.rows(f"{_SLICES}{condition}", *values)
        for table in ("slices", "slice_texts"):
            self._db.execute(f"DELETE FROM {table}{condition}", values)
        for longer in merge(map(_slice, rows), length):
            self.insert(model, digest, longer)
        self._db.execute(
            "DELETE FROM verdicts WHERE model = ? AND digest = ? AND at < ? AND at NOT IN"
            " (SELECT max(at) FROM verdicts WHERE model = ? AND digest = ? AND at < ? GROUP BY at / ?)",
            (*values[:3], *values),
        )


def _slice(row: tuple[int, int, int, int, bytes, bytes | None]) -> Slice:
    end, start, rows, bins, counts, texts = row
    return Slice(start, end - start, Summary(rows, decode_counts(counts, bins), decode_texts(texts)))

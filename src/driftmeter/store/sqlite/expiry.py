"""What SQLite drops because it is too old."""

from __future__ import annotations

from driftmeter.panes.retention import RETENTION
from driftmeter.store.sqlite.database import Database
from driftmeter.store.sqlite.profiles import ProfileTables
from driftmeter.store.sqlite.slices import SliceTables
from driftmeter.timestamps import DAY, HOUR, MINUTE
from driftmeter.types import Milliseconds

_EXPIRE_EVERY: Milliseconds = MINUTE
_SWEEP_EVERY: Milliseconds = HOUR


class Expiry:
    """Drops old rows, once in a while."""

    def __init__(self, db: Database, profiles: ProfileTables, slices: SliceTables) -> None:
        """Work on a database."""
        self._db, self._profiles, self._slices = db, profiles, slices
        self._expired = self._swept = 0

    def run(self, now: Milliseconds) -> None:
        """Drop what is too old within the open transaction, if it is time for that."""
        if 0 <= now - self._expired < _EXPIRE_EVERY:
            return
        self._expired = now
        for table in ("sealed", "keys", "sources"):
            self._db.execute(f"DELETE FROM {table} WHERE at < ?", (now - DAY,))
        if not 0 <= now - self._swept < _SWEEP_EVERY:
            self._swept = now
            self._sweep(now - RETENTION)

    def _sweep(self, unused: Milliseconds) -> None:
        """Drop what is too old of profiles that are neither active nor the newest, and at last the profiles themselves.

        What belongs to an active profile is dropped as it is folded, by event time alone.
        """
        retired = self._db.rows(
            "SELECT model, profiles.digest, frozen, used FROM profiles JOIN models USING (model)"
            " LEFT JOIN rollovers USING (model)"
            " WHERE profiles.digest NOT IN (models.digest, coalesce(newest, models.digest))"
        )
        for model, digest, frozen, used in retired:
            key = (model, digest)
            folded = self._slices.progress(model, digest).folded
            oldest = frozen - RETENTION
            self._slices.drop_before(*key, min(oldest, folded + 1))
            self._db.execute("DELETE FROM verdicts WHERE model = ? AND digest = ? AND at < ?", (*key, oldest))
            if used < unused and not self._profiles.has_rows(*key):
                for table in ("progress", "profiles"):
                    self._db.execute(f"DELETE FROM {table} WHERE model = ? AND digest = ?", key)

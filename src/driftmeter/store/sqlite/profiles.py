"""Profiles in SQLite, and which of them is active."""

from __future__ import annotations

import zlib

from driftmeter.panes.rollover import Rollover
from driftmeter.panes.timing import Timing
from driftmeter.store.sqlite.database import Database
from driftmeter.types import Milliseconds

_TRACES = {"panes": "", "sealed": " AND frozen > 0", "slices": "", "verdicts": ""}
"""The tables that show whether anything was counted by a profile, each with a condition on its rows."""


class ProfileTables:
    """The profiles of all models. Methods that write need an open transaction."""

    def __init__(self, db: Database) -> None:
        """Work on a database."""
        self._db = db

    def register(
        self, model: str, digest: str, profile: bytes, timing: Timing, now: Milliseconds, *, reactivate: bool
    ) -> None:
        """Add a profile, as `Store.register` says."""
        before = self.rollover(model)
        if not reactivate and before is not None and digest != before.newest and digest in self.digests(model):
            self._mark_used(model, now, digest)
            return
        rollover = Rollover(digest, digest)
        if before is not None:
            rollover = before.registered(digest, idle=not self.has_rows(model, before.active))
        self._db.execute(
            "INSERT INTO profiles VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
            (model, digest, zlib.compress(profile), now),
        )
        for used in {digest, *((before.active, before.newest) if before is not None else ())}:
            self._mark_used(model, now, used)
        self._db.execute(
            "INSERT INTO models VALUES (?, ?, ?, ?, 0, ?, 0) ON CONFLICT (model) DO UPDATE"
            " SET digest = excluded.digest, pane = excluded.pane, lateness = excluded.lateness",
            (model, rollover.active, timing.pane, timing.lateness, now),
        )
        self.set_rollover(model, rollover, now)

    def digests(self, model: str) -> list[str]:
        """Return the digests of the model's profiles, oldest first."""
        rows = self._db.rows("SELECT digest FROM profiles WHERE model = ? ORDER BY at, digest", model)
        return [digest for (digest,) in rows]

    def rollover(self, model: str) -> Rollover | None:
        """Return which profile is active and which the newest; None for an unknown model."""
        rows = self._db.rows(
            "SELECT digest, coalesce(newest, digest), coalesce(leader, ''), coalesce(streak, 0) FROM models"
            " LEFT JOIN rollovers USING (model) WHERE model = ?",
            model,
        )
        return Rollover(*rows[0]) if rows else None

    def set_rollover(self, model: str, rollover: Rollover, now: Milliseconds) -> None:
        """Record which profile is active and which the newest."""
        self._db.execute(
            "UPDATE profiles SET used = ? WHERE model = ? AND digest IN (?, (SELECT digest FROM models"
            " WHERE model = ?)) AND NOT EXISTS (SELECT 1 FROM models WHERE model = ? AND digest = ?)",
            # numbered placeholders with a sequence are deprecated in Python 3.12.0 and 3.12.1
            (now, model, rollover.active, model, model, rollover.active),
        )
        self._db.execute("UPDATE models SET digest = ? WHERE model = ?", (rollover.active, model))
        self._db.execute(
            "INSERT OR REPLACE INTO rollovers VALUES (?, ?, ?, ?)",
            (model, rollover.newest, rollover.leader, rollover.streak),
        )

    def has_rows(self, model: str, digest: str) -> bool:
        """Return whether anything that was counted by a profile is still there."""
        return any(
            self._db.rows(f"SELECT 1 FROM {table} WHERE model = ? AND digest = ?{condition} LIMIT 1", model, digest)
            for table, condition in _TRACES.items()
        )

    def _mark_used(self, model: str, now: Milliseconds, digest: str) -> None:
        self._db.execute("UPDATE profiles SET used = ? WHERE model = ? AND digest = ?", (now, model, digest))

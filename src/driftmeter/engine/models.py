"""The models of a store as one process knows them: their records, their compiled profiles, their settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from driftmeter.engine.cache import AgingCache, ProfileCache
from driftmeter.engine.compiled import Compiled
from driftmeter.errors import ProfileFormatError, UnknownModelError
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store import Store
from driftmeter.store.records import ModelRecord
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import JudgeState

RECORD_SECONDS = 1.5
"""How long a model's record counts as fresh. It is renewed by each list of all models, which a server asks for every
second at least, so that requests need not."""
MOST_BINS = 1_000_000
"""Most bins that all compiled profiles have together: some hundred bytes each. Those used last are kept."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldState:
    """A fold's state, as the store's bytes and decoded, and the judge that can use it."""

    data: bytes
    judge: Judge
    state: JudgeState


class Models:
    """The models of a store, with three caches in front of it: records, compiled profiles, and states of folds."""

    def __init__(self, store: Store, timing: Timing, settings: ModelSettings, stopwatch: Callable[[], float]) -> None:
        """Register models with `timing`; `settings` are for models without any of their own."""
        self._store = store
        self._timing = timing
        self._settings = settings
        self._stopwatch = stopwatch
        self._records: AgingCache[str, ModelRecord] = AgingCache(RECORD_SECONDS, stopwatch)
        self._compiled: ProfileCache[Compiled] = ProfileCache(MOST_BINS, lambda compiled: compiled.profile.bins)
        self.states: ProfileCache[FoldState] = ProfileCache()

    # --- records

    def register(self, profile: Profile, *, reactivate: bool = True) -> ModelRecord:
        """Register a profile, and return its model's record.

        With `reactivate=False`, a profile that the model had before and has since replaced stays replaced.
        """
        try:
            before = self._store.model(profile.model).timing
        except UnknownModelError:
            before = self._timing
        self._store.register(profile.model, profile.digest, profile.dumps(), self._timing, reactivate=reactivate)
        self._records.drop(profile.model)
        record = self._store.model(profile.model)
        if record.timing != before:
            _log.warning(
                "model %s: panes of %g s and a lateness of %g s are now %g s and %g s, for all servers",
                profile.model,
                before.pane / 1000,
                before.lateness / 1000,
                record.timing.pane / 1000,
                record.timing.lateness / 1000,
            )
        if not reactivate and record.newest != profile.digest:
            _log.warning(
                "model %s: profile %s was replaced by %s, which stays",
                profile.model,
                profile.digest,
                record.newest,
            )
        return record

    def record(self, model: str) -> ModelRecord:
        """Return a fresh record, from the store if the cache has none; raises UnknownModelError."""
        record = self._records.fresh(model)
        if record is None:
            asked_at = self._stopwatch()
            try:
                record = self._store.model(model)
            except UnknownModelError:  # deleted, maybe through another replica
                self.forget(model)
                raise
            self._records.put(model, record, asked_at)
        return record

    def all_records(self) -> list[ModelRecord]:
        """Return the records of all models from the store, and renew those in the cache."""
        asked_at = self._stopwatch()
        records = self._store.models()
        for record in records:
            self._records.renew(record.model, record, asked_at)
        return records

    def cached_record(self, model: str) -> ModelRecord | None:
        """Return a record from the cache, None if it has no fresh one."""
        return self._records.fresh(model)

    def stale_record(self, model: str) -> ModelRecord | None:
        """Return a record from the cache however old it is, None if it has none."""
        return self._records.fresh_or_stale(model)

    def expire_record(self, model: str) -> None:
        """Ask the store at the next `record`; until then `stale_record` still gives the old one."""
        self._records.expire(model)

    def delete(self, model: str) -> None:
        """Delete a model from the store and forget it; raises UnknownModelError."""
        self._store.delete(model)
        self.forget(model)

    def forget(self, model: str) -> None:
        """Drop everything that is cached of a model."""
        self._records.drop(model)
        self._compiled.drop_model(model)
        self.states.drop_model(model)

    # --- compiled profiles

    def compiled(self, model: str, digest: str | None = None) -> Compiled:
        """Return a compiled profile, by default the active one; raises UnknownModelError, UnknownProfileError."""
        record = self.record(model)
        digest = digest or record.digest
        settings = self.settings_in(record)
        compiled = self._compiled.get(model, digest)
        if compiled is None or compiled.timing != record.timing or compiled.settings != settings:
            compiled = Compiled(self._profile(model, digest), record.timing, settings)
            self._compiled.put(model, digest, compiled)
        return compiled

    def _profile(self, model: str, digest: str) -> Profile:
        """Return a profile of the store; raises ProfileFormatError, with what to do, on one of another version."""
        body = self._store.profile(model, digest)
        try:
            return Profile.loads(body)
        except ProfileFormatError as error:
            raise ProfileFormatError(
                f"profile {digest} in the store: {error}; then start the server with `--profile FILE`, or PUT it to "
                f"/v1/models/{quote(model, safe='')}/profile"
            ) from error

    # --- settings

    def configure(self, model: str, settings: ModelSettings | None) -> None:
        """Keep a model's settings, or None for the default ones; raises UnknownModelError."""
        self._store.configure(model, None if settings is None else settings.dumps())
        self._records.drop(model)

    def settings_in(self, record: ModelRecord) -> ModelSettings:
        """Return the settings that a record names, the default ones if it names none."""
        return self._settings if record.settings is None else _loads_settings(record.settings)


# every batch of rows needs its settings
_loads_settings = lru_cache(maxsize=256)(ModelSettings.loads)

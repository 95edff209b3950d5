"""The engine: everything that a metric server does apart from HTTP, whichever store is behind it.

    rows, panes ─→ store ─→ Folding.advance ─→ verdicts ─→ queries ─→ JSON
                     ↑            │
                  Models ←────────┘  records, compiled profiles and states of folds, cached

The only clock is the store's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from driftmeter.counts.rows import Rows
from driftmeter.counts.summary import Summary
from driftmeter.engine import queries
from driftmeter.engine.compiled import Compiled
from driftmeter.engine.folding import Folding
from driftmeter.engine.models import Models
from driftmeter.errors import InputError
from driftmeter.fitting.from_live import profile_from_live
from driftmeter.panes.coverage import Sources
from driftmeter.panes.pane import Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import Window, WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store import Store
from driftmeter.store.records import ModelRecord
from driftmeter.types import JSON, Milliseconds
from driftmeter.verdict.judge_state import incidents_in


class Engine:
    """Everything that a metric server does apart from HTTP.

    A process makes one instance and keeps it until it ends. Thread-safe. The store holds all that must last: a restart
    loses nothing but caches. The caller closes the store.

    >>> import polars as pl
    >>> from driftmeter.panes.totals import SourceTotals
    >>> from driftmeter.store import open_store
    >>> from driftmeter.store.records import AddRows

    >>> engine = Engine(open_store("memory://"))
    >>> reference = pl.DataFrame({"age": [*range(20, 70)] * 2})
    >>> record = engine.register(Profile.fit(reference, model="credit", independent=True))
    >>> compiled = engine.compiled("credit")
    >>> rows, rejected, ignored = compiled.reader.read_columns({"age": np.full(500, 80)})
    >>> panes = engine.sort_rows(compiled, rows, times=engine.now() - 60_000)
    >>> write = AddRows("credit", record.digest, "host-1", panes, SourceTotals(observed=500, counted=500))
    >>> receipts = engine.store.commit([write])
    >>> engine.advance("credit")
    True
    >>> json.loads(engine.verdict("credit"))["state"]
    'drifting'
    >>> engine.store.close()

    In all methods `digest` names a profile, by default the active one. Methods that take a model raise
    UnknownModelError, those that take a digest UnknownProfileError, and all raise StoreUnavailableError.
    """

    def __init__(
        self,
        store: Store,
        *,
        timing: Timing | None = None,
        settings: ModelSettings | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Judge what is in `store`.

        `timing` is for the models registered here, `settings` for models without any of their own. `stopwatch` gives
        seconds and never goes back; tests replace it.
        """
        self.store = store
        self.timing = timing or Timing()
        self.settings = settings or ModelSettings()
        self._models = Models(store, self.timing, self.settings, stopwatch)
        self._folding = Folding(store, self._models, stopwatch)

    # --- the store's own answers; only Committer and Probe use the store itself

    def now(self) -> Milliseconds:
        """Return the store's time: the one clock that all servers share."""
        return self.store.now()

    def models(self) -> list[ModelRecord]:
        """Return the records of all models, as the store has them now."""
        return self._models.all_records()

    def stored_record(self, model: str) -> ModelRecord:
        """Return a model's record, as the store has it now."""
        return self.store.model(model)

    def digests(self, model: str) -> list[str]:
        """Return the digests of a model's profiles, oldest first."""
        return self.store.digests(model)

    def profile_bytes(self, model: str, digest: str) -> bytes:
        """Return a profile as it was registered."""
        return self.store.profile(model, digest)

    def folded(self, model: str, digest: str) -> Milliseconds:
        """Return up to when a profile's panes are folded; 0 before the first."""
        return self.store.progress(model, digest).folded

    def history_bytes(
        self, model: str, start: Milliseconds, end: Milliseconds, digest: str | None = None
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the verdicts kept from `start` to `end` as (time, JSON), oldest first, without parsing them."""
        return self.store.history(model, digest or self.record(model).digest, start, end)

    def history_heads(
        self, model: str, start: Milliseconds, end: Milliseconds, digest: str, length: int
    ) -> list[tuple[Milliseconds, bytes]]:
        """Return the first `length` bytes, at least, of the verdicts kept from `start` to `end`, oldest first."""
        return self.store.history_heads(model, digest, start, end, length)

    def slice_rows(
        self, model: str, digest: str, start: Milliseconds, end: Milliseconds
    ) -> list[tuple[Milliseconds, Milliseconds, int]]:
        """Return start, end and rows of the slices that end after `start` and by `end`, ascending by end."""
        return self.store.slice_rows(model, digest, start, end)

    def lease(self, model: str, server: str, length: Milliseconds) -> bool:
        """Give `server` the lease on folding a model, unless another server has it; return whether it has it now.

        A `length` of 0 gives the lease up.
        """
        return self.store.lease(model, server, length)

    def heartbeat(self, server: str, length: Milliseconds) -> list[str]:
        """Record that `server` is alive for `length` from now; return the names of all servers that are."""
        return self.store.heartbeat(server, length)

    def claim_notice(self, model: str, key: str) -> bool:
        """Return True to exactly one caller per key, over all servers: that one sends the notice."""
        return self.store.notified(model, key)

    # --- models

    def register(self, profile: Profile) -> ModelRecord:
        """Register a profile and count its model's rows by it; `panes.rollover` says when it becomes active."""
        return self._models.register(profile)

    def register_unless_replaced(self, profile: Profile) -> ModelRecord:
        """Register a profile, unless its model had it before and has since replaced it."""
        return self._models.register(profile, reactivate=False)

    def record(self, model: str) -> ModelRecord:
        """Return a model's record, as the store had it at most 1.5 s ago."""
        return self._models.record(model)

    def cached_record(self, model: str) -> ModelRecord | None:
        """Return a model's record if the cache has a fresh one, else None: for callers that must not wait."""
        return self._models.cached_record(model)

    def stale_record(self, model: str) -> ModelRecord | None:
        """Return the last record that this process read of a model, however old, None if it read none.

        For callers that go on while the store cannot be reached.
        """
        return self._models.stale_record(model)

    def delete(self, model: str) -> None:
        """Delete a model and all that belongs to it."""
        self._models.delete(model)

    def compiled(self, model: str, digest: str | None = None) -> Compiled:
        """Return a profile with the tables made from it."""
        return self._models.compiled(model, digest)

    def configure(self, model: str, settings: ModelSettings | None) -> None:
        """Give a model settings of its own, or the default ones again if `settings` is None."""
        self._models.configure(model, settings)

    def settings_of(self, model: str) -> ModelSettings:
        """Return the settings that hold for a model."""
        return self.settings_in(self._models.record(model))

    def settings_in(self, record: ModelRecord) -> ModelSettings:
        """Return the settings that a record names, the default ones if it names none."""
        return self._models.settings_in(record)

    # --- from rows to verdicts

    def sort_rows(
        self, compiled: Compiled, rows: Rows, times: Milliseconds | npt.NDArray[np.int64]
    ) -> tuple[tuple[Milliseconds, Summary], ...]:
        """Count rows by pane: (start, summary), ascending. `times` is one time for all rows, or an array (rows,)."""
        return compiled.count_by_pane(rows, times)

    def advance(self, model: str) -> bool:
        """Close the panes that are due and fold them; return whether there is a newer verdict. Raises StoreError."""
        return self._folding.advance(model)

    # --- answers

    def verdict(self, model: str, digest: str | None = None) -> bytes:
        """Return the newest verdict as JSON; before the first pane closed, one that says `insufficient`."""
        digest = digest or self.record(model).digest
        verdict = self.store.verdict(model, digest)
        return verdict if verdict is not None else self.compiled(model, digest).judge.before_first().dumps()

    def feature(self, model: str, feature: str, digest: str | None = None) -> JSON:
        """Return a feature's verdict, its scores in each window, its bins, and what the detector found.

        Raises InputError if the profile has no such feature.
        """
        digest = digest or self.record(model).digest
        compiled = self.compiled(model, digest)
        names = [described.name for described in compiled.profile.features]
        if feature not in names:
            raise InputError("feature", f"one of {', '.join(names)}", repr(feature))
        index = names.index(feature)
        described, part = list(compiled.profile.slices())[index]
        verdict = json.loads(self.verdict(model, digest))
        progress = self.store.progress(model, digest)
        judge, state = self._folding.state_of(compiled, progress)
        windows = self.windows(model, digest, progress.folded)
        return {
            **verdict["features"][index],
            **queries.feature_windows_json(described, part, compiled.settings, windows),
            "findings": judge.findings(state, feature),
        }

    def counts(self, model: str, digest: str | None = None) -> dict[str, list[int]]:
        """Return the judging window's counts by feature, over the feature's bins."""
        compiled = self.compiled(model, digest)
        profile = compiled.profile
        window = self.windows(model, profile.digest, self.folded(model, profile.digest))["judging"]
        return {feature.name: window.summary.counts[part].tolist() for feature, part in profile.slices()}

    def slices(self, model: str, digest: str, start: Milliseconds, end: Milliseconds) -> list[Slice]:
        """Return the slices that end after `start` and by `end`, ascending by end."""
        recent = self.store.recent(model, digest, end, WindowSetting(max(end - start, 1), 0))
        return [slice_ for slice_ in recent if slice_.end > start]

    def window(self, model: str, digest: str, end: Milliseconds) -> Window:
        """Return the judging window as of an event time: the latest slices that end by then, empty without any."""
        compiled = self.compiled(model, digest)
        judging = compiled.settings.window
        return judging.select(self.store.recent(model, digest, end, judging), compiled.profile.bins)

    def windows(self, model: str, digest: str, end: Milliseconds) -> dict[str, Window]:
        """Return the windows in which a feature is shown as of an event time: the judging one, and its two halves."""
        compiled = self.compiled(model, digest)
        judging = compiled.settings.window
        recent = self.store.recent(model, digest, end, judging)
        return queries.shown_windows(judging, recent, compiled.profile.bins)

    def history(self, model: str, start: Milliseconds, end: Milliseconds, digest: str | None = None) -> list[JSON]:
        """Return the verdicts kept from `start` to `end`, each with `at`, oldest first."""
        return queries.history_json(self.history_bytes(model, start, end, digest))

    def incidents(self, model: str, digest: str | None = None) -> list[JSON]:
        """Return the incidents, newest first; each says when it was acknowledged, None if never."""
        digest = digest or self.record(model).digest
        incidents = incidents_in(self.store.progress(model, digest).state)
        return queries.incidents_json(incidents, self.store.acknowledged(model))

    def acknowledge(self, model: str, incident: str, note: str = "") -> JSON:
        """Record that somebody has seen an incident, of any of the model's profiles; the active one comes first.

        The first acknowledgement is kept. Raises InputError if there is no such incident.
        """
        active = self.record(model).digest
        incidents: dict[str, JSON] = {}
        for digest in sorted(self.store.digests(model), key=lambda digest: digest != active):
            if incident not in incidents:
                incidents |= {content["id"]: content for content in self.incidents(model, digest)}
        if incident not in incidents:
            some = ", ".join([*incidents][:20])
            expected = f"one of {some}" if incidents else "an incident of this model; it has none yet"
            raise InputError("incident", expected, repr(incident))
        self.store.acknowledge(model, incident, self.store.now(), note)
        return queries.acknowledged_json(incidents[incident], self.store.acknowledged(model)[incident])

    def sources(self, model: str) -> Sources:
        """Return the sources of a model's rows, and which share of the rows that they saw lately is in the verdicts."""
        record = self.record(model)
        return Sources(self.store.sources(model), self.store.now(), record.timing.pane, record.returned)

    def from_live(
        self, model: str, since: Milliseconds, until: Milliseconds | None = None, digest: str | None = None
    ) -> Profile:
        """Return the next profile, whose reference is the rows of the frozen slices from `since` to `until`.

        By default `until` is the end of the last fold. The same rows calibrate the profile; it is not registered.
        Raises InputError if there are too few rows.
        """
        digest = digest or self.record(model).digest
        compiled = self.compiled(model, digest)
        end = self.folded(model, digest) if until is None else until
        recent = self.store.recent(model, digest, end, WindowSetting(max(end - since, 1), 0))
        slices = [slice_ for slice_ in recent if slice_.start >= since]
        return profile_from_live(compiled.profile, slices, compiled.settings)

    # --- expectations

    def expect(self, model: str, feature: str | None, until: Milliseconds, note: str = "") -> None:
        """Mark that a feature, or the whole model, is expected to drift from now to `until`.

        Replaces the earlier expectation; an `until` that has passed removes it.
        """
        self.store.expect(model, feature, self.store.now(), until, note)

    def expected(self, model: str) -> list[JSON]:
        """Return the expectations, that of the model first, then by feature."""
        return queries.expectations_json(self.store.expected(model))

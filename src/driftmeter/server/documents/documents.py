"""The documents of a model, from what the store has and what this process has read of it before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from driftmeter.engine.cache import ProfileCache
from driftmeter.engine.engine import Engine
from driftmeter.page.buckets import Buckets
from driftmeter.page.feature import feature_page
from driftmeter.page.overview import Standing, overview
from driftmeter.page.past import DAYS, HOURS, strip
from driftmeter.page.thumbnails import Thumbnails
from driftmeter.profile.profile import Profile
from driftmeter.server.documents.moments import Moments
from driftmeter.server.documents.rows import RowCounts
from driftmeter.timestamps import parse_time
from driftmeter.types import JSON, Milliseconds

_MOST_NUMBERS = 8_000_000
"""Numbers that are kept of all models together, of 8 bytes; those of the profile used last stay in any case."""
_MOST_MOMENTS = 1_000


@dataclass(frozen=True)
class _Known:
    """What this process has read of one profile, and computed from it alone."""

    thumbnails: Thumbnails
    moments: Moments = field(default_factory=lambda: Moments(_MOST_MOMENTS))
    rows: RowCounts = field(default_factory=RowCounts)

    @property
    def weight(self) -> int:
        return self.thumbnails.weight + self.moments.weight


class Documents:
    """Makes the documents behind the page. Thread-safe; all that it keeps can be read again.

    Methods raise as those of Engine do; `digest` names a profile, by default the active one.
    """

    def __init__(self, engine: Engine) -> None:
        """Read from an engine."""
        self._engine = engine
        self._known: ProfileCache[_Known] = ProfileCache(_MOST_NUMBERS, lambda known: known.weight)

    def overview(self, model: str, digest: str | None = None) -> JSON:
        """Return the overview of a model."""
        engine = self._engine
        record = engine.record(model)
        compiled = engine.compiled(model, digest or record.digest)
        profile = compiled.profile
        known = self._of(profile)
        verdict = self._verdict(profile)
        newest = _end_of(verdict)
        window = engine.window(model, profile.digest, newest)
        sources = engine.sources(model)
        standing = Standing(
            now=engine.now(),
            closed=record.frozen,
            timing=record.timing,
            coverage=sources.coverage,
            sources=Counter(map(sources.state, sources.records)),
            incidents=engine.incidents(model, profile.digest),
            expected=engine.expected(model),
        )
        document = overview(
            profile,
            compiled.settings,
            verdict,
            standing,
            densities=known.thumbnails.of(window.summary.counts),
            hours=self._strip(profile, known, newest, *HOURS, standing),
            days=self._strip(profile, known, newest, *DAYS, standing),
        )
        self._known.put(model, profile.digest, known)
        return document

    def feature(self, model: str, feature: str, digest: str | None = None) -> JSON:
        """Return a feature's verdict, scores, bins and findings, its shape and its scores with their limits.

        Raises InputError if the profile has no such feature.
        """
        compiled = self._engine.compiled(model, digest)
        profile = compiled.profile
        answer = self._engine.feature(model, feature, profile.digest)
        window = self._engine.window(model, profile.digest, _end_of(self._verdict(profile)))
        described, part = next(pair for pair in profile.slices() if pair[0].name == feature)
        new = window.summary.unseen.counts.get(feature, {})
        return {
            **answer,
            "at": None,
            **feature_page(described, compiled.settings, answer, window.summary.counts[part], new),
        }

    def _verdict(self, profile: Profile) -> JSON:
        verdict: Any = msgspec.json.decode(self._engine.verdict(profile.model, profile.digest))
        return verdict  # type: ignore[no-any-return]  # as it was written

    def _of(self, profile: Profile) -> _Known:
        known = self._known.get(profile.model, profile.digest)
        return _Known(Thumbnails(profile)) if known is None else known

    def _strip(
        self,
        profile: Profile,
        known: _Known,
        newest: Milliseconds,
        step: Milliseconds,
        number: int,
        standing: Standing,
    ) -> JSON:
        buckets = Buckets.last(newest, step, number)
        engine, key = self._engine, (profile.model, profile.digest)
        history = lambda start, end: engine.history_bytes(profile.model, start, end, profile.digest)  # noqa: E731
        moments = known.moments.of(buckets, newest, history)
        rows = known.rows.of(buckets, newest, partial(engine.slice_rows, *key))
        return strip(buckets, moments, rows, standing.incidents)


def _end_of(verdict: JSON) -> Milliseconds:
    """Return the end of a verdict's window; 0 before the first."""
    end = verdict["window"]["end"]
    return 0 if end is None else parse_time(end)

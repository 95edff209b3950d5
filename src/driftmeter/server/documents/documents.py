"""The documents of a model, from what the store has and what this process has read of it before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import msgspec

from driftmeter.engine.cache import ProfileCache
from driftmeter.engine.engine import Engine
from driftmeter.engine.queries import feature_windows_json
from driftmeter.page.buckets import Buckets
from driftmeter.page.feature import feature_page
from driftmeter.page.overview import Standing, overview
from driftmeter.page.past import DAYS, HOURS, Moment, Moments, strip, trends
from driftmeter.page.profile_summary import profile_summary
from driftmeter.page.thumbnails import POINTS, Thumbnails
from driftmeter.page.timeline import Columns, timeline
from driftmeter.panes.windows import Window, WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.server.documents.kept_counts import REACH, KeptCounts
from driftmeter.server.documents.moments import HEAD, History, LastOfEach, moment_of, nearest_verdict, state_of
from driftmeter.server.documents.rows import RowCounts
from driftmeter.server.problems import NotFoundError
from driftmeter.timestamps import DAY, iso, parse_time
from driftmeter.types import JSON, Milliseconds
from driftmeter.verdict.verdict import State

_MOST_NUMBERS = 16_000_000
"""Numbers that are kept of all models together, of 8 bytes; those of the profile used last stay in any case."""
_MOST_MOMENTS = 1_000


@dataclass(frozen=True)
class _Known:
    """What this process has read of one profile, and computed from it alone."""

    profile: Profile
    moments: LastOfEach[Moment]
    states: LastOfEach[State | None]
    rows: RowCounts = field(default_factory=RowCounts)
    counts: KeptCounts = field(default_factory=KeptCounts)
    windows: dict[tuple[Milliseconds, WindowSetting], Window] = field(default_factory=dict)
    """The last one alone."""

    @classmethod
    def of(cls, profile: Profile) -> _Known:
        """Know nothing but the profile."""
        numbers = 3 * len(profile.features)
        return cls(profile, LastOfEach(moment_of, _MOST_MOMENTS, numbers), LastOfEach(state_of, _MOST_MOMENTS, 1))

    @cached_property
    def thumbnails(self) -> Thumbnails:
        return Thumbnails(self.profile)

    @cached_property
    def summary(self) -> JSON:
        return profile_summary(self.profile)

    @property
    def weight(self) -> int:
        thumbnails = self.profile.bins * POINTS if "thumbnails" in vars(self) else 0
        return thumbnails + self.moments.weight + self.states.weight + self.counts.weight


@dataclass(frozen=True)
class Span:
    """The time that a chart is asked for, and the most points; without an end until now, without a start for a day."""

    start: Milliseconds | None
    end: Milliseconds | None
    points: int


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
        window = self._window(known, newest)
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
        day = Buckets.covering(self._day(known, newest), newest, HOURS[1], newest=newest)
        hours, days = (self._strip(known, of, newest, standing) for of in (day, Buckets.last(newest, *DAYS)))
        self._keep(known)
        return overview(
            profile,
            compiled.settings,
            verdict,
            standing,
            densities=known.thumbnails.of(window.summary.counts),
            hours=hours,
            days=days,
        )

    def profile(self, model: str, digest: str | None = None) -> JSON:
        """Return what a profile made of each column, and what it knows of time."""
        known = self._of(self._engine.compiled(model, digest).profile)
        summary = known.summary
        self._keep(known)
        return summary

    def trends(self, model: str, span: Span, digest: str | None = None) -> JSON:
        """Return how evidence and effect of all features went, in at most `span.points` steps."""
        known = self._of(self._engine.compiled(model, digest).profile)
        buckets, newest = self._buckets(known, span)
        moments = self._moments(known, buckets, newest)
        self._keep(known)
        return trends(buckets, moments, [feature.name for feature in known.profile.features])

    def feature(self, model: str, feature: str, digest: str | None = None, at: Milliseconds | None = None) -> JSON:
        """Return a feature's verdict, scores, bins and findings, its shape and its scores with their limits.

        With `at` all are as of the last kept slice that ended by then, without findings: those are of now. Raises
        InputError if the profile has no such feature, NotFoundError if nothing is kept of that time.
        """
        compiled = self._engine.compiled(model, digest)
        known = self._of(compiled.profile)
        profile = known.profile
        if at is None:
            answer = {**self._engine.feature(model, feature, profile.digest), "at": None}
            window = self._window(known, _end_of(self._verdict(profile)))
        else:
            answer, window = self._feature_then(known, feature, at)
        self._keep(known)
        described, part = next(pair for pair in profile.slices() if pair[0].name == feature)
        new = window.summary.unseen.counts.get(feature, {})
        counts, tests = window.summary.counts[part], answer["windows"]["judging"]["tests"]
        return {**answer, **feature_page(described, compiled.settings, answer, counts, new, tests)}

    def _feature_then(self, known: _Known, feature: str, at: Milliseconds) -> tuple[JSON, Window]:
        """Return a feature's verdict and windows of the past, and the window that is shown."""
        engine, profile = self._engine, known.profile
        model, digest = profile.model, profile.digest
        newest = engine.folded(model, digest)
        windows = engine.windows(model, digest, min(at, newest))
        window = windows["judging"]
        kept = nearest_verdict(window.start, window.end, newest, self._history(profile)) if window.slices else None
        if kept is None:
            raise NotFoundError("at", "a time of which slices and a verdict are kept", iso(at))
        verdict: Any = msgspec.json.decode(kept)
        described, part = next(pair for pair in profile.slices() if pair[0].name == feature)
        settings = engine.compiled(model, digest).settings
        answer = {
            **next(one for one in verdict["features"] if one["feature"] == feature),
            **feature_windows_json(described, part, settings, windows),
            "findings": [],
            "at": iso(window.end),
        }
        return answer, window

    def timeline(self, model: str, feature: str, span: Span, digest: str | None = None) -> JSON:
        """Return how evidence, effect and values of a feature went, in at most `span.points` steps.

        Raises ValueError if the profile has no such feature.
        """
        known = self._of(self._engine.compiled(model, digest).profile)
        profile = known.profile
        index = [declared.name for declared in profile.features].index(feature)
        buckets, newest = self._buckets(known, span)
        moments = self._moments(known, buckets, newest)
        columns = self._columns(known, slice(*profile.offsets[index : index + 2]), buckets, newest)
        self._keep(known)
        incidents = self._engine.incidents(model, profile.digest)
        return timeline(profile.features[index], index, buckets, moments, columns, incidents, newest)

    # --- what the store has

    def _verdict(self, profile: Profile) -> JSON:
        verdict: Any = msgspec.json.decode(self._engine.verdict(profile.model, profile.digest))
        return verdict  # type: ignore[no-any-return]  # as it was written

    def _buckets(self, known: _Known, span: Span) -> tuple[Buckets, Milliseconds]:
        """Return the steps of a span, and the time of the newest verdict, 0 before the first."""
        newest = self._engine.folded(known.profile.model, known.profile.digest)
        end = (newest or self._engine.now()) if span.end is None else span.end
        start = self._day(known, end) if span.start is None else span.start
        return Buckets.covering(start, end, span.points, newest=newest), newest

    def _day(self, known: _Known, end: Milliseconds) -> Milliseconds:
        """Return the start of the day until `end`, or later where a model is younger: its first hours fill a chart."""
        read = partial(self._engine.slice_rows, known.profile.model, known.profile.digest)
        first = known.rows.first(self._engine.folded(known.profile.model, known.profile.digest), read)
        return max(0, end - DAY, first if first < end else 0)

    def _history(self, profile: Profile) -> History:
        return lambda start, end: self._engine.history_bytes(profile.model, start, end, profile.digest)

    def _heads(self, profile: Profile) -> History:
        return lambda start, end: self._engine.history_heads(profile.model, start, end, profile.digest, HEAD)

    def _window(self, known: _Known, end: Milliseconds) -> Window:
        """Return the window that is shown as of a time; it is read once for all who look at it."""
        profile = known.profile
        settings = self._engine.compiled(profile.model, profile.digest).settings.window
        window = known.windows.get((end, settings))
        if window is None:
            window = self._engine.window(profile.model, profile.digest, end)
            known.windows.clear()
            known.windows[end, settings] = window
        return window

    def _moments(self, known: _Known, buckets: Buckets, newest: Milliseconds) -> Moments:
        return known.moments.of(buckets, newest, self._history(known.profile))

    def _columns(self, known: _Known, part: slice, buckets: Buckets, newest: Milliseconds) -> Columns:
        read = partial(self._engine.slices, known.profile.model, known.profile.digest)
        if buckets.start >= newest - REACH:
            return known.counts.of(part, newest, read)
        # longer ago there is one slice an hour, and a chart of weeks is asked for rarely
        slices = read(buckets.start, min(buckets.end, newest))
        return [(slice_.end, slice_.summary.counts[part]) for slice_ in slices]

    def _strip(self, known: _Known, buckets: Buckets, newest: Milliseconds, standing: Standing) -> JSON:
        read = partial(self._engine.slice_rows, known.profile.model, known.profile.digest)
        rows = known.rows.of(buckets, newest, read)
        states = known.states.of(buckets, newest, self._heads(known.profile))
        return strip(buckets, states, rows, standing.incidents)

    # --- what is kept

    def forget(self, model: str) -> None:
        """Forget what was read of a model that is deleted: one of the same name may come, with the same profile."""
        self._known.drop_model(model)

    def _of(self, profile: Profile) -> _Known:
        known = self._known.get(profile.model, profile.digest)
        return _Known.of(profile) if known is None else known

    def _keep(self, known: _Known) -> None:
        self._known.put(known.profile.model, known.profile.digest, known)


def _end_of(verdict: JSON) -> Milliseconds:
    """Return the end of a verdict's window; 0 before the first."""
    end = verdict["window"]["end"]
    return 0 if end is None else parse_time(end)

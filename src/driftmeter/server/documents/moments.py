"""Past verdicts, read once each: the last one of each bucket of event time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from driftmeter.page.buckets import Buckets, kept_step
from driftmeter.page.past import Moment
from driftmeter.types import Milliseconds
from driftmeter.verdict.verdict import State

History = Callable[[Milliseconds, Milliseconds], Sequence[tuple[Milliseconds, bytes]]]
"""Reads the verdicts kept from one time to another, both included, ascending."""
_WIDER = 4
"""How many times as far back the last verdict of a bucket is looked for each time that there was none."""


class _FeatureNumbers(Struct, gc=False):
    evidence: float | None
    effect: float | None
    drifting: bool


class _VerdictNumbers(Struct, gc=False):
    state: State
    features: list[_FeatureNumbers]


_decoder = msgspec.json.Decoder(_VerdictNumbers)


def last_verdict(
    start: Milliseconds, until: Milliseconds, newest: Milliseconds, history: History
) -> tuple[Milliseconds, bytes] | None:
    """Return the last verdict kept from `start` to `until`, None without one; few are read at a time."""
    span = kept_step(until, newest)
    while True:
        since = max(start, until - span)
        kept = history(since, until)
        if kept:
            return kept[-1]
        if since == start:
            return None
        span *= _WIDER


def nearest_verdict(start: Milliseconds, end: Milliseconds, newest: Milliseconds, history: History) -> bytes | None:
    """Return the verdict for a window from `start` to `end`: the last kept until its end, or else the first after it.

    None where none is kept so near.
    """
    last = last_verdict(start, end, newest, history)
    following = history(end, end + kept_step(end, newest)) if last is None else [last]
    return following[0][1] if following else None


def moment_of(at: Milliseconds, verdict: bytes) -> Moment:
    """Read a verdict of the time `at`."""
    read = _decoder.decode(verdict)
    return Moment.of(at, read.state, [(one.evidence, one.effect, one.drifting) for one in read.features])


class Moments:
    """The moments of one profile that were asked for last. Thread-safe.

    The last verdict of a bucket is read once the bucket is over, and then kept: steps are no finer than what a store
    keeps of their time, so that it keeps this verdict too.
    """

    def __init__(self, most: int) -> None:
        """Keep at most so many moments."""
        self._most = most
        self._known: dict[tuple[Milliseconds, Milliseconds], Moment | None] = {}  # least recently used first
        self._lock = threading.Lock()

    @property
    def weight(self) -> int:
        """The numbers that are kept."""
        return sum(moment.features.size for moment in list(self._known.values()) if moment is not None)

    def of(self, buckets: Buckets, newest: Milliseconds, history: History) -> list[Moment | None]:
        """Return the last moment of each bucket; `newest` is when the newest verdict was made."""
        starts = range(buckets.start, buckets.end, buckets.step)
        with self._lock:
            return [self._last(start, start + buckets.step, newest, history) for start in starts]

    def _last(self, start: Milliseconds, end: Milliseconds, newest: Milliseconds, history: History) -> Moment | None:
        if start > newest:
            return None
        if end >= newest:
            return _read_last(start, newest, newest, history)
        key = start, end
        moment = self._known.pop(key) if key in self._known else _read_last(start, end - 1, newest, history)
        self._known[key] = moment
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        return moment


def _read_last(start: Milliseconds, until: Milliseconds, newest: Milliseconds, history: History) -> Moment | None:
    last = last_verdict(start, until, newest, history)
    return None if last is None else moment_of(*last)

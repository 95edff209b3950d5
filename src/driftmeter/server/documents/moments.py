"""Past verdicts, read once each: the last one of each bucket of event time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from driftmeter.page.buckets import FINEST, Buckets, kept_step
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


def moment_of(at: Milliseconds, verdict: bytes) -> Moment:
    """Read a verdict of the time `at`."""
    read = _decoder.decode(verdict)
    return Moment.of(at, read.state, [(one.evidence, one.effect, one.drifting) for one in read.features])


class Moments:
    """The moments of one profile that were asked for last. Thread-safe.

    A verdict that ended a bucket is read once. What a store keeps of a time changes as that time gets older, so a
    bucket is read again then: answers are those of a process that has just started.
    """

    def __init__(self, most: int) -> None:
        """Keep at most so many moments."""
        self._most = most
        self._known: dict[tuple[Milliseconds, Milliseconds, Milliseconds], Moment | None] = {}  # oldest use first
        self._lock = threading.Lock()

    @property
    def weight(self) -> int:
        """The numbers that are kept."""
        return sum(moment.features.size for moment in self._known.values() if moment is not None)

    def of(self, buckets: Buckets, newest: Milliseconds, history: History) -> list[Moment | None]:
        """Return the last moment of each bucket; `newest` is when the newest verdict was made."""
        with self._lock:
            return [
                self._last(buckets.start + place * buckets.step, buckets.step, newest, history)
                for place in range(buckets.number)
            ]

    def _last(self, start: Milliseconds, step: Milliseconds, newest: Milliseconds, history: History) -> Moment | None:
        if start > newest:
            return None
        end = start + step
        # what is kept of an unfinished bucket changes with each verdict, of a finished one with each merge
        key = start, step, newest if end >= newest else -kept_step(end, newest)
        if key in self._known:
            moment = self._known[key] = self._known.pop(key)
            return moment
        if end >= newest:
            for other in [other for other in self._known if other[:2] == key[:2]]:
                del self._known[other]
        moment = self._known[key] = _read_last(start, end, newest, history)
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        return moment


def _read_last(start: Milliseconds, end: Milliseconds, newest: Milliseconds, history: History) -> Moment | None:
    """Return the last moment from `start` to before `end`; the store is asked for few verdicts at a time.

    The newest of all belongs to the bucket that it ends: of the others, a store keeps the last before each full hour.
    """
    until = min(end - 1, newest) if end != newest else newest
    span = kept_step(until, newest) if until < newest else FINEST
    while True:
        since = max(start, until - span)
        kept = history(since, until)
        if kept:
            return moment_of(*kept[-1])
        if since == start:
            return None
        span *= _WIDER

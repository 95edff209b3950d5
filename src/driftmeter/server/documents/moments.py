"""Past verdicts, read once each: the last one of each bucket of event time."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from driftmeter.page.buckets import Buckets, kept_step
from driftmeter.page.past import Moment
from driftmeter.types import Milliseconds
from driftmeter.verdict.verdict import State

History = Callable[[Milliseconds, Milliseconds], Sequence[tuple[Milliseconds, bytes]]]
"""Reads the verdicts kept from one time to another, both included, ascending."""
HEAD = 2_000
"""Bytes of a verdict that hold its state: the names of model and profile come before it."""
_STATE = re.compile(rb'"state":"([a-z]+)"')
T = TypeVar("T")
_WIDER = 4
"""How many times as far back the last verdict of a bucket is looked for each time that there was none."""


class _FeatureNumbers(Struct, gc=False):
    evidence: float | None
    effect: float | None
    drifting: bool


class _VerdictNumbers(Struct, gc=False):
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
    return Moment.of(at, [(one.evidence, one.effect, one.drifting) for one in read.features])


def state_of(at: Milliseconds, head: bytes) -> State | None:
    """Read the state of a verdict from its first bytes."""
    found = _STATE.search(head)
    return None if found is None else found[1].decode()  # type: ignore[return-value]  # as a verdict wrote it


class LastOfEach(Generic[T]):
    """What was read of the last verdict in each bucket that was asked for last. Thread-safe.

    It is read once the bucket is over, and then kept: steps are no finer than what a store keeps of their time, so that
    it keeps this verdict too.
    """

    def __init__(self, read: Callable[[Milliseconds, bytes], T], most: int, weight: int) -> None:
        """Keep what `read` makes of at most so many verdicts, each of at most a `weight`."""
        self._read, self._most, self._weight = read, most, weight
        self._known: dict[tuple[Milliseconds, Milliseconds], T | None] = {}  # least recently used first
        self._lock = threading.Lock()

    @property
    def weight(self) -> int:
        """The weight of all that is kept, at most."""
        return len(self._known) * self._weight

    def of(self, buckets: Buckets, newest: Milliseconds, history: History) -> list[T | None]:
        """Return what is read of each bucket's last verdict; `newest` is when the newest of all was made."""
        starts = range(buckets.start, buckets.end, buckets.step)
        with self._lock:
            return [self._last(start, start + buckets.step, newest, history) for start in starts]

    def _last(self, start: Milliseconds, end: Milliseconds, newest: Milliseconds, history: History) -> T | None:
        if start > newest:
            return None
        if end >= newest:
            return self._read_last(start, newest, newest, history)
        key = start, end
        one = self._known.pop(key) if key in self._known else self._read_last(start, end - 1, newest, history)
        self._known[key] = one
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        return one

    def _read_last(self, start: Milliseconds, until: Milliseconds, newest: Milliseconds, history: History) -> T | None:
        last = last_verdict(start, until, newest, history)
        return None if last is None else self._read(*last)

"""Joiner: request and answer of one call, which come one after the other, in any order, or alone."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from driftmeter.payloads.events import Side
from driftmeter.types import Milliseconds

T = TypeVar("T")
Reason = Literal["joined", "waited", "pushed out", "ended", "no key"]

_ENTRY = 300
"""Bytes that one waiting half takes beside its content, about; an identity takes less."""


@dataclass(frozen=True)
class Joined(Generic[T]):
    """Both sides of a call, or the one that came, and why the other is not there."""

    request: T | None
    answer: T | None
    reason: Reason


@dataclass(frozen=True)
class _Half(Generic[T]):
    side: Side
    key: str
    content: T
    size: int
    at: Milliseconds

    def alone(self, reason: Reason) -> Joined[T]:
        request = self.side == "request"
        return Joined(self.content if request else None, None if request else self.content, reason)


class Joiner(Generic[T]):
    """Joins halves by key, in bounded memory. Belongs to one thread.

    A half waits at most `wait` milliseconds by `clock`, and leaves alone then; so does the oldest half where all
    together would take more than `most_bytes`. Where a key comes again on the same side, the first of one side joins
    the first of the other. An event that is sent again is counted in `duplicates`, and nothing else.

    >>> joiner = Joiner[str](wait=1_000, most_bytes=1_000_000, clock=lambda: 0)
    >>> joiner.add("request", "7", "x", 1)
    []
    >>> joiner.add("answer", "7", "y", 1)
    [Joined(request='x', answer='y', reason='joined')]
    """

    def __init__(self, *, wait: Milliseconds, most_bytes: int, clock: Callable[[], Milliseconds]) -> None:
        """Hold nothing yet."""
        self._wait, self._most, self._clock = wait, most_bytes, clock
        self._halves: OrderedDict[int, _Half[T]] = OrderedDict()
        self._of_key: dict[str, deque[int]] = {}
        self._seen: OrderedDict[bytes, Milliseconds] = OrderedDict()
        self._tickets = 0
        self.bytes = 0
        """What the waiting halves take, about."""
        self.duplicates = 0

    def __len__(self) -> int:
        """Return the number of halves that wait."""
        return len(self._halves)

    def add(self, side: Side, key: str | None, content: T, size: int, identity: bytes | None = None) -> list[Joined[T]]:
        """Take one half, of `size` bytes; return what is joined or leaves now, in the order in which it came.

        A half without a key leaves at once. `identity` is what the same event has when it is sent again.
        """
        now = self._clock()
        leaving = list(self._overdue(now))
        if identity is not None:
            if identity in self._seen:
                self.duplicates += 1
                return leaving
            self._seen[identity] = now
            self.bytes += _ENTRY
        if key is None:
            return [*leaving, _Half(side, "", content, size, now).alone("no key")]
        waiting = self._of_key.get(key)
        if waiting and self._halves[waiting[0]].side != side:
            other = self._take(waiting[0])
            request, answer = (content, other.content) if side == "request" else (other.content, content)
            return [*leaving, Joined(request, answer, "joined"), *self._pushed_out()]
        self._tickets += 1
        self._halves[self._tickets] = _Half(side, key, content, size + _ENTRY, now)
        self._of_key.setdefault(key, deque()).append(self._tickets)
        self.bytes += size + _ENTRY
        return [*leaving, *self._pushed_out()]

    def overdue(self) -> list[Joined[T]]:
        """Return the halves that have waited long enough."""
        return list(self._overdue(self._clock()))

    def flush(self) -> list[Joined[T]]:
        """Return all that still waits: no more will come."""
        return [self._take(ticket).alone("ended") for ticket in list(self._halves)]

    def _overdue(self, now: Milliseconds) -> Iterator[Joined[T]]:
        while self._halves and next(iter(self._halves.values())).at + self._wait <= now:
            yield self._take(next(iter(self._halves))).alone("waited")
        while self._seen and next(iter(self._seen.values())) + self._wait <= now:
            self._forget()

    def _pushed_out(self) -> Iterator[Joined[T]]:
        """Make room: the identities of half the time are forgotten before a half must leave."""
        while self.bytes > self._most and (self._halves or self._seen):
            if (self._seen and len(self._seen) * _ENTRY > self._most // 2) or not self._halves:
                self._forget()
            else:
                yield self._take(next(iter(self._halves))).alone("pushed out")

    def _forget(self) -> None:
        self._seen.popitem(last=False)
        self.bytes -= _ENTRY

    def _take(self, ticket: int) -> _Half[T]:
        half = self._halves.pop(ticket)
        waiting = self._of_key[half.key]
        waiting.remove(ticket)
        if not waiting:
            del self._of_key[half.key]
        self.bytes -= half.size
        return half

"""What `bench/scale.py --sources` measures: panes of 10, 100 and 1,000 sources, put into a store and folded.

Three models in one store, one for each number of sources, take turns pane by pane. The store is called in this process
as a metric server calls it: writes in transactions of ten, then `Engine.advance`, which closes the pane before
and folds it. Only the clock is virtual. Each model begins with an hour of panes of one source each, so that all its
windows, charts and merges are those of steady running; every source then counts 500 rows in a pane, as 50 rows/s.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Console

from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.store import Store
from driftmeter.store.records import PutPane
from driftmeter.types import Clock, Counts, Milliseconds
from scale_tier import Counter, RedisServer, a_store, pane_of, profile_of

SOURCES = (10, 100, 1_000)
ROWS = 500
TIMING = Timing()
HOUR_OF_PANES = 3_600_000 // TIMING.pane + 1
TOGETHER = 10
"""Writes of one transaction: what some hundred requests a second bring in the time that the server gathers them."""
BEGIN: Milliseconds = 1_700_000_000_000
DRAWN = 4
"""Panes of which all counts are drawn; then they come again."""


@dataclass
class Turn:
    """What one pane took: CPU seconds of this process and of Redis, and for the fold seconds by the clock, of which
    `in_store` passed in calls of the store."""

    put_cpu: float = 0.0
    put_redis: float = 0.0
    fold_cpu: float = 0.0
    fold_redis: float = 0.0
    fold: float = 0.0
    in_store: float = 0.0

    @property
    def fold_all(self) -> float:
        """CPU seconds of the fold, which others on the machine hardly change."""
        return self.fold_cpu + self.fold_redis

    @property
    def cpu(self) -> float:
        """All CPU seconds."""
        return self.put_cpu + self.put_redis + self.fold_cpu + self.fold_redis


class Watched:
    """A store whose calls are timed."""

    def __init__(self, store: Store) -> None:
        """Time the calls of `store`."""
        self._store = store
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        """Return a method that adds to `seconds`."""
        method = getattr(self._store, name)

        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*args, **options)
            finally:
                self.seconds += time.perf_counter() - began

        return timed


@dataclass
class Hand:
    """A clock that is set by hand."""

    time: Milliseconds = BEGIN

    def __call__(self) -> Milliseconds:
        """Return the time."""
        return self.time


@dataclass
class Fleet:
    """A model and its sources."""

    profile: Profile
    sources: int
    counts: Counts
    turns: list[Turn] = field(default_factory=list)

    def writes(self, start: Milliseconds, number: int) -> Iterator[list[PutPane]]:
        """Make what each source has to say of a pane, some at a time."""
        counts = self.counts[number % DRAWN]
        for first in range(0, self.sources, TOGETHER):
            yield [
                PutPane(
                    self.profile.model,
                    pane_of(self.profile, start, TIMING.pane, f"model-server-{each}", number + 1, ROWS, counts[each]),
                )
                for each in range(first, min(first + TOGETHER, self.sources))
            ]

    def whole(self, start: Milliseconds, number: int) -> PutPane:
        """Make a pane of one source that has all rows."""
        total: Counts = self.counts[number % DRAWN].sum(axis=0)
        rows = ROWS * self.sources
        return PutPane(self.profile.model, pane_of(self.profile, start, TIMING.pane, "warm", number + 1, rows, total))


@contextmanager
def open_store_at(kind: str, clock: Clock) -> Iterator[tuple[Store, RedisServer | None]]:
    """Give an empty store whose time is that of `clock`."""
    with a_store(kind) as (url, redis):
        store: Store
        if redis is not None:
            from driftmeter.store.redis.store import RedisStore

            store = RedisStore(url, clock=clock)
        else:
            from driftmeter.store.sqlite.store import SQLiteStore

            store = SQLiteStore(url.removeprefix("sqlite:///"), clock=clock)
        try:
            yield store, redis
        finally:
            store.close()


def fleets() -> list[Fleet]:
    """Make the models."""
    found = []
    for sources in SOURCES:
        profile = profile_of(f"sources-{sources}")
        drawn = Counter(profile, sources).draw(ROWS, DRAWN * sources)
        found.append(Fleet(profile, sources, drawn.reshape(DRAWN, sources, profile.bins)))
    return found


def warm(engine: Engine, models: list[Fleet], clock: Hand) -> int:
    """Give each model an hour of panes; return the number of the next one."""
    for fleet in models:
        engine.register(fleet.profile)
    for number in range(HOUR_OF_PANES):
        start = clock.time
        for fleet in models:
            _made(engine.store.commit([fleet.whole(start, number)]))
        clock.time += TIMING.pane
        for fleet in models:
            engine.advance(fleet.profile.model)
    return HOUR_OF_PANES


def measure(kind: str, panes: int, console: Console) -> list[Fleet]:
    """Put and fold that many panes of each model."""
    clock, models = Hand(BEGIN // TIMING.pane * TIMING.pane), fleets()
    with open_store_at(kind, clock) as (opened, redis):
        store = Watched(opened)
        engine = Engine(store, timing=TIMING)
        first = warm(engine, models, clock)
        console.print(f"an hour of panes is folded; {models[0].profile.bins} bins", style="dim")
        for number in range(first, first + panes):
            start = clock.time
            turns = [Turn() for _ in models]
            for fleet, turn in zip(models, turns, strict=True):
                batches = list(fleet.writes(start, number))
                own, other = time.process_time(), redis.cpu() if redis else 0.0
                for batch in batches:
                    _made(store.commit(batch))
                turn.put_cpu, turn.put_redis = time.process_time() - own, (redis.cpu() if redis else 0.0) - other
            clock.time += TIMING.pane
            for fleet, turn in zip(models, turns, strict=True):
                store.seconds = 0.0
                other, own = redis.cpu() if redis else 0.0, time.process_time()
                began = time.perf_counter()
                folded = engine.advance(fleet.profile.model)
                turn.fold, turn.in_store = time.perf_counter() - began, store.seconds
                turn.fold_cpu, turn.fold_redis = time.process_time() - own, (redis.cpu() if redis else 0.0) - other
                if not folded:
                    raise RuntimeError("no pane was folded")
                if number > first:  # that closed the last pane of the warm-up
                    fleet.turns.append(turn)
    return models


def _made(receipts: list[Any]) -> None:
    for receipt in receipts:
        if isinstance(receipt, Exception):
            raise receipt
        if receipt.late or receipt.duplicate:
            raise RuntimeError(f"a write was late, or there already: {receipt}")


def median(values: Iterator[float]) -> float:
    """Return the median."""
    return float(np.median(list(values)))

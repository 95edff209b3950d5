"""The measurement of `bench/scale.py --sources`: panes of 10, 100 and 1,000 sources are put into a store and folded.

Three models in one store, one for each number of sources, take turns pane by pane. This process calls the store as a
metric server does: it writes in transactions of ten, then `Engine.advance` closes the previous pane and folds it. Only
the clock is virtual. Each model begins with an hour of panes of one source each, so that its windows, charts and merges
are in a steady state. After that, each source counts 500 rows in a pane, as at 50 rows/s.
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
from scale_tier import Counter, RedisServer, empty_store, fit_profile, pane_of

SOURCES = (10, 100, 1_000)
ROWS = 500
TIMING = Timing()
HOUR_OF_PANES = 3_600_000 // TIMING.pane + 1
WRITES_A_TRANSACTION = 10
"""Writes in one transaction: about as many as a server gathers at a few hundred requests a second."""
BEGIN: Milliseconds = 1_700_000_000_000
DISTINCT_PANES = 4
"""Panes whose counts are drawn; later panes repeat them."""


@dataclass
class PaneCost:
    """The cost of one pane: CPU seconds of this process and of Redis, and wall-clock seconds of the fold.

    `in_store` is the part of `fold` that is spent in calls of the store.
    """

    put_cpu: float = 0.0
    put_redis: float = 0.0
    fold_cpu: float = 0.0
    fold_redis: float = 0.0
    fold: float = 0.0
    in_store: float = 0.0

    @property
    def fold_all(self) -> float:
        """CPU seconds of the fold: other processes on the machine hardly change them."""
        return self.fold_cpu + self.fold_redis

    @property
    def cpu(self) -> float:
        """All CPU seconds."""
        return self.put_cpu + self.put_redis + self.fold_cpu + self.fold_redis


class TimedStore:
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
class SetClock:
    """A clock that shows `time` until it is set."""

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
    turns: list[PaneCost] = field(default_factory=list)

    def writes(self, start: Milliseconds, number: int) -> Iterator[list[PutPane]]:
        """Yield the writes of all sources for one pane, one transaction at a time."""
        counts = self.counts[number % DISTINCT_PANES]
        for first in range(0, self.sources, WRITES_A_TRANSACTION):
            yield [
                PutPane(
                    self.profile.model,
                    pane_of(
                        self.profile, start, TIMING.pane, f"model-server-{source}", number + 1, ROWS, counts[source]
                    ),
                )
                for source in range(first, min(first + WRITES_A_TRANSACTION, self.sources))
            ]

    def whole(self, start: Milliseconds, number: int) -> PutPane:
        """Return a pane of one source with the rows of all sources."""
        total: Counts = self.counts[number % DISTINCT_PANES].sum(axis=0)
        rows = ROWS * self.sources
        return PutPane(self.profile.model, pane_of(self.profile, start, TIMING.pane, "warm", number + 1, rows, total))


@contextmanager
def empty_store_at(kind: str, clock: Clock) -> Iterator[tuple[Store, RedisServer | None]]:
    """Yield an empty store with its own clock, and its Redis server if it has one."""
    with empty_store(kind) as (url, redis):
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
    """Return a model for each number of sources."""
    models = []
    for sources in SOURCES:
        profile = fit_profile(f"sources-{sources}")
        drawn = Counter(profile, sources).draw(ROWS, DISTINCT_PANES * sources)
        models.append(Fleet(profile, sources, drawn.reshape(DISTINCT_PANES, sources, profile.bins)))
    return models


def warm(engine: Engine, models: list[Fleet], clock: SetClock) -> int:
    """Fold an hour of panes of each model; return the number of the next pane."""
    for fleet in models:
        engine.register(fleet.profile)
    for number in range(HOUR_OF_PANES):
        start = clock.time
        for fleet in models:
            _check_receipts(engine.store.commit([fleet.whole(start, number)]))
        clock.time += TIMING.pane
        for fleet in models:
            engine.advance(fleet.profile.model)
    return HOUR_OF_PANES


def measure(kind: str, panes: int, console: Console) -> list[Fleet]:
    """Put and fold `panes` panes of each model, and record the cost of each."""
    clock, models = SetClock(BEGIN // TIMING.pane * TIMING.pane), fleets()
    with empty_store_at(kind, clock) as (opened, redis):
        store = TimedStore(opened)
        engine = Engine(store, timing=TIMING)
        first = warm(engine, models, clock)
        console.print(f"an hour of panes is folded; {models[0].profile.bins} bins", style="dim")
        for number in range(first, first + panes):
            start = clock.time
            turns = [PaneCost() for _ in models]
            for fleet, turn in zip(models, turns, strict=True):
                batches = list(fleet.writes(start, number))
                cpu, redis_cpu = time.process_time(), redis.cpu() if redis else 0.0
                for batch in batches:
                    _check_receipts(store.commit(batch))
                turn.put_cpu, turn.put_redis = time.process_time() - cpu, (redis.cpu() if redis else 0.0) - redis_cpu
            clock.time += TIMING.pane
            for fleet, turn in zip(models, turns, strict=True):
                store.seconds = 0.0
                redis_cpu, cpu = redis.cpu() if redis else 0.0, time.process_time()
                began = time.perf_counter()
                folded = engine.advance(fleet.profile.model)
                turn.fold, turn.in_store = time.perf_counter() - began, store.seconds
                turn.fold_cpu, turn.fold_redis = time.process_time() - cpu, (redis.cpu() if redis else 0.0) - redis_cpu
                if not folded:
                    raise RuntimeError("no pane was folded")
                if number > first:  # the first fold closes the last pane of the warm-up
                    fleet.turns.append(turn)
    return models


def _check_receipts(receipts: list[Any]) -> None:
    for receipt in receipts:
        if isinstance(receipt, Exception):
            raise receipt
        if receipt.late or receipt.duplicate:
            raise RuntimeError(f"a write was late, or there already: {receipt}")


def median(values: Iterator[float]) -> float:
    """Return the median."""
    return float(np.median(list(values)))

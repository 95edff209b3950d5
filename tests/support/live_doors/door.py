"""What a live door is to the test that compares them: a way to send rows to a metric server, and what it needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from driftmeter.client import Monitor
from driftmeter.counts.summary import Summary
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.sqlite.store import SQLiteStore
from tests.support.clocks import SetClock
from tests.support.metric_server import metric_server
from tests.support.served_rows import START, ServedRows, served_profile

MODEL = "flights"
AT_ONCE = 500
"""Rows of a request."""
PANE = 10_000


@dataclass(frozen=True)
class Counting:
    """A metric server that knows the profile of the flights, on a clock that stands still until all was sent."""

    url: str
    engine: Engine
    clock: SetClock

    @property
    def now(self) -> dt.datetime:
        """The time of the server."""
        return dt.datetime.fromtimestamp(self.clock.now / 1000, dt.UTC)

    @contextmanager
    def monitor(self, **options: Any) -> Iterator[Monitor]:
        """Make a monitor that reports here, and have it send all that it counted in the end."""
        with Monitor(self.url, MODEL, interval=0.05, timeout=20.0, **options) as monitor:
            yield monitor
            assert monitor.flush(60.0)
            stats = monitor.stats()
            assert (stats["observed"], stats["late"]) == (stats["counted"], 0), stats

    def counted(self) -> Summary:
        """Close all panes, and return the sum of their slices."""
        for _ in range(30):
            self.clock.now += PANE
            self.engine.advance(MODEL)
        store = self.engine.store
        record = store.model(MODEL)
        assert [source.late for source in store.sources(MODEL) if source.late] == []
        slices = store.recent(MODEL, record.digest, record.frozen, WindowSetting(10**12, 0))
        return Summary.sum((part.summary for part in slices), served_profile().bins)


@contextmanager
def counting() -> Iterator[Counting]:
    """Run a metric server for the flights; its time is some hours after the last of them."""
    clock = SetClock(round((START + dt.timedelta(hours=12)).timestamp()) * 1000)
    store = SQLiteStore(None, clock=clock)
    engine = Engine(store, timing=Timing(PANE, 60_000))
    engine.register(served_profile())
    try:
        with metric_server(engine) as url:
            yield Counting(url, engine, clock)
    finally:
        store.close()


@dataclass(frozen=True)
class Door:
    """A way to send rows, and the rows of the tables in docs/doors.md that it stands for.

    `needs` is the package without which it is not tested: `make test-doors` has them all.
    """

    send: Callable[[Counting, ServedRows], None]
    documented: tuple[str, ...] = ()
    needs: str | None = None

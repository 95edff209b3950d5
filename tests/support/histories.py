"""Histories of verdicts: what a store holds at the end, whichever door the rows came through."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from driftmeter.client import Monitor
from driftmeter.engine.engine import Engine
from driftmeter.panes.coverage import SourceRecord
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.store.records import AddRows
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.types import Milliseconds
from tests.support.clocks import SetClock
from tests.support.metric_server import metric_server

_AT_ONCE = 10_000
History = list[tuple[Milliseconds, bytes]]


def register(path: Path, profile: Profile, timing: Timing) -> str:
    """Make a store with a model, and return its URL."""
    engine = Engine(SQLiteStore(path), timing=timing)
    engine.register(profile)
    engine.store.close()
    return f"sqlite:///{path}"


def history_of(path: Path, profile: Profile) -> History:
    """Close all panes that sources promise no more rows for, and return all verdicts that the store keeps."""
    engine = Engine(SQLiteStore(path))
    while engine.advance(profile.model):
        pass
    history = engine.store.history(profile.model, profile.digest, 0, 1 << 50)
    engine.store.close()
    return history


def source_of(path: Path, profile: Profile) -> SourceRecord:
    """Return the only source of a model."""
    store = SQLiteStore(path)
    (source,) = store.sources(profile.model)
    store.close()
    return source


def end_source(path: Path, profile: Profile, end: Milliseconds) -> None:
    """Say for the only source of a model that no rows from before `end` will come, as its next rows would."""
    source = source_of(path, profile)
    store = SQLiteStore(path)
    nothing = AddRows(profile.model, profile.digest, source.source, (), SourceTotals(), watermark=end)
    store.commit([nothing])
    store.close()


def history_by_sdk(path: Path, profile: Profile, timing: Timing, rows: pa.Table, time: str) -> History:
    """Send rows through the SDK and a metric server, whose clock stands still meanwhile, and return the verdicts."""
    moments = rows[time].cast(pa.int64()).to_numpy()
    clock = SetClock(int(moments.max()) + 1_000)
    engine = Engine(SQLiteStore(path, clock=clock), timing=timing)
    engine.register(profile)
    with metric_server(engine) as url:
        monitor = Monitor(url, model=profile.model, profile=profile)
        for first in range(0, len(rows), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            table = rows.drop_columns([time]).slice(first, _AT_ONCE)
            monitor.observe_many(table, timestamp=(moments[part] / 1000).tolist())
            assert monitor.flush(timeout=120.0)
        monitor.close()
    (source,) = engine.store.sources(profile.model)
    assert source.added == len(rows)
    for _ in range(4):  # an absence of the servers makes live time stand still for a while
        clock.now += timing.lateness
        while engine.advance(profile.model):
            pass
    history = engine.store.history(profile.model, profile.digest, 0, 1 << 50)
    engine.store.close()
    return history

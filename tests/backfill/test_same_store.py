"""What a backfill leaves in a store is what the live system would have left, byte for byte."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.settings.model import ModelSettings
from driftmeter.store.redis.store import RedisStore
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import DAY, HOUR, MINUTE
from driftmeter.verdict.judge_state import incidents_in, live_calibration_in
from tests.backfill.harness import NOW, TIME, answers, backfill, content, frame, live, profile
from tests.support.clocks import SetClock
from tests.support.redis_server import shared_server

# rows, ms between them, ms of a pane: over an hour, two days, a year
SPANS = [(4_000, 1_000, 10_000), (6_000, 30_000, 300_000), (12_000, 45 * MINUTE, 12 * HOUR)]


@pytest.mark.parametrize(("rows", "step", "pane"), SPANS)
@pytest.mark.parametrize("independent", [True, False])
def test_a_backfill_leaves_what_the_live_system_leaves(
    rows: int, step: int, pane: int, independent: bool, tmp_path: Path
) -> None:
    data, reference, timing = frame(rows, seed=2, step=step), profile(independent=independent), Timing(pane)
    data.write_parquet(tmp_path / "rows.parquet", row_group_size=1_000)
    live(tmp_path / "live.sqlite", reference, data, timing)
    tally = backfill(tmp_path / "backfill.sqlite", reference, tmp_path / "rows.parquet", timing)
    assert (tally.rows, tally.counted) == (rows, rows)
    expected = content(tmp_path / "live.sqlite")
    assert content(tmp_path / "backfill.sqlite") == expected
    assert len(expected["verdicts"]) > 100
    assert bool(expected["texts"]) == (rows * step < 90 * DAY)  # the new cities are of the middle third
    state = expected["progress"][0][2]
    if independent:
        assert incidents_in(state)
    else:  # it learns once a day what is normal
        assert (live_calibration_in(state) is not None) == (rows * step > DAY)


def test_the_order_of_the_rows_and_of_the_files_does_not_matter(tmp_path: Path) -> None:
    data, reference, timing = frame(4_000, seed=2, step=60_000), profile(), Timing(600_000)
    data.write_parquet(tmp_path / "rows.parquet")
    backfill(tmp_path / "one.sqlite", reference, tmp_path / "rows.parquet", timing)
    shuffled = data.sample(fraction=1.0, shuffle=True, seed=3)
    for number in range(7):
        folder = tmp_path / "lake" / f"part={number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        shuffled[number::7].write_parquet(folder / f"{number}.parquet")
    backfill(tmp_path / "other.sqlite", reference, tmp_path / "lake", timing)
    assert content(tmp_path / "other.sqlite") == content(tmp_path / "one.sqlite")


def test_a_second_backfill_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    data, reference, timing = frame(6_000, seed=2, step=30_000), profile(), Timing(60_000)
    data.write_parquet(tmp_path / "rows.parquet")
    backfill(tmp_path / "once.sqlite", reference, tmp_path / "rows.parquet", timing)
    for name, first, last in (("first", 0, 3_333), ("second", 3_000, 6_000)):
        data[first:last].write_parquet(tmp_path / f"{name}.parquet")
    backfill(tmp_path / "twice.sqlite", reference, tmp_path / "first.parquet", timing)
    tally = backfill(tmp_path / "twice.sqlite", reference, tmp_path / "second.parquet", timing)
    again = backfill(tmp_path / "twice.sqlite", reference, tmp_path / "second.parquet", timing)
    # the pane at the seam was closed by the first: its one row that the second has beside is too late
    assert tally.dropped == {"closed": 334}
    assert again.dropped == {"closed": 3_000}
    seam = data[3_333:3_334]
    pl.concat([data[:3_333], data[3_334:]]).write_parquet(tmp_path / "without.parquet")
    assert len(seam) == 1
    backfill(tmp_path / "without.sqlite", reference, tmp_path / "without.parquet", timing)
    assert content(tmp_path / "twice.sqlite") == content(tmp_path / "without.sqlite")


def test_the_settings_of_the_model_decide(tmp_path: Path) -> None:
    data, reference, timing = frame(5_000, seed=2, step=10_000), profile(), Timing(60_000)
    data.write_parquet(tmp_path / "rows.parquet")
    settings = ModelSettings(window=WindowSetting(30 * MINUTE, 2_500), guarantee="strict", unseen_texts=False)
    live(tmp_path / "live.sqlite", reference, data, timing, settings)
    backfill(tmp_path / "backfill.sqlite", reference, tmp_path / "rows.parquet", timing, settings)
    expected = content(tmp_path / "live.sqlite")
    assert content(tmp_path / "backfill.sqlite") == expected
    assert not expected["texts"]


def test_rows_that_arrived_after_their_pane_was_closed_are_late_as_live(tmp_path: Path) -> None:
    reference, timing = profile(), Timing(10_000, 30_000)
    data = frame(3_000, seed=2, step=1_000)
    delays = np.zeros(3_000, np.int64)
    delays[100:120] = 40_001  # the pane of the row at 100 s ends at 110 s, and is closed at 140 s
    delays[500] = -60_001  # a minute and more before it happened
    delays[600] = -60_000
    arrivals = (pl.col(TIME).dt.epoch("ms") + pl.Series(delays)).cast(pl.Datetime("ms", "UTC"))
    data = data.with_columns(arrivals.alias("arrived"))
    data.write_parquet(tmp_path / "rows.parquet")
    tally = backfill(tmp_path / "a.sqlite", reference, tmp_path / "rows.parquet", timing, arrival="arrived")
    # 40.001 s after their time all rows of a pane but the latest ones are beyond its end and the lateness
    late = [row for row in range(100, 120) if row * 1_000 // 10_000 * 10_000 + 10_000 + 30_000 <= row * 1_000 + 40_001]
    assert late == [*range(100, 120)]
    assert tally.dropped == {"late": 20, "future": 1}
    kept = np.ones(3_000, bool)
    kept[[*late, 500]] = False
    live(tmp_path / "b.sqlite", reference, data.filter(pl.Series(kept)), timing)
    assert content(tmp_path / "a.sqlite") == content(tmp_path / "b.sqlite")


def test_panes_that_have_not_ended_are_left_for_the_live_system(tmp_path: Path) -> None:
    data, reference, timing = frame(1_000, seed=2, step=1_000), profile(), Timing(60_000)
    data.write_parquet(tmp_path / "rows.parquet")
    now = int(data[TIME].dt.epoch("ms")[-1])
    tally = backfill(tmp_path / "a.sqlite", reference, tmp_path / "rows.parquet", timing, now=now)
    assert tally.dropped == {"after the end": 40}
    assert now < NOW


def test_a_store_in_redis_holds_the_same(tmp_path: Path) -> None:
    data, reference, timing = frame(6_000, seed=2, step=30_000), profile(), Timing(60_000)
    for name, first, last in (("first", 0, 3_334), ("second", 3_334, 6_000)):
        data[first:last].write_parquet(tmp_path / f"{name}.parquet")
    server = shared_server()
    server.ask("FLUSHALL")
    with (
        closing(RedisStore(server.url, clock=SetClock(NOW))) as redis,
        closing(SQLiteStore(tmp_path / "a.sqlite", clock=SetClock(NOW))) as sqlite,
    ):
        for name in ("first", "second"):
            for store in (redis, sqlite):
                backfill(tmp_path / "b.sqlite", reference, tmp_path / f"{name}.parquet", timing, to=store)
            assert answers(redis, reference) == answers(sqlite, reference)

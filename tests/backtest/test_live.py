from __future__ import annotations

import numpy as np
import polars as pl

from driftmeter.backtest import backtest
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.engine.engine import Engine
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.store.records import PutPane
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import DAY, MINUTE, iso, parse_time
from tests.backtest import streams
from tests.support.clocks import SetClock

ROWS = 8 * streams.DAY_ROWS
LENGTH = 30 * MINUTE


def test_a_backtest_says_what_the_live_system_says() -> None:
    profile, times = streams.profile(), streams.times(ROWS)
    day = (times - streams.START) // DAY
    frame = streams.frame(ROWS, seed=2).with_columns(
        temp=pl.col("temp") + np.select([day == 2, day == 6], [15.0, -15.0], 0.0),
        city=pl.when(pl.Series(day == 6)).then(pl.lit("Ulm")).otherwise(pl.col("city")),
    )
    store = SQLiteStore(None, clock=SetClock(parse_time("2025-01-01")))
    engine = Engine(store, timing=Timing(pane=LENGTH))
    engine.register(profile)
    compiled = engine.compiled("shop")
    rows, _, _ = compiled.reader.read_columns(columns_of(as_frame(frame), compiled.reader.names))
    for sequence, (start, summary) in enumerate(engine.sort_rows(compiled, rows, times), start=1):
        pane = Pane(profile.digest, start, LENGTH, "log", sequence, summary, watermark=start + LENGTH)
        (receipt,) = store.commit([PutPane("shop", pane)])
        assert not isinstance(receipt, Exception), receipt
        engine.advance("shop")
    incidents = engine.incidents("shop")
    store.close()

    live = {
        (event, feature["feature"], time, feature["since"])
        for incident in incidents
        for feature in incident["features"]
        for event, time in (("alarm", feature["joined"]), ("closed", incident["closed"]))
        if time is not None
    }
    events = list(backtest(profile, frame, times, pane=LENGTH))
    assert {(event.event, event.feature, iso(event.at), iso(event.since)) for event in events} == live
    assert {"alarm", "closed"} <= {event.event for event in events}
    assert [iso(event.at) for event in events if event.pages] == sorted(incident["opened"] for incident in incidents)
    assert len(incidents) == 2

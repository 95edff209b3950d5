"""Take the pictures of the live page: `python docs/screenshots.py`, which needs chromium.

A day of flights' weather goes into a store, and half an hour before now a sensor begins to report °C instead of °F.
The pictures go to docs/img/page-*.png.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from playwright.sync_api import sync_playwright

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.server.run import make_server
from driftmeter.store.records import AddRows
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import DAY, MINUTE

IMAGES = Path(__file__).parent / "img"
MODEL = "flights"
PANE, EVERY, BROKEN = 10_000, 5 * MINUTE, 35 * MINUTE
PICTURES = (
    ("overview", f"/ui/{MODEL}", 1440, "light"),
    ("overview", f"/ui/{MODEL}", 1440, "dark"),
    ("overview", f"/ui/{MODEL}", 360, "light"),
    ("overview", f"/ui/{MODEL}", 360, "dark"),
    ("feature", f"/ui/{MODEL}/features/temp", 1440, "light"),
    ("feature", f"/ui/{MODEL}/features/temp", 1440, "dark"),
    ("feature", f"/ui/{MODEL}/features/temp", 360, "light"),
    ("feature", f"/ui/{MODEL}/features/temp", 360, "dark"),
)


def flights(rng: np.random.Generator, rows: int, broken: bool = False) -> pl.DataFrame:
    """Return departures with their weather; with `broken`, the temperature is in °C."""
    temp = rng.normal(56, 17, rows)
    spread = rng.gamma(2.5, 6.0, rows)
    wind = rng.gamma(3.0, 3.5, rows)
    distance = rng.choice([187, 214, 502, 733, 1065, 1400, 2475], rows, p=[0.1, 0.1, 0.15, 0.25, 0.2, 0.1, 0.1])
    return pl.DataFrame(
        {
            "temp": np.round((temp - 32) / 1.8 if broken else temp, 1),
            "dewp": np.round(temp - spread, 1),
            "humid": np.round(np.clip(100 - 2.1 * spread + rng.normal(0, 2, rows), 10, 100), 1),
            "wind_speed": np.round(wind, 1),
            "wind_gust": np.round(wind * 1.5 + rng.gamma(2.0, 1.0, rows), 1),
            "pressure": np.where(rng.random(rows) < 0.08, np.nan, np.round(rng.normal(1017, 7.5, rows), 1)),
            "visib": np.where(rng.random(rows) < 0.84, 10.0, np.round(rng.uniform(0, 10, rows), 1)),
            "dep_delay": np.round(rng.exponential(18, rows) - 6),
            "distance": distance,
            "air_time": np.round(distance / 7.4 + 18 + rng.normal(0, 6, rows)),
            "hour": rng.integers(5, 23, rows),
            "carrier": rng.choice(["UA", "B6", "EV", "DL", "AA", "MQ"], rows, p=[0.22, 0.2, 0.19, 0.18, 0.12, 0.09]),
            "origin": rng.choice(["EWR", "JFK", "LGA"], rows, p=[0.36, 0.33, 0.31]),
        }
    )


def filled() -> Engine:
    """Return an engine whose store holds a day of closed panes, by a clock that stands at the end of them."""
    now = [int(time.time() * 1000) // PANE * PANE - DAY]
    engine = Engine(SQLiteStore(None, clock=lambda: now[0]), timing=Timing(PANE, 0))
    rng = np.random.default_rng(4)
    profile = Profile.fit(flights(rng, 26_000), model=MODEL, independent=True)
    engine.register(profile)
    reader, binner = Reader(profile), Binner(profile)
    rows = 0
    for number in range(DAY // EVERY):
        draw = flights(rng, 150, broken=(number + 1) * EVERY > DAY - BROKEN)
        summary = binner.observe(reader.read_records(draw.to_dicts())[0])
        rows += summary.rows
        at = now[0] + EVERY - PANE
        now[0] += EVERY
        source = AddRows(MODEL, profile.digest, "web-1", ((at, summary),), SourceTotals(rows, rows))
        engine.store.commit([source])
        engine.advance(MODEL)
    return engine


def take(url: str) -> None:
    """Take all pictures of the page of a server."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path, width, scheme in PICTURES:
            narrow = width < 600
            options: dict[str, Any] = {"viewport": {"width": width, "height": 800 if narrow else 900}}
            page = browser.new_page(color_scheme=scheme, timezone_id="Europe/Berlin", **options)
            page.goto(url + path)
            page.locator(".spark .line, .plot canvas").first.wait_for()
            page.wait_for_timeout(500)
            page.screenshot(path=IMAGES / f"page-{name}-{width}-{scheme}.png")
            page.close()
        browser.close()


def main() -> None:
    """Take the pictures; with a number of seconds, only serve the page for so long."""
    engine = filled()
    server = make_server(engine, Settings(port=0, drain=1.0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        take(url) if len(sys.argv) < 2 else time.sleep(float(sys.argv[1]))
    finally:
        server.should_exit = True
        thread.join()
        engine.store.close()


if __name__ == "__main__":
    main()

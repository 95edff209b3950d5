"""What does the live page cost: its weight, first meaningful paint, an update, an idle page; 500 features x 24 h?

python bench/page.py [--features 500] [--seconds 60]

A real server, whose memory store is filled by writes of a day: a pane every quarter of an hour, which is a point of a
trend, and every minute of the last hour. At its end ten features drift. Then chromium opens the overview:

- weight: bytes of all files of the page, before data, as they are and as they are sent;
- first meaningful paint: from the request until the frame after the features are in the page, in a fresh window;
- update: work of the main thread in the 10 s of a new verdict, the idle page's own included;
- idle: share of a core that the page's process takes while no rows come, and while a pane comes every 10 s.

Exit code 1: a bar is missed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from playwright.sync_api import Browser, sync_playwright

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
from driftmeter.timestamps import DAY, HOUR, MINUTE

MODEL = "bench"
PANE = 10_000
PAINT_MS, UPDATE_MS, WEIGHT_KB, IDLE = 1_500, 50, 200, 0.01
"""The bars."""
TIMING = """
(() => {
  const seen = new MutationObserver(() => {
    if (!document.querySelector('tbody tr[data-feature]')) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
  });
  seen.observe(document, {childList: true, subtree: true});
})()
"""


class Clock:
    """A clock that is set while a past is made, and runs from then on."""

    def __init__(self, start: int) -> None:
        """Stand at `start`."""
        self.set: int | None = start

    def __call__(self) -> int:
        """Return the time, in ms since the epoch."""
        return int(time.time() * 1000) if self.set is None else self.set


def frame(features: int, rows: int, seed: int, drift: bool = False) -> pl.DataFrame:
    """Numbers, one in five a category; ten of them move."""
    rng = np.random.default_rng(seed)
    moved = set(range(0, features, max(features // 10, 1))) if drift else set()
    columns: dict[str, Any] = {}
    for number in range(features):
        if number % 5 == 4:
            shares = [0.1, 0.2, 0.3, 0.4] if number in moved else [0.4, 0.3, 0.2, 0.1]
            columns[f"text_{number:03}"] = rng.choice(["a", "b", "c", "d"], rows, p=shares)
        else:
            columns[f"number_{number:03}"] = rng.normal(2.0 if number in moved else 0.0, 1.0, rows)
    return pl.DataFrame(columns)


class Model:
    """A model with a day of panes in a store."""

    def __init__(self, features: int) -> None:
        """Write the day, with one verdict a pane."""
        now = int(time.time() * 1000) // PANE * PANE
        self.clock = Clock(now - DAY)
        self.store = SQLiteStore(None, clock=self.clock)
        self.engine = Engine(self.store, timing=Timing(PANE, 0))
        profile = Profile.fit(frame(features, 3_000, 1), model=MODEL, independent=True, residuals=False)
        self.engine.register(profile)
        self.digest = profile.digest
        reader, binner = Reader(profile), Binner(profile)
        self._draw = lambda seed, drift: binner.observe(
            reader.read_records(frame(features, 100, seed, drift).to_dicts())[0]
        )
        self._panes = self._rows = 0
        start = time.monotonic()
        for length, every in ((DAY - HOUR, 15 * MINUTE), (HOUR, MINUTE)):
            for number in range(length // every):
                self.add(drift=every == MINUTE and number > 50)
                assert self.clock.set is not None
                self.clock.set += every
                self.engine.advance(MODEL)
        print(f"a day of {features} features was written in {time.monotonic() - start:.0f} s")
        self.clock.set = None

    def add(self, *, drift: bool) -> None:
        """Write a pane of 100 rows that were not there before."""
        self._panes += 1
        self._rows += 100
        at = self.clock() // PANE * PANE
        totals = SourceTotals(self._rows, self._rows)
        summary = self._draw(self._panes + 1, drift)
        self.store.commit([AddRows(MODEL, self.digest, "host", ((at, summary),), totals)])


@dataclass
class Work:
    """What a page's process has done: work of its main thread and all CPU, in seconds."""

    main: float
    cpu: float


def work(devtools: Any, browser_devtools: Any) -> Work:
    metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    processes = browser_devtools.send("SystemInfo.getProcessInfo")["processInfo"]
    return Work(metrics["TaskDuration"], sum(one["cpuTime"] for one in processes if one["type"] == "renderer"))


def window(browser: Browser) -> Any:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(TIMING)
    return page


def when_painted(page: Any) -> float:
    """Wait for the first meaningful paint; return when it was, in ms. The page's policy forbids `wait_for_function`."""
    while not (painted := page.evaluate("window.painted || 0")):
        time.sleep(0.05)
    return float(painted)


def weigh(browser: Browser, url: str) -> tuple[float, float]:
    """Return the kB of the page's files, as they are and as they are sent."""
    page, files = window(browser), {}
    page.on("response", lambda response: files.setdefault(response.url, response))
    page.goto(url)
    when_painted(page)
    own = [one for address, one in files.items() if "/v1/" not in address]
    plain = sum(len(one.body()) for one in own)
    sent = sum(one.request.sizes()["responseBodySize"] for one in own)
    page.context.close()
    return plain / 1000, sent / 1000


def first_paint(browser: Browser, url: str) -> float:
    page = window(browser)
    page.goto(url)
    painted = when_painted(page)
    page.context.close()
    return painted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60, help="how long an idle page is watched")
    parser.add_argument("--paints", type=int, default=5)
    options = parser.parse_args()
    model = Model(options.features)
    server = make_server(model.engine, Settings(port=0, drain=1.0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/ui/{MODEL}"
    missed = []

    def tell(name: str, value: float, bar: float, unit: str, note: str = "") -> None:
        print(f"{name:28} {value:8.1f} {unit:3} (bar {bar:g}){note}", flush=True)
        if value > bar:
            missed.append(name)

    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        plain, sent = weigh(browser, url)
        tell("weight before data", plain, WEIGHT_KB, "kB", f", {sent:.0f} kB sent")
        paints = [first_paint(browser, url) for _ in range(options.paints)]
        tell("first meaningful paint", statistics.median(paints), PAINT_MS, "ms", f", worst {max(paints):.0f}")
        page = window(browser)
        page.goto(url)
        when_painted(page)
        devtools, whole = page.context.new_cdp_session(page), browser.new_browser_cdp_session()
        devtools.send("Performance.enable")
        page.wait_for_timeout(40_000)  # the trends are there, and what the first paint left behind is collected
        before = work(devtools, whole)
        page.wait_for_timeout(options.seconds * 1000)
        after = work(devtools, whole)
        tell("idle, no rows", (after.cpu - before.cpu) / options.seconds * 100, IDLE * 100, "%")
        updates, before = [], work(devtools, whole)
        start = time.monotonic()
        for number in range(max(options.seconds // 10, 3)):
            last = work(devtools, whole)
            model.add(drift=number % 2 == 0)
            page.wait_for_timeout(10_000)
            updates.append((work(devtools, whole).main - last.main) * 1000)
        share = (work(devtools, whole).cpu - before.cpu) / (time.monotonic() - start)
        tell("update, main thread", statistics.median(updates), UPDATE_MS, "ms", f", worst {max(updates):.0f}")
        tell("idle, a pane every 10 s", share * 100, IDLE * 100, "%")
        browser.close()
    server.should_exit = True
    thread.join()
    sys.exit(f"missed: {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()

"""A metric server on a port, and model servers that report to it by the SDK, for a browser to look at."""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from driftmeter.client import Monitor
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.server.run import Server, make_server
from driftmeter.store import open_store
from tests.support.ports import free_port
from tests.support.waiting import eventually

Columns = dict[str, Any]
PANE = 500
"""Length of a pane in ms: verdicts come twice a second."""


class PageServer:
    """A server that can leave and come back on its port; its store stays."""

    def __init__(self) -> None:
        self.store = open_store("memory://")
        self.engine = Engine(self.store, timing=Timing(PANE, 1500))
        self.port = free_port()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        server = make_server(self.engine, Settings(port=self.port, drain=1.0))
        self._server, self._thread = server, threading.Thread(target=server.run, daemon=True)
        self._thread.start()
        eventually(lambda: server.started, "the server starts")

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(20)
            assert not self._thread.is_alive(), "the server ends"
            self._server = None

    def close(self) -> None:
        self.stop()
        self.store.close()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def of(self, model: str, rest: str) -> Any:
        return self.get(f"/v1/models/{urllib.parse.quote(model, safe='')}{rest}")


class Traffic:
    """A model server in a thread: it observes rows of `draw(rng, rows, drift)`, and drifts once it is told to."""

    def __init__(self, url: str, profile: Profile, draw: Callable[[np.random.Generator, int, bool], Columns]) -> None:
        self._monitor = Monitor(url, profile.model, profile=profile)
        self._draw = draw
        self.drift = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        rng = np.random.default_rng(7)
        while not self._ended.wait(0.1):
            for row in pl.DataFrame(self._draw(rng, 60, self.drift)).iter_rows(named=True):
                self._monitor.observe(row)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._monitor.close()


def weather(rng: np.random.Generator, rows: int, drift: bool) -> Columns:
    """Temperatures in °F, in °C once they drift; dew points that follow them; what has nothing to do with it."""
    fahrenheit = rng.normal(55, 15, rows)
    return {
        "temp": (fahrenheit - 32) / 1.8 if drift else fahrenheit,
        "dewp": fahrenheit - 12 + rng.normal(0, 1.5, rows),
        "wind": rng.gamma(2.0, 5.0, rows),
        "hour": rng.integers(0, 24, rows),
        "carrier": rng.choice(["UA", "B6", "EV", "DL"], rows, p=[0.4, 0.3, 0.2, 0.1]),
        "late": rng.random(rows) < 0.3,
    }


def profile_of(draw: Callable[[np.random.Generator, int, bool], Columns], model: str) -> Profile:
    """Fit a profile on 20,000 rows that come independently of each other."""
    return Profile.fit(pl.DataFrame(draw(np.random.default_rng(1), 20_000, False)), model=model, independent=True)

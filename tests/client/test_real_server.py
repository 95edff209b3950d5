"""The same promises against the metric server itself, over a loopback port and a store in memory."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.conftest import ROW, make_profile
from client.test_monitor import directly, wait_for
from driftmeter.client import Monitor
from driftmeter.monitor import DriftMonitor
from driftmeter.panes import Timing, Totals, WindowSetting
from driftmeter.profile import Profile
from driftmeter.server.run import Server, make_server
from driftmeter.server.settings import Settings
from driftmeter.store import Store, open_store
from driftmeter.summary import Summary


class MetricServer:
    """A server that can leave and come back; its store stays."""

    def __init__(self, timing: Timing) -> None:
        self.store: Store = open_store("memory://")
        self.timing = timing
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        server = make_server(DriftMonitor(self.store, timing=self.timing), Settings(port=self.port, drain=1.0))
        self._server, self._thread = server, threading.Thread(target=server.run, daemon=True)
        self._thread.start()
        wait_for(lambda: server.started)

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(10)
            self._server = None

    def frozen(self, profile: Profile) -> Summary:
        end = self.store.freeze("m")
        slices = self.store.recent("m", profile.digest, end, WindowSetting(3_600_000, 1))
        return Summary.sum((each.summary for each in slices), profile.bins)

    def totals(self) -> Totals:
        return sum((source.totals for source in self.store.sources("m")), Totals())


@pytest.fixture
def server() -> Iterator[MetricServer]:
    server = MetricServer(Timing(500, 1_000))
    yield server
    server.stop()
    server.store.close()


@pytest.fixture
def monitor_at(server: MetricServer) -> Iterator[Callable[..., Monitor]]:
    made: list[Monitor] = []

    def make(profile: Profile | None = None, **settings: Any) -> Monitor:
        made.append(Monitor(server.url, "m", profile, interval=0.1, source="test", **settings))
        return made[-1]

    yield make
    for monitor in made:
        monitor.close(0.5)


Make = Callable[..., Monitor]


def test_frozen_panes_hold_what_direct_counting_gives(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    rows: list[dict[str, Any]] = [
        {"age": number % 97, "city": ["Ulm", "Rom", None][number % 3], "score": number / 500} for number in range(500)
    ]
    monitors = [monitor_at(profile), monitor_at(profile)]
    for number, row in enumerate(rows):
        monitors[number % 2].observe(row)
        if number % 100 == 0:
            time.sleep(0.2)
    assert all(monitor.flush() for monitor in monitors)
    wait_for(lambda: server.frozen(profile).rows == 500)
    assert server.frozen(profile) == directly(profile, rows)
    assert server.totals() == Totals(500, 500, {})


def test_the_servers_profile_is_fetched(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor = monitor_at()
    monitor.observe(ROW)
    assert not monitor.flush(0.3)
    server.store.register("m", profile.digest, profile.dumps(), server.timing)
    assert monitor.flush(10)
    wait_for(lambda: server.frozen(profile) == directly(profile, [ROW]))


def test_a_new_active_profile_is_followed(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    newer, monitor = make_profile(1), monitor_at()
    server.store.register("m", profile.digest, profile.dumps(), server.timing)
    monitor.observe(ROW)
    assert monitor.flush()
    server.store.register("m", newer.digest, newer.dumps(), server.timing)

    def switched() -> bool:
        monitor.observe(ROW)
        assert monitor.flush()
        return server.frozen(newer).rows > 0

    wait_for(switched)


def test_a_deleted_model_is_registered_again(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor = monitor_at(profile)
    monitor.observe(ROW)
    assert monitor.flush()
    server.store.delete("m")
    time.sleep(0.6)  # servers believe what they know of a model for half a second
    monitor.observe(ROW)
    assert monitor.flush()
    assert server.store.model("m").digest == profile.digest


def test_a_server_that_was_away_gets_everything(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor = monitor_at(profile)
    monitor.observe(ROW)
    assert monitor.flush()
    server.stop()
    for _ in range(20):
        monitor.observe_many([ROW] * 10)
        time.sleep(0.1)
    server.start()
    assert monitor.flush(10)
    late = monitor.stats()["late"]
    wait_for(lambda: server.frozen(profile).rows + late == 201)
    assert server.totals() == Totals(201, 201, {})


def test_losses_are_reported(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor = monitor_at(profile)
    monitor.observe([41.5, "Ulm"])
    monitor.observe({**ROW, "age": "old"})
    monitor.observe(ROW, timestamp=time.time() + 3_600)
    assert monitor.flush()
    assert server.totals() == Totals(3, 1, {"invalid": 1, "future": 1}, {"age": 1})


def test_the_store_knows_who_has_said_goodbye(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    goes, stays = monitor_at(profile), monitor_at(profile)
    for monitor in (goes, stays):
        monitor.observe(ROW)
        assert monitor.flush()
    assert goes.close()
    finals = {source.source: source.final for source in server.store.sources("m")}
    assert finals == {goes.source: True, stays.source: False}
    wait_for(lambda: server.frozen(profile) == directly(profile, [ROW] * 2))


def test_rows_after_the_freeze_are_late(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor, stamp = monitor_at(profile), time.time()
    monitor.observe(ROW, timestamp=stamp)
    assert monitor.flush()
    wait_for(lambda: server.frozen(profile).rows == 1)
    monitor.observe_many([ROW] * 3, timestamp=stamp)
    assert monitor.flush()
    assert monitor.stats()["late"] == 3
    assert server.frozen(profile).rows == 1

"""The same promises against the metric server itself, over a loopback port and a store in memory."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from driftmeter.client import Monitor
from driftmeter.counts.summary import Summary
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.server.run import Server, make_server
from driftmeter.store import Store, open_store
from tests.client.samples import ROW, directly, make_profile
from tests.support.ports import free_port
from tests.support.waiting import eventually


class MetricServer:
    """A server that can leave and come back; its store stays."""

    def __init__(self, timing: Timing) -> None:
        self.store: Store = open_store("memory://")
        self.timing = timing
        self.port = free_port()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        server = make_server(Engine(self.store, timing=self.timing), Settings(port=self.port, drain=1.0))
        self._server, self._thread = server, threading.Thread(target=server.run, daemon=True)
        self._thread.start()
        eventually(lambda: server.started, "a server that listens")

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(10)
            self._server = None

    def frozen(self, profile: Profile) -> Summary:
        end = self.store.freeze("m")
        slices = self.store.recent("m", profile.digest, end, WindowSetting(3_600_000, 1))
        return Summary.sum((one.summary for one in slices), profile.bins)

    def totals(self) -> SourceTotals:
        return sum((source.totals for source in self.store.sources("m")), SourceTotals())


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
    now = time.time()
    for number, row in enumerate(rows):
        monitors[number % 2].observe(row, timestamp=now + number / 500)  # two or three panes
    assert all(monitor.flush() for monitor in monitors)
    eventually(lambda: server.frozen(profile).rows == 500, "all rows in frozen panes")
    assert server.frozen(profile) == directly(profile, rows)
    assert server.totals() == SourceTotals(500, 500, {})


def test_the_servers_profile_is_fetched(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor = monitor_at()
    monitor.observe(ROW)
    assert not monitor.flush(0.3)
    server.store.register("m", profile.digest, profile.dumps(), server.timing)
    assert monitor.flush(10)
    eventually(lambda: server.frozen(profile) == directly(profile, [ROW]), "the row in a frozen pane")


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

    eventually(switched, "rows under the new profile")


def test_a_deleted_model_is_registered_again(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor = monitor_at(profile)
    monitor.observe(ROW)
    assert monitor.flush()
    server.store.delete("m")

    def registered() -> bool:
        monitor.observe(ROW)
        return monitor.flush() and [model.digest for model in server.store.models()] == [profile.digest]

    eventually(registered, "the model again")  # servers believe what they know of a model for 1.5 s


def test_a_server_that_was_away_gets_everything(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor = monitor_at(profile)
    monitor.observe(ROW)
    assert monitor.flush()
    server.stop()

    def failed_since(failures: int) -> bool:
        return monitor.stats()["failures"] > failures

    for _ in range(3):
        failures = monitor.stats()["failures"]
        monitor.observe_many([ROW] * 50)
        eventually(partial(failed_since, failures), "a report that fails")
    server.start()
    assert monitor.flush(20)
    late = monitor.stats()["late"]
    eventually(lambda: server.frozen(profile).rows + late == 151, "all rows frozen or late")
    assert server.totals() == SourceTotals(151, 151, {})


def test_losses_are_reported(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor = monitor_at(profile)
    monitor.observe([41.5, "Ulm"])
    monitor.observe({**ROW, "age": "old"})
    monitor.observe(ROW, timestamp=time.time() + 3_600)
    assert monitor.flush()
    assert server.totals() == SourceTotals(3, 1, {"invalid": 1, "future": 1}, {"age": 1})


def answer_of(server: MetricServer, path: str) -> Any:
    with urllib.request.urlopen(f"{server.url}{path}", timeout=5) as answer:
        return answer.read().decode()


FRAMES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "pandas": pandas.DataFrame,
    "polars": polars.DataFrame,
    "pyarrow": pyarrow.Table.from_pylist,
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_count_as_their_rows(server: MetricServer, profile: Profile, monitor_at: Make, name: str) -> None:
    rows = [{**ROW, "age": float(age), "city": ["Ulm", None][age % 2]} for age in range(1_500)]
    scores = np.linspace(0, 1, len(rows) + 1).astype(np.float32).reshape(-1, 1)
    monitor, frame = monitor_at(profile), FRAMES[name](rows)
    monitor.observe_many(frame, scores[:-1])
    monitor.observe(frame[:1], scores[-1:])
    assert monitor.flush()
    expected = [{**row, "score": float(score)} for row, score in zip([*rows, rows[0]], scores[:, 0], strict=True)]
    eventually(lambda: server.frozen(profile).rows == 1_501, "all rows in frozen panes")
    assert server.frozen(profile) == directly(profile, expected)


def test_what_scikit_learn_predicts_counts_as_it_stands(server: MetricServer) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    data = pandas.DataFrame({"age": rng.normal(40, 12, 500), "amount": rng.lognormal(3, 1, 500)})
    model = linear_model.LinearRegression().fit(data, 0.01 * data["age"])
    fitted = Profile.fit(data.assign(score=model.predict(data)), model="m", prediction="score")
    with Monitor(server.url, profile=fitted, interval=0.1) as monitor:
        for place in range(20):
            features = data.iloc[place].to_dict()
            monitor.observe(features, prediction=model.predict(pandas.DataFrame([features])))
        for place in range(20):
            frame = data[place : place + 1]
            monitor.observe(frame, prediction=model.predict(frame))
        monitor.observe_many(data[:20], model.predict(data[:20]))
        assert monitor.flush()
        stats = monitor.stats()
    assert (stats["counted"], stats["dropped"], stats["unreadable_values"]) == (60, 0, 0)
    expected = data[:20].assign(score=model.predict(data[:20])).to_dict("records")
    eventually(lambda: server.frozen(fitted) == directly(fitted, expected * 3), "all rows in frozen panes")


def test_what_cannot_be_read_is_named_by_log_stats_sources_metrics_and_verdict(
    server: MetricServer, monitor_at: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    data = pandas.DataFrame({"age": rng.normal(40, 12, 2_000), "city": rng.choice(["Ulm", "Bonn"], 2_000)})
    fitted = Profile.fit(data, model="m", independent=True)
    monitor = monitor_at(fitted)
    for place in range(1_000):
        row = data.iloc[place].to_dict()
        monitor.observe({**row, "age": "unknown"} if place % 2 else row)
    assert monitor.flush()
    assert (monitor.stats()["counted"], monitor.stats()["unreadable_values"]) == (1_000, 500)
    assert monitor.unreadable() == {"age": {"count": 500, "expected": "a number", "got": "text ('unknown')"}}
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith("model 'm': cannot be read: field 'age': expected a number, got text ('unknown')")
    [source] = json.loads(answer_of(server, "/v1/models/m/sources"))["sources"]
    assert (source["counted"], source["unreadable"]) == (1_000, {"age": 500})
    assert 'driftmeter_values_unreadable_total{feature="age",model="m"} 500.0' in answer_of(server, "/metrics")
    eventually(
        lambda: json.loads(answer_of(server, "/v1/models/m/verdict"))["state"] == "drifting", "a verdict of drift"
    )
    age, city = json.loads(answer_of(server, "/v1/models/m/verdict"))["features"]
    assert (age["feature"], age["state"], age["severity"], city["state"] != "drifting") == (
        "age",
        "drifting",
        "major",
        True,
    )
    # of a window with an odd number of rows it is a little more or less
    assert re.match(r"Unreadable values, none of the feature's kind, rose from 0 % to (49|50)(\.\d)? % of", age["why"])


def test_the_store_knows_which_source_said_goodbye(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    goes, stays = monitor_at(profile), monitor_at(profile)
    for monitor in (goes, stays):
        monitor.observe(ROW)
        assert monitor.flush()
    assert goes.close()
    finals = {source.source: source.final for source in server.store.sources("m")}
    assert finals == {goes.source: True, stays.source: False}
    eventually(lambda: server.frozen(profile) == directly(profile, [ROW] * 2), "both rows in frozen panes")


def test_rows_after_the_freeze_are_late(server: MetricServer, profile: Profile, monitor_at: Make) -> None:
    monitor, stamp = monitor_at(profile), time.time()
    monitor.observe(ROW, timestamp=stamp)
    assert monitor.flush()
    eventually(lambda: server.frozen(profile).rows == 1, "the row in a frozen pane")
    monitor.observe_many([ROW] * 3, timestamp=stamp)
    assert monitor.flush()
    assert monitor.stats()["late"] == 3
    assert server.frozen(profile).rows == 1

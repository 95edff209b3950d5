from __future__ import annotations

import asyncio
import json
import random
import threading
from itertools import islice, pairwise

import httpx
import pytest

from driftmeter.demo.data import FEATURES, Row
from driftmeter.demo.model_server import create_app
from driftmeter.demo.predictor import Predictor
from driftmeter.demo.traffic import CONNECTIONS, INJECTED, Traffic, TrafficProgress, inject, run, shuffled
from tests.demo.recorder import Recorder


class Sink:
    """Answers like a model server, after a while, and keeps what it was asked."""

    def __init__(self, status: int = 200, seconds: float = 0.0) -> None:
        self.status, self.seconds = status, seconds
        self.rows: list[Row] = []
        self.running = self.most_running = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        content = json.loads(request.content)
        self.rows += content if isinstance(content, list) else [content]
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(self.seconds)
        self.running -= 1
        return httpx.Response(self.status, json={})

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)


def changed(row: Row, drifted: Row) -> set[str]:
    assert row.keys() == drifted.keys()
    return {name for name in row if row[name] != drifted[name]}


def test_injection_changes_exactly_the_injected_features(rows: list[Row]) -> None:
    rng = random.Random(1)
    before = [dict(row) for row in rows]
    assert set().union(*(changed(row, inject(row, rng)) for row in rows)) == set(INJECTED)
    assert rows == before


def test_only_the_thermometer_at_jfk_reports_celsius(rows: list[Row]) -> None:
    for row in rows[:2_000]:
        drifted = inject(row, random.Random(1))
        if row["origin"] == "JFK" and row["temp"] is not None:
            assert drifted["temp"] == pytest.approx((row["temp"] - 32) / 1.8, abs=0.005)  # type: ignore[operator]
        else:
            assert drifted["temp"] == row["temp"]


def test_about_three_in_a_hundred_flights_have_the_new_carrier(rows: list[Row]) -> None:
    rng = random.Random(1)
    new = sum(inject(row, rng)["carrier"] == "ZZ" for row in rows)
    assert 0.025 < new / len(rows) < 0.035
    assert not any(row["carrier"] == "ZZ" for row in rows)


def test_gusts_go_missing_and_distances_become_kilometres(rows: list[Row]) -> None:
    for row in rows[:2_000]:
        drifted = inject(row, random.Random(1))
        assert drifted["wind_gust"] is None
        assert drifted["distance"] == row["distance"] * 1.609344  # type: ignore[operator]


def test_what_is_missing_stays_missing() -> None:
    drifted = inject({"origin": "JFK", "temp": None, "distance": None}, random.Random(1))
    assert drifted["temp"] is None
    assert drifted["distance"] is None


def test_every_row_comes_once_a_round_and_rounds_differ_in_order(rows: list[Row]) -> None:
    few = rows[:50]
    drawn = list(islice(shuffled(few, random.Random(3)), 100))
    first, second = [[few.index(row) for row in part] for part in (drawn[:50], drawn[50:])]
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_traffic_without_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        next(shuffled([], random.Random(1)))


def test_the_same_seed_gives_the_same_requests_and_another_one_others(rows: list[Row]) -> None:
    one, same, other = [
        [traffic.request(40.0) for _ in range(50)]
        for traffic in (Traffic(rows, drift=True, seed=seed) for seed in (1, 1, 2))
    ]
    assert one == same
    assert one != other


def test_drift_begins_with_the_injection_and_not_before(rows: list[Row]) -> None:
    calm, drifting = Traffic(rows, drift=False), Traffic(rows, drift=True, inject_after=20.0)
    for elapsed in (0.0, 10.0, 19.99):
        assert drifting.request(elapsed) == calm.request(elapsed)
    for elapsed in (20.0, 300.0):
        for row, drifted in zip(calm.request(elapsed), drifting.request(elapsed), strict=True):
            assert {"distance"} <= changed(row, drifted) <= set(INJECTED)


def test_most_requests_carry_one_row_and_some_a_short_list(rows: list[Row]) -> None:
    traffic = Traffic(rows)
    sizes = [len(traffic.request(0.0)) for _ in range(1_000)]
    assert set(sizes) == set(range(1, 9))
    assert 0.85 < sizes.count(1) / len(sizes) < 0.95


def test_a_run_keeps_its_rate_and_tells_how_far_it_is(rows: list[Row]) -> None:
    sink, told = Sink(), list[TrafficProgress]()
    end = asyncio.run(
        run("http://model", rate=200, seconds=2.2, rows=rows, on_progress=told.append, transport=sink.transport)
    )
    assert end.sent == len(sink.rows)
    assert end.failed == 0
    assert 400 <= end.sent <= 460
    # about once a second: on a busy machine a second may be skipped, and none comes twice
    assert 1 <= len(told) <= 2
    assert all(later.elapsed - earlier.elapsed >= 1.0 for earlier, later in pairwise([TrafficProgress(), *told]))
    assert all(earlier.sent < later.sent for earlier, later in pairwise([TrafficProgress(), *told]))
    assert told[-1].sent <= end.sent


def test_a_run_injects_from_its_moment_on(rows: list[Row]) -> None:
    sink = Sink()
    end = asyncio.run(
        run("http://model", drift=True, rate=300, seconds=1.0, inject_after=0.5, rows=rows, transport=sink.transport)
    )
    assert end.injecting
    distances = {row["distance"] for row in rows}
    drifted = [row["distance"] not in distances for row in sink.rows]
    # a busy machine sends fewer rows in either half
    assert not any(drifted[:50])
    assert all(drifted[-20:])


@pytest.mark.parametrize("status", [422, 502])
def test_failures_are_counted_and_do_not_end_the_run(rows: list[Row], status: int) -> None:
    sink = Sink(status)
    end = asyncio.run(run("http://model", rate=200, seconds=0.5, rows=rows, transport=sink.transport))
    assert end.sent == 0
    assert end.failed == len(sink.rows) > 20


def test_a_server_that_is_away_is_counted_and_not_hammered(rows: list[Row]) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    end = asyncio.run(run("http://model", rate=100, seconds=0.5, rows=rows, transport=httpx.MockTransport(refuse)))
    assert end.sent == 0
    assert 20 <= end.failed <= 70


def test_a_slow_server_gets_fewer_rows_over_bounded_connections(rows: list[Row]) -> None:
    sink = Sink(seconds=0.2)
    end = asyncio.run(run("http://model", rate=5_000, seconds=1.0, rows=rows, transport=sink.transport))
    assert sink.most_running == CONNECTIONS
    assert end.requests <= CONNECTIONS * 12


def test_a_run_can_be_stopped_from_another_thread(rows: list[Row]) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    end = asyncio.run(run("http://model", rate=1, rows=rows, stop=stop, transport=Sink().transport))
    timer.join()
    assert end.elapsed < 2.0


def test_the_real_app_answers_the_traffic(recorder: Recorder, predictor: Predictor, rows: list[Row]) -> None:
    app = create_app(recorder, predictor)
    end = asyncio.run(
        run(
            "http://model",
            rate=150,
            seconds=1.0,
            rows=rows,
            transport=httpx.ASGITransport(app),
            drift=True,
            inject_after=0,
        )
    )
    assert end.failed == 0
    assert end.sent == len(recorder.observed) >= 140
    assert all(set(features) == set(FEATURES) for features, _ in recorder.observed)
    assert all(features["wind_gust"] is None for features, _ in recorder.observed)

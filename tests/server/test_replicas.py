"""Two metric servers on one store: what one has taken the other knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftmeter.monitor import DriftMonitor
from driftmeter.panes import Timing
from driftmeter.profile import Profile
from driftmeter.store import Store
from driftmeter.store.redis import RedisStore
from driftmeter.store.sqlite import SQLiteStore
from redis_server import shared_server
from server.harness import Client, Clock, running

ROWS = {"rows": [{"amount": 1.0}, {"amount": 2.0}]}
KEY = {"Idempotency-Key": "batch-17"}


def open_one(name: str, path: Path, clock: Clock) -> Store:
    if name == "redis":
        return RedisStore(shared_server().url, clock=clock)
    return SQLiteStore(path / "store.sqlite", clock=clock)


@pytest.fixture(params=["sqlite", "redis"])
def both(request: pytest.FixtureRequest, tmp_path: Path, profile: Profile) -> Iterator[tuple[Client, Client, Clock]]:
    clock = Clock()
    if request.param == "redis":
        shared_server().ask("FLUSHALL")
    stores = [open_one(request.param, tmp_path, clock) for _ in range(2)]
    monitors = [DriftMonitor(store, timing=Timing(1_000, 0)) for store in stores]
    monitors[0].register(profile)
    with running(monitors[0]) as one, running(monitors[1]) as other:
        yield one, other, clock
    for store in stores:
        store.close()


def test_a_batch_that_is_sent_again_through_another_server_counts_once(both: tuple[Client, Client, Clock]) -> None:
    one, other, clock = both
    answers = [each.rows(ROWS, headers=KEY).json() for each in (one, other, one)]
    assert [answer["duplicate"] for answer in answers] == [False, True, True]
    other.rows(ROWS)
    one.pass_time(clock, 2_000)
    assert one.get("/v1/models/shop/verdict").json()["rows"] == 4
    assert one.get("/v1/models/shop/verdict").content == other.get("/v1/models/shop/verdict").content


def test_a_key_that_stood_for_another_batch_is_refused_by_every_server(both: tuple[Client, Client, Clock]) -> None:
    one, other, _ = both
    one.rows(ROWS, headers=KEY)
    assert other.rows({"rows": [{"amount": 3.0}]}, headers=KEY).status_code == 422


def test_one_server_folds_and_both_show_it(both: tuple[Client, Client, Clock]) -> None:
    one, other, clock = both
    one.rows(ROWS)
    one.pass_time(clock, 2_000)
    deadline = time.monotonic() + 10
    shown: list[dict[str, float]] = []
    while shown != [{'{model="shop"}': 2.0}] * 2:
        assert time.monotonic() < deadline, shown
        shown = [each.metric("driftmeter_window_rows") for each in (one, other)]

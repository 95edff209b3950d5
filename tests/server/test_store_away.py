"""A real server on a real Redis that goes away, hangs, and comes back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.server.run import make_server, open_when_there
from driftmeter.store import open_store
from tests.server.harness import wait_until_ready
from tests.server.samples import problem_of
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

ROW = {"rows": [{"amount": 1.0}]}
ROWS = "/v1/models/shop/rows"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def client(redis: RedisServer, profile: Profile) -> Iterator[httpx.Client]:
    store = open_store(redis.url)
    engine = Engine(store, timing=Timing(200, 200))
    engine.register(profile)
    settings = Settings(port=free_port())
    server = make_server(engine, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{settings.port}"
    try:
        wait_until_ready(url)
        with httpx.Client(base_url=url, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(60)
        store.close()


def rows_judged(client: httpx.Client) -> int:
    rows: int = client.get("/v1/models/shop/verdict").json()["rows"]
    return rows


def test_while_redis_is_away_writes_are_to_come_again_and_nothing_acknowledged_is_lost(
    client: httpx.Client, redis: RedisServer
) -> None:
    assert client.post(ROWS, json=ROW, headers={"Idempotency-Key": "1"}).status_code == 200
    redis.stop(signal.SIGKILL)
    for headers in ({"Idempotency-Key": "2"}, {}):
        answer = client.post(ROWS, json=ROW, headers=headers)
        problem_of(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"
    problem_of(client.get("/v1/models/shop/verdict"), 503, "unavailable")
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json()["checks"]["store"] is False
    redis.start()
    again = [client.post(ROWS, json=ROW, headers={"Idempotency-Key": key}).json()["duplicate"] for key in "1223"]
    assert again == [True, False, True, False]
    eventually(lambda: rows_judged(client) == 3, "all acknowledged rows are judged", seconds=60)


def test_a_redis_that_hangs_leaves_no_request_without_an_answer(client: httpx.Client, redis: RedisServer) -> None:
    client.post(ROWS, json=ROW)
    time.sleep(1)
    os.kill(redis.pid, signal.SIGSTOP)
    answers: list[tuple[int, float]] = []

    def ask(method: str, path: str) -> None:
        begin = time.monotonic()
        with httpx.Client(base_url=client.base_url, timeout=60) as http:
            status = http.request(method, path, json=ROW if method == "POST" else None).status_code
        answers.append((status, time.monotonic() - begin))

    try:
        asking = []
        for _ in range(20):
            for request in (("POST", ROWS), ("GET", "/v1/models/shop/verdict")):
                asking.append(threading.Thread(target=ask, args=request))
                asking[-1].start()
            time.sleep(0.1)
        begin = time.monotonic()
        for path in ("/healthz", "/metrics"):  # neither needs the store
            assert client.get(path).status_code == 200
        assert time.monotonic() - begin < 6
        for thread in asking:
            thread.join(60)
        assert {status for status, _ in answers} == {503}
        assert len(answers) == 40
        assert max(seconds for _, seconds in answers) < 25
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    assert client.post(ROWS, json=ROW).status_code == 200


def test_models_that_nobody_asked_for_before_hold_up_nothing_while_redis_hangs(
    client: httpx.Client, redis: RedisServer, profile: Profile
) -> None:
    models = [f"model {number}" for number in range(20)]
    with closing(open_store(redis.url)) as store:
        for model in models:
            Engine(store).register(replace(profile, model=model))
    os.kill(redis.pid, signal.SIGSTOP)
    answers: list[int] = []

    def ask(model: str) -> None:
        with httpx.Client(base_url=client.base_url, timeout=120) as http:
            answers.append(http.post(f"/v1/models/{model}/rows", json=ROW).status_code)

    try:
        asking = [threading.Thread(target=ask, args=(model,)) for model in models * 2]
        begin = time.monotonic()
        for thread in asking:
            thread.start()
        for path in ("/healthz", "/metrics"):
            assert client.get(path).status_code == 200
        assert time.monotonic() - begin < 10
        for thread in asking:
            thread.join(120)
        assert answers == [503] * 40
        assert time.monotonic() - begin < 30
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    assert client.post(f"/v1/models/{models[0]}/rows", json=ROW).status_code in (200, 503)


def test_a_server_waits_for_its_store(redis: RedisServer) -> None:
    redis.stop()
    with pytest.raises(StoreUnavailableError, match=f"redis://127.0.0.1:{redis.port}/0 cannot be reached"):
        open_when_there(redis.url, 0.2, 0.05)
    coming = threading.Timer(0.5, redis.start)
    coming.start()
    open_when_there(redis.url, 60, 0.05).close()
    coming.join()


def test_a_file_that_cannot_be_opened_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    begin = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        open_when_there(f"sqlite:///{tmp_path}/file/store.sqlite", 60)
    assert time.monotonic() - begin < 30  # and not 60

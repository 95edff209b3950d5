"""A real server: uvicorn, sockets, signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest

from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.server.run import Server, make_server, serve
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.store import open_store
from tests.server.harness import wait_until_ready
from tests.server.samples import problem_of
from tests.support.ports import free_port
from tests.support.waiting import eventually


@contextmanager
def serving(profile: Profile, settings: Settings) -> Iterator[tuple[str, Server]]:
    store = open_store("memory://")
    engine = Engine(store, timing=Timing(200, 0))
    engine.register(profile)
    server = make_server(engine, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{settings.port}"
    try:
        wait_until_ready(url)
        yield url, server
    finally:
        server.should_exit = True
        thread.join(60)
        store.close()
    assert not thread.is_alive()


@pytest.fixture
def url(profile: Profile) -> Iterator[str]:
    with serving(profile, Settings(port=free_port())) as (url, _):
        yield url


def test_verdicts_come_by_themselves_and_as_events(url: str) -> None:
    values = np.random.default_rng(0).lognormal(3, 1, 500)
    body = msgspec.msgpack.encode({"columns": {"amount": values.tobytes()}})
    with httpx.stream("GET", f"{url}/v1/events", timeout=20) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = events.iter_lines()
        assert next(lines) == ": listening"
        answer = httpx.post(f"{url}/v1/models/shop/rows", content=body, headers={"Content-Type": "application/msgpack"})
        assert answer.json()["accepted"] == 500
        while next(lines) != "event: verdict":
            pass
        verdict = msgspec.json.decode(next(lines).removeprefix("data: "))
    assert (verdict["model"], verdict["rows"]) == ("shop", 500)
    assert httpx.get(f"{url}/v1/models/shop/verdict").json() == verdict
    assert 'driftmeter_window_rows{model="shop"} 500' in httpx.get(f"{url}/metrics").text


def test_a_page_is_told_of_one_model_that_there_is_a_new_verdict(url: str, profile: Profile) -> None:
    other = replace(profile, model="other")
    assert httpx.put(f"{url}/v1/models/other/profile", content=other.dumps()).status_code == 201
    rows = {"rows": [{"amount": 1.0}] * 7}
    with httpx.stream("GET", f"{url}/v1/events?model=other&detail=none", timeout=20) as events:
        lines = events.iter_lines()
        assert next(lines) == ": listening"
        httpx.post(f"{url}/v1/models/shop/rows", json=rows)
        eventually(lambda: httpx.get(f"{url}/v1/models/shop/verdict").json()["rows"] == 7, "shop has a verdict")
        httpx.post(f"{url}/v1/models/other/rows", json=rows)
        told = [msgspec.json.decode(next(line for line in lines if line.startswith("data: "))[6:])]
        while told[-1]["rows"] == 0:
            told.append(msgspec.json.decode(next(line for line in lines if line.startswith("data: "))[6:]))
    assert {one["model"] for one in told} == {"other"}
    end = httpx.get(f"{url}/v1/models/other/verdict").json()["window"]["end"]
    assert told[-1] == {"model": "other", "at": end, "state": "insufficient", "rows": 7}
    problem_of(httpx.get(f"{url}/v1/events?detail=some"), 400, "unreadable")


def test_a_body_of_fifty_megabytes_is_taken_and_a_larger_one_refused_without_reading_it(url: str) -> None:
    headers = {"Content-Type": "application/msgpack"}
    rows = 49_000_000 // 8 // 8
    columns = {name: np.zeros(rows).tobytes() for name in ("amount", "count", "weight", *"abcde")}
    answer = httpx.post(
        f"{url}/v1/models/shop/rows", content=msgspec.msgpack.encode({"columns": columns}), headers=headers, timeout=60
    )
    assert answer.json()["accepted"] == rows
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection:
        connection.sendall(
            b"POST /v1/models/shop/rows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 50000001\r\n\r\n"
        )
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")
    larger = httpx.post(f"{url}/v1/models/shop/rows", content=b" " * 50_000_001, headers=headers, timeout=60)
    problem_of(larger, 413, "too_large")
    assert httpx.get(f"{url}/readyz").status_code == 200


def test_a_client_that_leaves_in_the_middle_harms_nobody(url: str) -> None:
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection:
        connection.sendall(
            b"POST /v1/models/shop/rows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b'Content-Length: 1000\r\n\r\n{"rows": [{'
        )
    answer = httpx.post(f"{url}/v1/models/shop/rows", json={"rows": [{}]})
    assert answer.json()["accepted"] == 1


def test_an_event_stream_ends_when_the_server_stops(profile: Profile) -> None:
    with serving(profile, Settings(port=free_port(), drain=60)) as (url, server):
        with httpx.stream("GET", f"{url}/v1/events", timeout=20) as events:
            start = time.monotonic()
            server.should_exit = True
            first, *_ = events.iter_lines()
        assert first == ": listening"
        assert time.monotonic() - start < 30


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_finish_and_keeps_all_that_was_acknowledged(
    profile: Profile, tmp_path: Path, number: int
) -> None:
    profile.dump(tmp_path / "profile.json")
    port, database = free_port(), tmp_path / "store.sqlite"
    script = (
        "import sys, pathlib, driftmeter.server.run as run, driftmeter.server.options as settings\n"
        "port, store, profile = sys.argv[1:]\n"
        "run.serve(settings.Settings(port=int(port), store=store, profiles=(pathlib.Path(profile),)))"
    )
    arguments = (str(port), f"sqlite:///{database}", str(tmp_path / "profile.json"))
    server = subprocess.Popen([sys.executable, "-c", script, *arguments], stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    acknowledged = 0
    try:
        wait_until_ready(url)
        threading.Timer(0.5, os.kill, (server.pid, number)).start()
        with httpx.Client() as http:
            while True:
                try:
                    answer = http.post(f"{url}/v1/models/shop/rows", json={"rows": [{"amount": 1.0}] * 10})
                except httpx.TransportError:
                    break
                assert answer.status_code in (200, 503)
                acknowledged += answer.json().get("accepted", 0)
        _, errors = server.communicate(timeout=60)
    finally:
        server.kill()
    assert (server.returncode, errors) == (0, b"")
    assert acknowledged > 0
    store = open_store(f"sqlite:///{database}")
    assert sum(source.totals.counted for source in store.sources("shop")) >= acknowledged
    store.close()


def test_settings_of_an_unknown_feature_stop_the_server_before_it_serves(profile: Profile, tmp_path: Path) -> None:
    profile.dump(tmp_path / "profile.json")
    wrong = ModelSettings(features={"amuont": FeatureSettings()})
    with pytest.raises(InputError, match=r"shop\.features\.amuont: expected .* \(did you mean 'amount'\?\)"):
        serve(Settings(profiles=(tmp_path / "profile.json",), models={"shop": wrong}))


def test_a_profile_that_cannot_be_read_stops_the_server_before_it_serves(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text("{}")
    with pytest.raises(ValueError, match=r"profile\.json"):
        serve(Settings(profiles=(tmp_path / "profile.json",)))

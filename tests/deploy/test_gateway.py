"""The gateway in front of servers at fixed addresses, as the demo runs it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Iterator

import pytest

from driftmeter.demo.gateway import Gateway, GatewayError
from tests.deploy.programs import Tool
from tests.deploy.replica import Replica, ask

ROWS = "/v1/models/flights/rows"
PANE = "/v1/models/flights/panes/0/source"


@pytest.fixture
def one() -> Iterator[Replica]:
    with Replica("one") as replica:
        yield replica


@pytest.fixture
def two() -> Iterator[Replica]:
    with Replica("two") as replica:
        yield replica


@pytest.fixture
def gateway(one: Replica, two: Replica, tool: Tool) -> Iterator[Gateway]:
    both = [one.address, two.address]
    with Gateway(model_servers=both, metric_servers=both, nginx=tool("nginx")) as gateway:
        yield gateway


def test_both_ports_answer_for_the_gateway_itself(gateway: Gateway, one: Replica, two: Replica) -> None:
    for url in (gateway.prediction_url, gateway.metric_url):
        assert ask(f"{url}/nginx-health").text == "ok\n"
    assert one.seen == two.seen == []


def test_both_tiers_share_their_requests(gateway: Gateway) -> None:
    for url in (gateway.prediction_url, gateway.metric_url):
        assert {ask(f"{url}/healthz").text for _ in range(20)} == {"one", "two"}


@pytest.mark.parametrize("keyed", [False, True])
def test_target_and_body_arrive_as_they_were_sent(gateway: Gateway, one: Replica, two: Replica, keyed: bool) -> None:
    target, body = "/v1/models/a%20b%2Fc/rows?x=%31&y=ü".replace("ü", "%C3%BC"), bytes(range(256)) * 4096
    headers = {"Idempotency-Key": "k"} if keyed else {}
    assert ask(gateway.metric_url + target, "POST", body, headers).status == 200
    (seen,) = one.seen + two.seen
    assert (seen.method, seen.target, seen.body) == ("POST", target, body)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/models", {}),
        ("PUT", PANE, {}),
        ("POST", ROWS, {"Idempotency-Key": "k"}),
        ("POST", ROWS, {"Idempotency-Key": "0"}),
        ("POST", "/", {"Ce-Id": "7"}),
        ("POST", "/consumer/kserve/v2", {"Ce-Id": "7"}),
        ("POST", "/v1/models/a%20b%2Fc/events", {"Ce-Id": "0"}),
    ],
)
def test_what_may_be_sent_twice_survives_a_server_that_hangs_up(
    gateway: Gateway, one: Replica, method: str, path: str, headers: dict[str, str]
) -> None:
    one.does.hangs_up = True
    answers = [ask(gateway.metric_url + path, method, b"{}", headers) for _ in range(10)]
    assert [(answer.status, answer.text) for answer in answers] == [(200, "two")] * 10
    assert one.seen


def test_a_prediction_survives_a_server_that_hangs_up(gateway: Gateway, one: Replica) -> None:
    one.does.hangs_up = True
    answers = [ask(f"{gateway.prediction_url}/get-prediction", "POST", b"{}") for _ in range(10)]
    assert [(answer.status, answer.text) for answer in answers] == [(200, "two")] * 10
    assert one.seen


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_prediction_survives_a_server_that_cannot(gateway: Gateway, one: Replica, status: int) -> None:
    one.does.status = status
    assert {ask(f"{gateway.prediction_url}/get-prediction", "POST", b"{}").text for _ in range(10)} == {"two"}


@pytest.mark.parametrize(
    ("path", "headers"), [(ROWS, {}), (ROWS, {"Ce-Id": "7"}), ("/", {}), ("/v2/models/m/infer", {"Ce-Id": "7"})]
)
def test_rows_without_a_key_are_never_sent_twice(
    gateway: Gateway, one: Replica, two: Replica, path: str, headers: dict[str, str]
) -> None:
    one.does.hangs_up = two.does.hangs_up = True
    bodies = [b'{"rows": [{"number": %d}]}' % number for number in range(6)]
    answers = []
    for body in bodies:
        answers.append(ask(gateway.metric_url + path, "POST", body, headers).status)
        time.sleep(1.1)  # until nginx tries the server again that it has just seen fail
    assert set(answers) == {502}
    assert sorted(seen.body for seen in one.seen + two.seen) == bodies


def test_a_server_that_is_gone_is_replaced_even_for_rows_without_a_key(gateway: Gateway, one: Replica) -> None:
    one.close()
    answers = [ask(gateway.metric_url + ROWS, "POST", b"{}") for _ in range(10)]
    assert [(answer.status, answer.text) for answer in answers] == [(200, "two")] * 10


def test_an_answer_of_the_server_itself_is_passed_on(gateway: Gateway, one: Replica, two: Replica) -> None:
    for status in (404, 413, 418, 422, 500):
        one.does.status = two.does.status = status
        for headers in ({}, {"Idempotency-Key": "k"}):
            answer = ask(gateway.metric_url + ROWS, "POST", b"{}", headers)
            assert answer.status == status
            assert answer.text in {"one", "two"}


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
@pytest.mark.parametrize("status", [502, 503, 504])
def test_servers_that_all_cannot_say_so_themselves(
    gateway: Gateway, one: Replica, two: Replica, status: int, headers: dict[str, str]
) -> None:
    one.does.status = two.does.status = status
    answer = ask(gateway.metric_url + ROWS, "POST", b"{}", headers)
    assert answer.status == status
    assert answer.text in {"one", "two"}


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_what_the_gateway_itself_refuses_is_a_problem(
    gateway: Gateway, one: Replica, two: Replica, headers: dict[str, str]
) -> None:
    large = bytes((50 << 20) + 1)
    for url, limit in ((f"{gateway.prediction_url}/get-prediction", "1 MB"), (gateway.metric_url + ROWS, "50 MB")):
        answer = ask(url, "POST", large, headers)
        assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
        detail = f"body: expected at most {limit}, got more"
        assert json.loads(answer.body) == {"title": "Content Too Large", "status": 413, "detail": detail}
    one.close()
    two.close()
    for url, tier in ((f"{gateway.prediction_url}/get-prediction", "model"), (gateway.metric_url + ROWS, "metric")):
        answer = ask(url, "POST", b"{}", headers)
        assert (answer.status, answer.headers["content-type"]) == (502, "application/problem+json")
        assert answer.headers["retry-after"] == "1"
        detail = f"gateway: expected an answer of a {tier} server, got none that can be reached"
        assert json.loads(answer.body) == {"title": "Bad Gateway", "status": 502, "detail": detail}


def test_bodies_over_the_limit_are_refused_and_reach_nobody(gateway: Gateway, one: Replica, two: Replica) -> None:
    assert _refused(gateway.prediction_port, "/get-prediction", 1 << 20, {})
    assert _refused(gateway.metric_port, ROWS, 50 << 20, {})
    assert _refused(gateway.metric_port, ROWS, 50 << 20, {"Idempotency-Key": "k"})
    assert one.seen == two.seen == []


def test_bodies_up_to_the_limit_arrive(gateway: Gateway, one: Replica, two: Replica) -> None:
    assert ask(f"{gateway.prediction_url}/get-prediction", "POST", bytes(1 << 20)).status == 200
    assert ask(gateway.metric_url + ROWS, "POST", bytes(50 << 20)).status == 200
    assert sorted(len(seen.body) for seen in one.seen + two.seen) == [1 << 20, 50 << 20]


def test_events_come_through_at_once(gateway: Gateway, one: Replica, two: Replica) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.metric_port, timeout=5)
    try:
        connection.request("GET", "/v1/events")
        response = connection.getresponse()
        assert response.readline().endswith(b": first\n")
        one.does.go_on.set()
        two.does.go_on.set()
        assert b": second\n" in response.read()
    finally:
        connection.close()


def test_a_configuration_that_nginx_refuses_is_an_error(tool: Tool) -> None:
    gateway = Gateway(model_servers=["127.0.0.1:99999"], metric_servers=["127.0.0.1:1"], nginx=tool("nginx"))
    with pytest.raises(GatewayError, match="refuses its configuration"):
        gateway.start()
    assert gateway.pid is None


def test_a_gateway_that_stops_leaves_neither_a_process_nor_a_port(tool: Tool) -> None:
    gateway = Gateway(model_servers=["127.0.0.1:1"], metric_servers=["127.0.0.1:1"], nginx=tool("nginx"))
    gateway.start()
    pid = gateway.pid
    assert pid is not None
    gateway.stop()
    gateway.stop()
    assert gateway.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    for port in (gateway.prediction_port, gateway.metric_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_port_that_is_taken_is_named(tool: Tool, one: Replica) -> None:
    gateway = Gateway(
        model_servers=["127.0.0.1:1"],
        metric_servers=["127.0.0.1:1"],
        prediction_port=one.port,
        nginx=tool("nginx"),
    )
    with pytest.raises(GatewayError, match=rf"127\.0\.0\.1:{one.port} failed"):
        gateway.start()
    assert gateway.pid is None


def _refused(port: int, path: str, limit: int, headers: dict[str, str]) -> bool:
    # nginx goes by the length that is announced, so the body itself need not be sent.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.putrequest("POST", path)
        for name, value in {**headers, "Content-Length": str(limit + 1)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status == 413
    finally:
        connection.close()

"""The gateway in front of names that DNS resolves, as in compose.yaml: replicas come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from driftmeter.demo.gateway import Gateway
from tests.deploy.dns import Dns
from tests.deploy.programs import Tool
from tests.deploy.replica import Answer, Replica, ask
from tests.support.waiting import eventually

NAME = "metric-server"


@pytest.fixture
def dns(tool: Tool, tmp_path: Path) -> Iterator[Dns]:
    dns = Dns(tool("dnsmasq"), tmp_path)
    try:
        while not dns.wait():
            dns = Dns(tool("dnsmasq"), tmp_path)
        yield dns
    finally:
        dns.close()


@pytest.fixture
def replicas() -> Iterator[dict[str, Replica]]:
    """Return three replicas by address, all on one port as containers are."""
    with ExitStack() as stack:
        try:
            first = stack.enter_context(Replica("127.0.0.2", "127.0.0.2"))
            others = [Replica(host, host, first.port) for host in ("127.0.0.3", "127.0.0.4")]
        except OSError as error:
            pytest.skip(f"more than one loopback address is needed: {error}")
        for other in others:
            stack.enter_context(other)
        yield {replica.name: replica for replica in (first, *others)}


@pytest.fixture
def gateway(dns: Dns, replicas: dict[str, Replica], tool: Tool) -> Iterator[Gateway]:
    dns.set(NAME, "127.0.0.2", "127.0.0.3")
    tier = [f"{NAME}:{replicas['127.0.0.2'].port}"]
    with Gateway(
        model_servers=tier, metric_servers=tier, resolver=f"127.0.0.1:{dns.port}", nginx=tool("nginx")
    ) as gateway:
        eventually(lambda: ask(f"{gateway.metric_url}/healthz").status == 200, "an answer through the gateway")
        yield gateway


def answers(gateway: Gateway, number: int = 60) -> Counter[str]:
    return Counter(ask(f"{gateway.prediction_url}/healthz").text for _ in range(number))


def test_every_address_of_a_name_gets_its_share(gateway: Gateway) -> None:
    shares = answers(gateway)
    assert set(shares) == {"127.0.0.2", "127.0.0.3"}
    assert min(shares.values()) >= 10


def test_a_replica_that_is_added_is_found_without_a_reload(gateway: Gateway, dns: Dns) -> None:
    dns.set(NAME, "127.0.0.2", "127.0.0.3", "127.0.0.4")
    eventually(lambda: "127.0.0.4" in answers(gateway, 10), "an answer of the new replica")
    assert set(answers(gateway)) == {"127.0.0.2", "127.0.0.3", "127.0.0.4"}


def test_a_replica_that_is_gone_costs_no_request_while_dns_still_names_it(
    gateway: Gateway, replicas: dict[str, Replica]
) -> None:
    replicas["127.0.0.2"].close()

    def post(path: str, headers: dict[str, str]) -> Answer:
        url = gateway.prediction_url if path == "/get-prediction" else gateway.metric_url
        return ask(url + path, "POST", b"{}", headers)

    got = [post(path, headers) for path in ("/get-prediction", "/rows") for headers in ({}, {"Idempotency-Key": "k"})]
    got += [ask(gateway.metric_url + "/pane", "PUT", b"pane") for _ in range(20)]
    assert {(answer.status, answer.text) for answer in got} == {(200, "127.0.0.3")}


def test_a_replica_that_dns_no_longer_names_gets_nothing_more(
    gateway: Gateway, dns: Dns, replicas: dict[str, Replica]
) -> None:
    dns.set(NAME, "127.0.0.3")
    eventually(lambda: set(answers(gateway, 10)) == {"127.0.0.3"}, "answers of one replica alone")
    before = len(replicas["127.0.0.2"].seen)
    assert set(answers(gateway)) == {"127.0.0.3"}
    assert len(replicas["127.0.0.2"].seen) == before


def test_a_name_that_is_not_there_yet_is_a_502_and_no_reason_not_to_start(dns: Dns, tool: Tool) -> None:
    with Gateway(
        model_servers=["model-server:8000"],
        metric_servers=["metric-server:8001"],
        resolver=f"127.0.0.1:{dns.port}",
        nginx=tool("nginx"),
    ) as gateway:
        assert ask(f"{gateway.metric_url}/nginx-health").status == 200
        assert ask(f"{gateway.metric_url}/healthz").status == 502

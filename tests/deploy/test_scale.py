"""`docker compose up --scale model-server=4 --scale metric-server=10` without Docker, then back to two of each.

Real Redis, nginx, Prometheus and DNS, by the command lines of compose.yaml, under traffic all the time.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from driftmeter.demo import traffic
from tests.deploy.containers import Compose, active_targets
from tests.deploy.contract import VERDICT
from tests.deploy.programs import Tool
from tests.deploy.replica import ask
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

METRIC_SERVERS, MODEL_SERVERS = 10, 4
FEW = 2
PORTS = {"metric-server": 8001, "model-server": 8000}
RATE = 100.0
ROWS = 1_500
"""In a verdict that is compared."""


class Traffic(threading.Thread):
    """Traffic without drift until it is stopped."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.over, self.progress = url, threading.Event(), traffic.TrafficProgress()

    def run(self) -> None:
        self.progress = asyncio.run(traffic.run(self.url, rate=RATE, stop=self.over))

    def stop(self) -> traffic.TrafficProgress:
        self.over.set()
        self.join(20.0)
        return self.progress


@dataclass(frozen=True)
class Scaled:
    """compose.yaml, running, and what is sent to it."""

    compose: Compose
    traffic: Traffic

    def addresses(self, service: str) -> list[str]:
        return [f"{replica.address}:{PORTS[service]}" for replica in self.compose.running(service)]

    def expected(self) -> set[tuple[str, str, str]]:
        """Return the targets that Prometheus should have: the replicas that run."""
        return {(service, address, "up") for service in PORTS for address in self.addresses(service)}

    def targets(self) -> set[tuple[str, str, str]]:
        """Return the targets that Prometheus has."""
        targets = active_targets(f"{self.compose.address('prometheus')}:9090")
        return {target for target in targets if target[0] in PORTS}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, tool: Tool) -> Iterator[Scaled]:
    for name in ("nginx", "prometheus", "redis-server", "redis-cli"):
        tool(name)
    with ExitStack() as stack:
        compose = Compose(stack, tmp_path_factory.mktemp("compose"), tool)
        compose.scale("redis", 1)
        compose.scale("metric-server", FEW)
        compose.scale("gateway", 1)
        compose.scale("prometheus", 1)
        compose.scale("model-server", FEW)
        sender = Traffic(f"http://{compose.address('gateway')}:8002")
        sender.start()
        stack.callback(sender.stop)
        compose.scale("model-server", MODEL_SERVERS)
        compose.scale("metric-server", METRIC_SERVERS)
        yield Scaled(compose, sender)


@pytest.fixture(scope="module")
def down(up: Scaled) -> Scaled:
    """The services after they were scaled down, with traffic still running."""
    up.compose.scale("metric-server", FEW)
    up.compose.scale("model-server", FEW)
    return up


@dataclass(frozen=True)
class Account:
    """What became of the traffic."""

    sent: int
    failed: int
    sources: list[dict[str, Any]]


@pytest.fixture(scope="module")
def account(down: Scaled) -> Account:
    progress = down.traffic.stop()
    # a model server that has ended has sent all that it counted
    down.compose.scale("model-server", 0)
    (server, *_) = down.addresses("metric-server")
    answer = ask(f"http://{server}/v1/models/flights/sources")
    assert answer.status == 200, answer.text
    sources = json.loads(answer.body)["sources"]
    return Account(progress.sent, progress.failed, sources)


def test_prometheus_finds_every_replica_by_its_name(up: Scaled) -> None:
    assert len(up.expected()) == METRIC_SERVERS + MODEL_SERVERS
    eventually(lambda: up.targets() == up.expected(), "every replica in Prometheus", seconds=60.0)


def test_the_gateway_gives_every_replica_its_share(up: Scaled) -> None:
    counters = {"model-server": "model_server_predictions_total", "metric-server": "driftmeter_rows_total"}
    for service, counter in counters.items():
        addresses = up.addresses(service)
        eventually(partial(all_counted, addresses, counter), f"work for each {service}")


def test_every_replica_gives_the_same_verdict(up: Scaled) -> None:
    def answers() -> list[bytes]:
        verdicts = [ask(f"http://{server}/v1/models/flights/verdict") for server in servers]
        enough = all(verdict.status == 200 and json.loads(verdict.body)["rows"] >= ROWS for verdict in verdicts)
        return [verdict.body for verdict in verdicts] if enough else []

    servers = up.addresses("metric-server")
    eventually(lambda: len(set(answers())) == 1, "one verdict", seconds=60.0)


def test_every_replica_exposes_the_same_values(up: Scaled) -> None:
    def exposed() -> list[dict[str, str]]:
        return [values(server, *VERDICT) for server in servers]

    servers = up.addresses("metric-server")

    def same() -> bool:
        first, *others = exposed()
        return all(other == first for other in others)

    eventually(same, "the same values")
    # nothing has drifted yet
    of_drift = {"driftmeter_last_drift_timestamp_seconds", "driftmeter_incident", "driftmeter_feature_follows"}
    shown = {*VERDICT} - of_drift
    assert {name.partition("{")[0] for name in exposed()[0]} == shown


def test_prometheus_no_longer_looks_for_those_that_were_scaled_down(down: Scaled) -> None:
    assert len(down.expected()) == 2 * FEW
    eventually(lambda: down.targets() == down.expected(), "the remaining replicas in Prometheus", seconds=60.0)


def test_scaling_fails_no_prediction(account: Account) -> None:
    assert account.sent > ROWS
    assert account.failed == 0


def test_scaling_loses_no_row(account: Account) -> None:
    assert len(account.sources) == MODEL_SERVERS
    for count in ("observed", "counted"):
        assert sum(source[count] for source in account.sources) == account.sent
    for source in account.sources:
        assert (source["missing"], source["late"], source["dropped"]) == (0, 0, {}), source


def values(address: str, *names: str) -> dict[str, str]:
    """Return the values of metrics that a server exposes, by name with labels."""
    answer = ask(f"http://{address}/metrics")
    assert answer.status == 200
    pairs = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: value for name, _, value in pairs if name.partition("{")[0] in names}


def all_counted(addresses: list[str], counter: str) -> bool:
    """Return whether each server has counted something."""
    return all(sum(map(float, values(address, counter).values())) for address in addresses)

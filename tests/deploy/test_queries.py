"""Every query of every panel on a real Prometheus, which scrapes two replicas that expose the contract."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from driftmeter.page.order import in_order
from driftmeter.server.exposition import Exposition
from driftmeter.server.watch.view import ModelView
from tests.deploy.contract import METRIC_SERVER, MODEL_SERVER, VERDICT, exposition
from tests.deploy.programs import Tool
from tests.deploy.replica import ask
from tests.support.ports import free_port
from tests.support.waiting import eventually


def feature(name: str, state: str, **changes: Any) -> dict[str, Any]:
    """A feature of a verdict, with the keys that its order goes by."""
    drifting = state == "drifting"
    of_state = {"feature": name, "state": state, "drifting": drifting, "tests": {}}
    return {**of_state, "severity": "none", "effect": 0.0, "evidence": -3.0, "follows": None, **changes}


FEATURES = [
    feature("ok", "ok", evidence=-2.0),
    feature("unknown", "ok", evidence=None, effect=None),
    feature("closer", "ok", evidence=-1.5),
    feature("pending", "pending", evidence=-0.5),
    feature("follower", "drifting", severity="major", effect=400.0, evidence=9000.0, follows="cause"),
    feature("slight cause", "drifting", severity="slight", effect=0.05, evidence=20.0),
    feature("lesser cause", "drifting", severity="major", effect=0.3, evidence=3.0),
    feature("cause", "drifting", severity="major", effect=2.5, evidence=2.0),
]
"""Of the model `shop`."""


def verdict_of_shop() -> str:
    numbers = {"rows": 1, "features_drifting": 4, "features_monitored": 8}
    nothing = {"last_drift": None, "incident": None, "window": {"end": None}}
    verdict = {"model": "shop", "state": "drifting", **numbers, **nothing, "features": FEATURES}
    return Exposition().render([ModelView("shop", "digest", 10_000, b"", verdict, None, 0.0)], 0.0)


class Exposed(BaseHTTPRequestHandler):
    """A metric server and a model server in one: only the name of the job in Prometheus differs."""

    def do_GET(self) -> None:
        text = verdict_of_shop() + "".join(
            (*exposition(VERDICT, 1), *exposition({**METRIC_SERVER, **MODEL_SERVER}, time.time()))
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def targets() -> Iterator[list[str]]:
    with ExitStack() as stack:
        servers = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Exposed)) for _ in range(2)]
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.shutdown)
        yield [f"127.0.0.1:{server.server_address[1]}" for server in servers]


@pytest.fixture(scope="module")
def prometheus(targets: list[str], tmp_path_factory: pytest.TempPathFactory, tool: Tool) -> Iterator[str]:
    directory: Path = tmp_path_factory.mktemp("prometheus")
    jobs = [{"job_name": job, "static_configs": [{"targets": targets}]} for job in ("metric-server", "model-server")]
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        *(tool("prometheus"), f"--config.file={directory}/prometheus.yml"),
        *(f"--storage.tsdb.path={directory}/data", f"--web.listen-address={address}", "--log.level=error"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: process.poll() is not None or _scraped_twice(address), "two scrapes of Prometheus")
        assert process.poll() is None
        yield address
    finally:
        process.terminate()
        process.wait(10)


def test_every_query_returns_series(prometheus: str, grafana_queries: ModuleType) -> None:
    queries = grafana_queries.queries("flights", "temp")
    assert len(queries) > 40
    assert [query for query in queries if not _ask(prometheus, query.expr)] == []


def test_two_replicas_show_what_one_says(prometheus: str, grafana_queries: ModuleType) -> None:
    shown = {
        (query.dashboard, query.panel): [float(series["value"][1]) for series in _ask(prometheus, query.expr)]
        for query in grafana_queries.queries("flights", "temp", rate_interval="4s")
    }
    assert shown["Drift overview", "Features drifting"] == [1]
    assert shown["Drift overview", "State"] == [1]
    assert shown["Drift overview", "Last drift"] == [1000]
    assert shown["Drift of a feature", "State"] == [2]
    # Both jobs scrape both servers, and each of the four processes counts one a second.
    assert shown["Ingest health", "Rows counted"] == [pytest.approx(4, rel=0.5)]
    assert shown["Ingest health", "Metric servers up"] == [2]
    assert shown["Ingest health", "Rows late per second"] == [0]


def test_the_table_of_features_is_in_the_order_of_the_live_page(prometheus: str, grafana_queries: ModuleType) -> None:
    table = [one.expr for one in grafana_queries.queries("shop", "") if one.panel == "Features now"]
    places = {series["metric"]["feature"]: float(series["value"][1]) for series in _ask(prometheus, table[-1])}
    shown = sorted(places, key=places.__getitem__, reverse=True)
    assert shown == [one["feature"] for one in in_order(FEATURES, {})]


def test_the_state_of_a_model_is_that_of_its_worst_feature(prometheus: str, grafana_queries: ModuleType) -> None:
    asked = grafana_queries.queries("shop", "follower")
    shown = {(one.dashboard, one.panel): _ask(prometheus, one.expr) for one in asked if one.panel in ("State", "Blame")}
    values = {place: series[0]["value"][1] for place, series in shown.items()}
    assert values == {
        ("Drift overview", "State"): "5",
        ("Drift of a feature", "State"): "5",
        ("Drift of a feature", "Blame"): "1",
    }


def _scraped_twice(address: str) -> bool:
    try:
        return bool(_ask(address, "min(count_over_time(up[1m])) >= 5"))
    except OSError:
        return False


def _ask(address: str, expr: str) -> list[dict[str, Any]]:
    answer = ask(f"http://{address}/api/v1/query?{urlencode({'query': expr})}")
    if answer.status == 503:
        return []  # still starting
    assert answer.status == 200, answer.text
    series: list[dict[str, Any]] = json.loads(answer.body)["data"]["result"]
    return series

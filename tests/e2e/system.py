"""The whole system as real processes: two of each server, Redis, nginx, Prometheus, Alertmanager, a webhook."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

from driftmeter.demo.data import reference_profile
from driftmeter.demo.gateway import Gateway
from driftmeter.demo.processes import Process, free_port
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
HTTP = urllib3.PoolManager(retries=False, timeout=10.0)


@dataclass
class Webhook:
    """What Alertmanager has sent, newest last."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    def start(self, stack: ExitStack) -> str:
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        stack.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    def alerts(self, name: str) -> list[dict[str, Any]]:
        return [
            alert
            for message in list(self.messages)
            for alert in message["alerts"]
            if alert["labels"]["alertname"] == name and alert["status"] == "firing"
        ]


@dataclass
class System:
    gateway: Gateway
    metric_servers: list[str]
    model_servers: list[str]
    prometheus: str
    webhook: Webhook

    def verdict(self, server: str | None = None) -> dict[str, Any]:
        verdict: dict[str, Any] = get(f"{server or self.gateway.metric_url}/v1/models/flights/verdict")
        return verdict

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = get(f"{self.prometheus}/api/v1/query?{urlencode({'query': expression})}")
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])


def start(stack: ExitStack, directory: Path, tools: dict[str, str]) -> System:
    """Start everything; it ends with `stack`."""
    webhook = Webhook()
    hook = webhook.start(stack)
    profile = directory / "profile.json"
    reference_profile("flights").dump(profile)
    ports = {name: [free_port(), free_port()] for name in ("metric", "model")}
    gateway = Gateway(
        model_servers=[f"127.0.0.1:{port}" for port in ports["model"]],
        metric_servers=[f"127.0.0.1:{port}" for port in ports["metric"]],
        nginx=tools["nginx"],
    )
    store = stack.enter_context(RedisServer(directory / "redis")).url
    processes = []
    for port in ports["metric"]:
        command = ["driftmeter", "serve", "--port", port, "--store", store, "--profile", profile]
        processes.append(_python(stack, directory, [*command, "--pane", "2s", "--lateness", "2s"], port, "readyz"))
    for port in ports["model"]:
        command = ["driftmeter.demo.model_server", "--port", port, "--metric-server", gateway.metric_url]
        processes.append(_python(stack, directory, command, port, "healthz"))
    stack.enter_context(gateway)
    alertmanager = _alertmanager(stack, directory, tools, hook)
    targets = {
        "metric-server": [f"127.0.0.1:{port}" for port in ports["metric"]],
        "model-server": [f"127.0.0.1:{port}" for port in ports["model"]],
    }
    prometheus = _prometheus(stack, directory, tools, alertmanager, targets)
    for process in processes:
        process.wait(60.0)
    return System(
        gateway,
        [f"http://127.0.0.1:{port}" for port in ports["metric"]],
        [f"http://127.0.0.1:{port}" for port in ports["model"]],
        prometheus,
        webhook,
    )


def _python(stack: ExitStack, directory: Path, command: list[object], port: int, health: str) -> Process:
    name = f"{command[0]}-{port}"
    line = [sys.executable, "-m", *map(str, command)]
    return stack.enter_context(Process(name, line, directory=directory, health=f"http://127.0.0.1:{port}/{health}"))


def _alertmanager(stack: ExitStack, directory: Path, tools: dict[str, str], hook: str) -> str:
    """Run the project's own configuration; only the address of the receiver is the test's."""
    text = (ROOT / "deploy/alertmanager/alertmanager.yml").read_text()
    assert "http://alert-log:9095/" in text
    config = directory / "alertmanager.yml"
    config.write_text(text.replace("http://alert-log:9095/", hook))
    port = free_port()
    command = [
        *(tools["prometheus-alertmanager"], f"--config.file={config}", f"--storage.path={directory}/alertmanager"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
    ]
    address = f"127.0.0.1:{port}"
    process = Process("alertmanager", command, directory=directory, health=f"http://{address}/-/ready")
    stack.enter_context(process).wait()
    return address


def _prometheus(
    stack: ExitStack, directory: Path, tools: dict[str, str], alertmanager: str, targets: dict[str, list[str]]
) -> str:
    """Run the project's own configuration and rules; only addresses and the pace are the test's."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    config["scrape_configs"] = [
        {"job_name": job["job_name"], "static_configs": [{"targets": targets[job["job_name"]]}]}
        for job in config["scrape_configs"]
        if job["job_name"] in targets
    ]
    assert len(config["scrape_configs"]) == len(targets)
    shutil.copy(ROOT / "deploy/prometheus/rules.yml", directory)
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        *(tools["prometheus"], f"--config.file={directory}/prometheus.yml"),
        *(f"--storage.tsdb.path={directory}/tsdb", f"--web.listen-address={address}"),
    ]
    process = Process("prometheus", command, directory=directory, health=f"http://{address}/-/ready")
    stack.enter_context(process).wait()
    return f"http://{address}"


def raw(url: str) -> bytes:
    answer = HTTP.request("GET", url)
    assert answer.status == 200, f"{url}: {answer.status} {answer.data[:300]!r}"
    return answer.data


def get(url: str) -> Any:
    return json.loads(raw(url))

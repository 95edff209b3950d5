"""Real Prometheus finds replicas by the real prometheus.yml and real DNS, at addresses of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from driftmeter.demo.processes import Process
from tests.deploy.containers import active_targets
from tests.deploy.dns import Dns, own_network, resolving
from tests.deploy.programs import Tool
from tests.support.ports import free_port
from tests.support.scripts import ROOT
from tests.support.waiting import eventually

PORTS = {"metric-server": 8001, "model-server": 8000}


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"one 1\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def network() -> str:
    return own_network()


@pytest.fixture
def replicas(network: str) -> Iterator[list[str]]:
    """Return the addresses of two hosts, on each of which both servers are."""
    hosts = [f"{network}.3", f"{network}.4"]
    with ExitStack() as stack:
        for host in hosts:
            for port in PORTS.values():
                try:
                    server = stack.enter_context(ThreadingHTTPServer((host, port), Metrics))
                except OSError as error:
                    pytest.skip(f"more than one loopback address is needed: {error}")
                threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
                stack.callback(server.shutdown)
        yield hosts


@pytest.fixture
def dns(tool: Tool, tmp_path: Path, network: str, replicas: list[str]) -> Iterator[Dns]:
    dns = Dns(tool("dnsmasq"), tmp_path, f"{network}.2", 53)
    try:
        if not dns.wait():
            pytest.skip(f"port 53 of {dns.host} is taken")
        for name in PORTS:
            dns.set(name, *replicas)
        yield dns
    finally:
        dns.close()


@pytest.mark.timeout(120)
def test_both_replicas_of_each_tier_are_found_by_their_names(
    tool: Tool, dns: Dns, replicas: list[str], tmp_path: Path
) -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    jobs = [job for job in config["scrape_configs"] if "dns_sd_configs" in job]
    assert [job["job_name"] for job in jobs] == list(PORTS)
    pace = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"global": pace, "scrape_configs": jobs}))
    address = f"{dns.host}:{free_port(host=dns.host)}"
    command = [
        *resolving(tool("unshare"), tmp_path, dns),
        *(tool("prometheus"), f"--config.file={tmp_path}/prometheus.yml"),
        *(f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address={address}"),
    ]
    expected = {(job, f"{host}:{port}", "up") for job, port in PORTS.items() for host in replicas}

    with Process("prometheus", command, directory=tmp_path, health=f"http://{address}/-/ready") as prometheus:
        prometheus.wait()
        eventually(lambda: active_targets(address) == expected, "every replica in Prometheus", seconds=60)

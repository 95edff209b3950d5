"""Real Prometheus finds replicas by the real prometheus.yml and real DNS, in namespaces of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.conftest import ROOT, Tool

# Runs in new mount and network namespaces: a resolver on port 53 and an /etc/resolv.conf that no one else sees.
INSIDE = r"""
import http.server, json, subprocess, sys, threading, time, urllib.request
directory, dnsmasq, prometheus = sys.argv[1:]
subprocess.run(["mount", "--bind", directory + "/resolv.conf", "/etc/resolv.conf"], check=True)

class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"one 1\n")
    def log_message(self, *_):
        pass

for host in ("127.0.0.2", "127.0.0.3"):
    for port in (8000, 8001):
        server = http.server.ThreadingHTTPServer((host, port), Metrics)
        threading.Thread(target=server.serve_forever, daemon=True).start()
log = open(directory + "/log", "wb")
children = [
    subprocess.Popen([dnsmasq, "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root",
                      "--port=53", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
                      "--addn-hosts=" + directory + "/hosts"], stdout=log, stderr=log),
    subprocess.Popen([prometheus, "--config.file=" + directory + "/prometheus.yml",
                      "--storage.tsdb.path=" + directory + "/tsdb", "--web.listen-address=127.0.0.1:9090"],
                     stdout=log, stderr=log),
]
found = []
try:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and len([each for each in found if each[2] == "up"]) < 4:
        time.sleep(0.3)
        try:
            with urllib.request.urlopen("http://127.0.0.1:9090/api/v1/targets?state=active", timeout=5) as answer:
                targets = json.load(answer)["data"]["activeTargets"]
        except OSError:
            continue
        found = sorted([each["labels"]["job"], each["labels"]["instance"], each["health"]] for each in targets)
finally:
    for child in children:
        child.terminate()
    for child in children:
        child.wait()
print(json.dumps(found))
"""


@pytest.fixture
def unshare(tool: Tool) -> list[str]:
    """Return the command that makes namespaces, or skip the test where that is not allowed."""
    command = [tool("unshare"), "--mount", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if os.geteuid() != 0:
        pytest.skip("namespaces of its own need root")
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=30)
    if tried.returncode:
        pytest.skip(f"no namespaces of its own on this machine: {tried.stderr.strip()}")
    return command


@pytest.mark.timeout(120)
def test_both_replicas_of_each_tier_are_found_by_their_names(tool: Tool, unshare: list[str], tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    jobs = [job for job in config["scrape_configs"] if "dns_sd_configs" in job]
    assert [job["job_name"] for job in jobs] == ["metric-server", "model-server"]
    pace = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"global": pace, "scrape_configs": jobs}))
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    names = [job["job_name"] for job in jobs]
    (tmp_path / "hosts").write_text(
        "".join(f"{address} {name}\n" for name in names for address in ("127.0.0.2", "127.0.0.3"))
    )
    command = [*unshare, sys.executable, "-c", INSIDE, str(tmp_path), tool("dnsmasq"), tool("prometheus")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    said = (tmp_path / "log").read_text(errors="replace") if (tmp_path / "log").exists() else ""
    assert done.returncode == 0, done.stderr + said
    assert json.loads(done.stdout) == [
        ["metric-server", "127.0.0.2:8001", "up"],
        ["metric-server", "127.0.0.3:8001", "up"],
        ["model-server", "127.0.0.2:8000", "up"],
        ["model-server", "127.0.0.3:8000", "up"],
    ], said[-2000:]

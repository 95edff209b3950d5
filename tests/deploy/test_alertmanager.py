from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.deploy.programs import Run, Tool
from tests.deploy.replica import ask
from tests.support.scripts import load

PLACE = "http://alert-log:9095/"
FIRING = (
    b'{"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "DriftModelDrifting",'
    b' "severity": "critical"}, "annotations": {"summary": "Model flights drifts", "description": "temp"}},'
    b' {"status": "resolved", "labels": {"alertname": "DriftCoverageLow", "severity": "warning"},'
    b' "annotations": {"summary": "Low", "description": "unsaid"}}]}'
)


@pytest.fixture(scope="module")
def config(root: Path) -> str:
    return (root / "deploy/alertmanager/alertmanager.yml").read_text()


@pytest.fixture(scope="module")
def print_alerts(root: Path) -> ModuleType:
    return load(root / "deploy/alertmanager/print_alerts.py")


def route(run: Run, *labels: str) -> str:
    return run(
        "amtool", "config", "routes", "test", "--config.file=deploy/alertmanager/alertmanager.yml", *labels
    ).strip()


def test_amtool_takes_the_configuration(run: Run) -> None:
    run("amtool", "check-config", "deploy/alertmanager/alertmanager.yml")


def test_amtool_takes_it_with_pagerduty_and_slack(config: str, tmp_path: Path, run: Run) -> None:
    uncommented = re.sub(r"^    # ", "    ", config, flags=re.MULTILINE)
    assert {"pagerduty_configs:", "slack_configs:"} <= {line.strip() for line in uncommented.splitlines()}
    (tmp_path / "slack_webhook_url").write_text("http://127.0.0.1:9/")
    file = tmp_path / "alertmanager.yml"
    file.write_text(uncommented.replace("/run/secrets", str(tmp_path)))
    run("amtool", "check-config", file)


def test_incidents_page_failures_of_parts_are_notices_and_single_features_are_sent_to_nobody(run: Run) -> None:
    assert route(run, "alertname=DriftModelDrifting", "severity=critical", "model=flights") == "page,notice"
    assert route(run, "alertname=DriftStoreAway", "severity=critical") == "page"
    assert route(run, "alertname=DriftCoverageLow", "severity=warning", "model=flights") == "notice"
    assert route(run, "alertname=DriftFeatureDrifting", "severity=info", "model=flights") == "nobody"


def test_pages_are_grouped_by_labels_that_they_have(config: str, root: Path) -> None:
    groups = yaml.safe_load((root / "deploy/prometheus/rules.yml").read_text())["groups"]
    critical = {
        rule["alert"]: set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["description"]))
        for group in groups
        for rule in group["rules"]
        if rule.get("labels") == {"severity": "critical"}
    }
    of_incidents = critical.pop("DriftModelDrifting")
    pages = [route for route in yaml.safe_load(config)["route"]["routes"] if route["receiver"] == "page"]
    assert [set(route["group_by"]) for route in pages] == [of_incidents, set().union(*critical.values())]


def test_nobody_is_sent_nothing(config: str) -> None:
    (nobody,) = (receiver for receiver in yaml.safe_load(config)["receivers"] if receiver["name"] == "nobody")
    assert nobody == {"name": "nobody"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", PLACE),
        ("https://hooks.example/a?b=c&d=e|f\\g", "https://hooks.example/a?b=c&d=e|f\\g"),
    ],
)
def test_the_webhooks_address_comes_from_the_environment(
    config: str, tmp_path: Path, tool: Tool, root: Path, given: str, expected: str
) -> None:
    (tmp_path / "alertmanager.yml").write_text(config)
    # Replace the container's directories; the program that the script starts prints the file that it is given.
    script = (root / "deploy/alertmanager/start.sh").read_text()
    script = script.replace("/etc/alertmanager", str(tmp_path)).replace("/tmp/alertmanager.yml", str(tmp_path / "new"))
    alertmanager = tmp_path / "alertmanager"
    alertmanager.write_text('#!/bin/sh\ncat "${1#--config.file=}"\necho "$2"\n')
    alertmanager.chmod(alertmanager.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run(
        [tool("sh"), "-c", script, "start.sh", "--storage.path=/alertmanager"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ALERT_WEBHOOK_URL": given},
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert done.stdout == config.replace(PLACE, expected) + "--storage.path=/alertmanager\n"


def test_the_alert_log_prints_what_fires_and_what_is_over(
    print_alerts: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), print_alerts.Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        statuses = [ask(url, "POST", body).status for body in (FIRING, b"{}", b"[1]", b"nonsense")]
        statuses.append(ask(url).status)
        server.shutdown()
        thread.join()
    assert statuses == [200, 400, 400, 400, 200]
    assert capsys.readouterr().out.splitlines() == [
        "FIRING critical DriftModelDrifting: Model flights drifts",
        "    temp",
        "RESOLVED warning DriftCoverageLow: Low",
    ]


def test_the_alert_log_is_a_program_too(root: Path) -> None:
    command = [sys.executable, "deploy/alertmanager/print_alerts.py", "--help"]
    assert "--port" in subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.programs import Run


@pytest.fixture(scope="module")
def rules(root: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((root / "deploy/prometheus/rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def alerts(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for rule in rules if "alert" in rule]


def test_promtool_takes_the_configuration_and_the_rules(run: Run) -> None:
    run("promtool", "check", "config", "deploy/prometheus/prometheus.yml")


def test_the_rules_pass_their_own_tests(run: Run) -> None:
    run("promtool", "test", "rules", "deploy/prometheus/rules_test.yml")


def test_every_alert_is_tested_firing_and_silent(root: Path, alerts: list[dict[str, Any]]) -> None:
    tests = yaml.safe_load((root / "deploy/prometheus/rules_test.yml").read_text())["tests"]
    expected = [(one["alertname"], bool(one["exp_alerts"])) for test in tests for one in test["alert_rule_test"]]
    assert set(expected) == {(alert["alert"], firing) for alert in alerts for firing in (True, False)}


def test_every_alert_says_how_bad_it_is_what_it_is_and_where_to_look(alerts: list[dict[str, Any]]) -> None:
    for alert in alerts:
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(alert["annotations"]) == {"summary", "description", "dashboard"}


def test_of_drift_only_an_incident_pages(alerts: list[dict[str, Any]]) -> None:
    pages = {alert["alert"]: alert["expr"] for alert in alerts if alert["labels"]["severity"] == "critical"}
    assert pages.pop("DriftModelDrifting") == "model_incident:driftmeter_incident:max > 0"
    # the others are for when drift would go unseen
    assert set(pages) == {"DriftVerdictStale", "DriftMetricServersAllDown", "DriftStoreAway"}
    assert not any("drifting" in expr or "evidence" in expr for expr in pages.values())


def test_every_alert_leads_to_a_dashboard_that_is_there(root: Path, alerts: list[dict[str, Any]]) -> None:
    for alert in alerts:
        link = re.match(r"/d/([\w-]+)", alert["annotations"]["dashboard"])
        assert link is not None
        assert (root / f"deploy/grafana/dashboards/{link[1]}.json").is_file()


def test_every_replica_is_scraped_under_the_names_that_compose_gives_it(root: Path) -> None:
    config = yaml.safe_load((root / "deploy/prometheus/prometheus.yml").read_text())
    services = yaml.safe_load((root / "compose.yaml").read_text())["services"]
    for job in config["scrape_configs"]:
        for discovery in job.get("dns_sd_configs", []):
            assert discovery["names"] == [job["job_name"]]
            assert job["job_name"] in services
            assert re.search(rf"--port\D+{discovery['port']}\b", " ".join(services[job["job_name"]]["command"]))

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.conftest import Run

SCALED = ("metric-server", "model-server")


@pytest.fixture(scope="module")
def compose(run: Run) -> dict[str, Any]:
    text = run("docker-compose", "-f", "compose.yaml", "--profile", "*", "config", "--format", "json")
    config: dict[str, Any] = json.loads(text)
    return config


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def test_compose_takes_the_file(run: Run) -> None:
    run("docker-compose", "-f", "compose.yaml", "config", "--quiet")


def test_hadolint_has_nothing_to_say(run: Run) -> None:
    assert run("hadolint", "Dockerfile") == ""


@pytest.mark.parametrize("name", SCALED)
def test_a_service_that_is_scaled_has_no_name_and_no_port_of_the_host(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    assert "container_name" not in services[name]
    assert "ports" not in services[name]


def test_every_port_that_is_documented_is_open_on_this_machine_alone(
    services: dict[str, dict[str, Any]],
) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert {(int(port["published"]), port["target"]) for port in ports} == {
        *((8001, 8001), (8002, 8002), (4000, 3000), (8089, 8089), (9090, 9090), (9093, 9093))
    }


def test_metric_servers_share_one_named_volume(compose: dict[str, Any]) -> None:
    (volume,) = compose["services"]["metric-server"]["volumes"]
    assert (volume["type"], volume["source"], volume["target"]) == ("volume", "store", "/data")
    assert "store" in compose["volumes"]


def test_every_image_is_of_one_version(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        image = service.get("image", "")
        assert "build" in service or (":" in image and not image.endswith(":latest")), name


def test_every_service_restarts_unprivileged_on_a_root_it_cannot_write(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name


def test_load_is_made_only_on_demand(services: dict[str, dict[str, Any]]) -> None:
    assert {name for name, service in services.items() if "profiles" in service} == {"locust"}

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.deploy.programs import Run, Tool
from tests.support.redis_server import DURABLE
from tests.support.scripts import ROOT

SCALED = ("metric-server", "model-server")
INSTALLS = re.findall(r"^RUN (uv pip install .*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def compose(run: Run) -> dict[str, Any]:
    text = run("docker-compose", "-f", "compose.yaml", "--profile", "*", "config", "--format", "json")
    config: dict[str, Any] = json.loads(text)
    return config


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = compose["services"]
    return services


def test_compose_takes_the_file(run: Run) -> None:
    run("docker-compose", "-f", "compose.yaml", "config", "--quiet")


def test_hadolint_has_nothing_to_say(run: Run) -> None:
    assert run("hadolint", "Dockerfile") == ""


@pytest.mark.parametrize("install", INSTALLS)
def test_uv_takes_what_an_image_needs_from_the_files_that_are_there_then(
    install: str, tool: Tool, tmp_path: Path
) -> None:
    tool("uv")
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    # all packages are installed here: uv neither looks one up nor installs one
    settings = dict(re.findall(r"\b(UV_\w+)=(\S+)", (ROOT / "Dockerfile").read_text()))
    environment = {**os.environ, **settings, "VIRTUAL_ENV": sys.prefix, "UV_PYTHON_DOWNLOADS": "never"}
    command = [tool("uv"), *install.split()[1:], "--dry-run", "--no-index"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Would make no changes" in done.stderr


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


def test_metric_servers_share_one_redis_and_start_when_it_answers(services: dict[str, dict[str, Any]]) -> None:
    command = services["metric-server"]["command"]
    store = urlsplit(command[command.index("--store") + 1])
    assert (store.scheme, store.hostname, store.port or 6379) == ("redis", "redis", 6379)
    assert services["metric-server"]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert "volumes" not in services["metric-server"]


def test_redis_runs_as_it_does_in_the_tests_of_the_store(services: dict[str, dict[str, Any]]) -> None:
    command = services["redis"]["command"]
    assert tuple(command[command.index(DURABLE[0]) :]) == DURABLE


def test_redis_keeps_its_data_on_a_named_volume_and_is_reached_by_no_other_host(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    (volume,) = redis["volumes"]
    assert (volume["type"], volume["source"], volume["target"]) == ("volume", "redis", "/data")
    assert "redis" in compose["volumes"]
    assert redis["user"].split(":")[0] not in {"0", "root"}
    assert "ports" not in redis


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

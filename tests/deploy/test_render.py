from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from driftmeter.demo.gateway import NAMES, Gateway, GatewayError, find_nginx, render, substitute, template
from tests.deploy.programs import Tool


def environment(root: Path) -> dict[str, str]:
    compose = yaml.safe_load((root / "compose.yaml").read_text())
    given: dict[str, str] = compose["services"]["gateway"]["environment"]
    return {name: value for name, value in given.items() if name.startswith("GATEWAY_")}


def check(nginx: str, directory: Path, text: str) -> None:
    file = directory / "gateway.conf"
    file.write_text(text)
    command = [nginx, "-e", "stderr", "-p", str(directory), "-c", str(file), "-t"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_the_template_has_the_names_that_gateway_py_and_compose_fill_in(root: Path) -> None:
    assert set(re.findall(r"\$\{(\w+)\}", template())) == set(NAMES)
    assert set(environment(root)) == set(NAMES)


def test_compose_mounts_the_template_of_the_package(root: Path) -> None:
    compose = yaml.safe_load((root / "compose.yaml").read_text())
    source = compose["services"]["gateway"]["volumes"][0].split(":")[0]
    assert (root / source).read_text() == template()


def test_nginx_takes_the_template_as_docker_fills_it_in(root: Path, tmp_path: Path, tool: Tool) -> None:
    check(tool("nginx"), tmp_path, substitute(environment(root)))


def test_envsubst_fills_it_in_as_substitute_does(root: Path, tool: Tool) -> None:
    values = environment(root)
    shell_format = " ".join(f"${{{name}}}" for name in values)  # what the image's start passes on
    done = subprocess.run(
        [tool("envsubst"), shell_format],
        input=template(),
        env={**os.environ, **values},
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert done.stdout == substitute(values)


def test_nginx_takes_fixed_addresses(tmp_path: Path, tool: Tool) -> None:
    text = render(
        model_servers=["127.0.0.1:8010", "127.0.0.1:8011"],
        metric_servers=["[::1]:8020"],
        prediction_listen="127.0.0.1:8012",
        metric_listen="127.0.0.1:8021",
    )
    check(tool("nginx"), tmp_path, text)
    assert "upstream model_servers {" in text
    assert "server 127.0.0.1:8011" in text
    assert "${" not in text


def test_nginx_takes_names_with_a_resolver(tmp_path: Path, tool: Tool) -> None:
    text = render(
        model_servers=["model-server:8000"],
        metric_servers=["metric-server:8001"],
        resolver="127.0.0.1:5353",
    )
    check(tool("nginx"), tmp_path, text)
    assert "upstream model_servers {" not in text


@pytest.mark.parametrize("address", ["", "model-server", "a:80; server evil:80", "a:80 b:80", "a:80\n", "http://a:80"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="model_servers: expected host:port"):
        render(model_servers=[address], metric_servers=["a:1"])


def test_a_tier_without_servers_is_refused() -> None:
    with pytest.raises(ValueError, match="metric_servers: expected at least one host:port, got none"):
        render(model_servers=["a:1"], metric_servers=[])


def test_with_a_resolver_a_tier_is_one_name() -> None:
    with pytest.raises(ValueError, match="model_servers: expected one name for the resolver, got 2"):
        render(model_servers=["a:1", "b:1"], metric_servers=["c:1"], resolver="127.0.0.1")


def test_other_names_than_the_templates_are_refused() -> None:
    with pytest.raises(ValueError, match="values: expected exactly GATEWAY_"):
        substitute({"GATEWAY_RESOLVER": "127.0.0.1"})


def test_a_machine_without_nginx_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driftmeter.demo.gateway._PLACES", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    assert find_nginx() is None
    with pytest.raises(GatewayError, match="nginx: expected it in PATH"):
        Gateway(model_servers=["127.0.0.1:1"], metric_servers=["127.0.0.1:1"]).start()

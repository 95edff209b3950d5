"""compose.yaml without Docker: its services as processes, each replica at a loopback address of its own.

They run the command lines of compose.yaml, with files where its volumes put them, under the names that it gives them.
Only addresses differ: a container listens on all of its addresses, a process here on one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftmeter.demo.gateway import substitute
from driftmeter.demo.processes import Process
from tests.deploy.dns import Dns, own_network, resolving
from tests.deploy.programs import PLACES
from tests.deploy.replica import ask
from tests.support.scripts import ROOT
from tests.support.waiting import eventually

HEALTH = {
    "gateway": ":8002/nginx-health",
    "metric-server": ":8001/healthz",
    "model-server": ":8000/healthz",
    "prometheus": ":9090/-/ready",
}
PROGRAMS = {"prometheus": "prometheus"}
"""Programs that the image starts: compose.yaml gives their arguments alone."""
AT_ONCE = 3
"""Replicas that start at the same time: all ten at once would be up no sooner, and slow down everything else."""


class Container(Process):
    """One replica of a service; `up` is its health check where that is not over HTTP."""

    def __init__(
        self, service: str, address: str, command: list[str], directory: Path, up: Callable[[], bool] | None
    ) -> None:
        self.service, self.address = service, address
        health = f"http://{address}{HEALTH.get(service, '')}"
        super().__init__(f"{service}-{address}", command, directory=directory, health=health)
        self._up = up

    def wait(self, timeout: float = 30.0) -> None:
        if self._up is None:
            super().wait(timeout)
        else:
            eventually(self._up, f"{self.name} up", seconds=timeout)


class Compose:
    """The services that `docker compose up` starts and `--scale` changes; they end with `stack`."""

    def __init__(self, stack: ExitStack, directory: Path, tool: Callable[[str], str]) -> None:
        """Start the DNS; skip the test where that is impossible on this machine."""
        self._stack, self._directory, self._tool = stack, directory, tool
        self._services: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
        self._containers: dict[str, list[Container]] = {}
        self._network = own_network()
        self._next = 10
        self._dns = Dns(tool("dnsmasq"), directory, f"{self._network}.2", 53)
        stack.callback(self._dns.close)
        if not self._dns.wait():
            pytest.skip(f"port 53 of {self._dns.host} is taken")
        self._resolving = resolving(tool("unshare"), directory, self._dns)

    def running(self, service: str) -> list[Container]:
        return list(self._containers.get(service, ()))

    def address(self, service: str) -> str:
        (container,) = self._containers[service]
        return container.address

    def scale(self, service: str, number: int) -> None:
        """Start replicas of a service until there are `number`, or stop the newest; return when that is done."""
        running = self._containers.setdefault(service, [])
        while len(running) < number:
            started = [self._start(service) for _ in range(min(AT_ONCE, number - len(running)))]
            running += started
            for container in started:
                container.wait(60.0)
            self._name(service)
        stopped = running[number:]
        del running[number:]
        # DNS keeps their names until they have ended, as Docker's does
        for container in stopped:
            container.terminate()
        for container in stopped:
            container.stop(20.0)
        if stopped:
            self._name(service)

    def _name(self, service: str) -> None:
        self._dns.set(service, *(container.address for container in self._containers[service]))

    def _start(self, service: str) -> Container:
        address = f"{self._network}.{self._next}"
        self._next += 1
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix=f"driftmeter-{service}-")))
        directory.chmod(0o711)  # nginx, when root starts it, works as another user
        command = self._command(service, address, directory)
        path = os.pathsep.join((*PLACES, os.environ.get("PATH", os.defpath)))
        command = [*self._resolving, "env", f"PATH={path}", *command]
        container = Container(service, address, command, self._directory, self._health_check(service, address))
        return self._stack.enter_context(container)

    def _command(self, service: str, address: str, directory: Path) -> list[str]:
        """Return the command line of compose.yaml with the paths and addresses of this machine."""
        given = [part.replace("0.0.0.0", address) for part in self._services[service]["command"]]
        places = {"/tmp": directory}
        for volume in self._services[service].get("volumes", ()):
            source, target = volume.split(":")[:2]
            places[target] = ROOT / source if source.startswith(".") else directory
        command = [re.sub(r"(?<![\w/:])/[\w-]+(?:/[\w-]+)*", lambda m: _place(m[0], places), part) for part in given]
        match service:
            case "gateway":
                (directory / "gateway.conf").write_text(substitute(self._environment(address)))
            case "redis":
                command += ["--bind", address]
            case "prometheus":
                command += [f"--web.listen-address={address}:9090"]
        return [PROGRAMS[service], *command] if service in PROGRAMS else command

    def _environment(self, address: str) -> dict[str, str]:
        given = self._services["gateway"]["environment"]
        values = {name: value for name, value in given.items() if name.startswith("GATEWAY_")}
        for name in ("GATEWAY_PREDICTION_LISTEN", "GATEWAY_METRIC_LISTEN"):
            values[name] = f"{address}:{values[name]}"
        return {**values, "GATEWAY_RESOLVER": self._dns.host}

    def _health_check(self, service: str, address: str) -> Callable[[], bool] | None:
        """Return the health check of compose.yaml for a service without HTTP, None for the others."""
        if service in HEALTH:
            return None
        kind, program, *arguments = self._services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [self._tool(program), "-h", address, *arguments]
        return lambda: subprocess.run(command, capture_output=True, timeout=10).returncode == 0


def active_targets(prometheus: str) -> set[tuple[str, str, str]]:
    """Return job, instance and health of each target of a Prometheus at `HOST:PORT`."""
    answer = ask(f"http://{prometheus}/api/v1/targets?state=active")
    targets = json.loads(answer.body)["data"]["activeTargets"] if answer.status == 200 else []
    return {(target["labels"]["job"], target["labels"]["instance"], target["health"]) for target in targets}


def _place(path: str, places: dict[str, Path]) -> str:
    """Return where a path of a container is on this machine."""
    for target in sorted(places, key=len, reverse=True):
        if path == target or path.startswith(f"{target}/"):
            return f"{places[target]}{path.removeprefix(target)}"
    return path

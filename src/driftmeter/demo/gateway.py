"""NGINX in front of model servers and metric servers, without Docker: its configuration and its process."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType

from driftmeter.demo import http
from driftmeter.demo.processes import end
from driftmeter.errors import DriftmeterError

HEALTH = "/nginx-health"
NAMES = (
    "GATEWAY_PREDICTION_LISTEN",
    "GATEWAY_METRIC_LISTEN",
    "GATEWAY_MODEL_SERVERS",
    "GATEWAY_METRIC_SERVERS",
    "GATEWAY_RESOLVER",
    "GATEWAY_UPSTREAMS",
)

# Debian installs nginx where a user's PATH does not look.
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin", "/opt/homebrew/bin")
_ADDRESS = re.compile(r"[A-Za-z0-9._-]+:[0-9]{1,5}|\[[0-9A-Fa-f:]+\]:[0-9]{1,5}")


class GatewayError(DriftmeterError):
    """NGINX is missing, refuses its configuration, or does not answer."""


def template() -> str:
    """Return the text of gateway.conf.template, which compose.yaml mounts too."""
    return resources.files("driftmeter.demo").joinpath("gateway.conf.template").read_text("utf-8")


def substitute(values: Mapping[str, str]) -> str:
    """Return the template with each `${NAME}` of NAMES replaced, as `envsubst` does in Docker.

    Raises ValueError unless `values` has exactly these names.
    """
    if values.keys() != set(NAMES):
        raise ValueError(f"values: expected exactly {', '.join(NAMES)}, got {', '.join(values) or 'none'}")
    return re.sub(r"\$\{(GATEWAY_[A-Z_]+)\}", lambda match: values[match[1]], template())


def render(
    *,
    model_servers: Sequence[str],
    metric_servers: Sequence[str],
    prediction_listen: str = "127.0.0.1:8002",
    metric_listen: str = "127.0.0.1:8001",
    resolver: str | None = None,
) -> str:
    """Return a configuration for servers at fixed addresses or, with `resolver`, behind DNS names.

    Servers are `host:port`. Without a resolver each tier is a list of addresses; with a resolver, such as
    `127.0.0.1:5353`, each tier is one name, which may have many addresses. Raises ValueError for anything else.
    """
    listens = {"prediction_listen": [prediction_listen], "metric_listen": [metric_listen]}
    tiers = {"model_servers": list(model_servers), "metric_servers": list(metric_servers)}
    for field, addresses in {**listens, **tiers}.items():
        _check(field, addresses)
    upstreams = ""
    if resolver is None:
        upstreams = "".join(_upstream(name, addresses) for name, addresses in tiers.items())
    else:
        for field, addresses in tiers.items():
            if len(addresses) != 1:
                raise ValueError(f"{field}: expected one name for the resolver, got {len(addresses)}")
    return substitute(
        {
            "GATEWAY_PREDICTION_LISTEN": prediction_listen,
            "GATEWAY_METRIC_LISTEN": metric_listen,
            "GATEWAY_MODEL_SERVERS": "model_servers" if resolver is None else tiers["model_servers"][0],
            "GATEWAY_METRIC_SERVERS": "metric_servers" if resolver is None else tiers["metric_servers"][0],
            "GATEWAY_RESOLVER": resolver or "127.0.0.1",
            "GATEWAY_UPSTREAMS": upstreams,
        }
    )


def find_nginx() -> str | None:
    """Return the path of nginx, or None if it is not installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_PLACES))
    return shutil.which("nginx", path=path)


class Gateway:
    """One nginx process in front of both tiers; it ends with the context.

    A port of 0 is replaced by a free one. Configuration and log are in a temporary directory.
    """

    def __init__(
        self,
        *,
        model_servers: Sequence[str],
        metric_servers: Sequence[str],
        prediction_port: int = 0,
        metric_port: int = 0,
        host: str = "127.0.0.1",
        resolver: str | None = None,
        nginx: str | None = None,
    ) -> None:
        """Choose the ports; nothing is started yet."""
        self.host = host
        free = _free_ports(host)
        self.prediction_port = prediction_port or free[0]
        self.metric_port = metric_port or free[1]
        self._model_servers, self._metric_servers = tuple(model_servers), tuple(metric_servers)
        self._resolver = resolver
        self._nginx = nginx
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def prediction_url(self) -> str:
        """The address to send prediction requests to."""
        return f"http://{self.host}:{self.prediction_port}"

    @property
    def metric_url(self) -> str:
        """The address to send rows and panes to."""
        return f"http://{self.host}:{self.metric_port}"

    @property
    def pid(self) -> int | None:
        """The master process's id, None unless it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self, timeout: float = 10.0) -> None:
        """Start nginx and wait until both its ports answer; raise GatewayError if they do not within `timeout` s."""
        self._nginx = self._nginx or find_nginx()
        if self._nginx is None:
            raise GatewayError("nginx: expected it in PATH or /usr/sbin, got none; `apt-get install nginx-light`")
        self._directory = Path(tempfile.mkdtemp(prefix="driftmeter-gateway-"))
        try:
            # When root starts nginx, its workers are an unprivileged user that must reach the temporary files.
            self._directory.chmod(0o711)
            self._write_configuration()
            with self._log.open("wb") as log:
                # Its own session: at Ctrl-C its owner ends it, after the processes that still send through it.
                self._process = subprocess.Popen(
                    self._command("-g", "daemon off;"),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._wait_until_healthy(time.monotonic() + timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float = 5.0) -> None:
        """End nginx, by force after `timeout` seconds, and remove its directory."""
        process, self._process = self._process, None
        if process is not None:
            end(process, timeout)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def log(self) -> str:
        """Return what nginx has logged since its start."""
        return self._log.read_text("utf-8", errors="replace") if self._directory else ""

    def __enter__(self) -> Gateway:
        """Start nginx."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End nginx."""
        self.stop()

    @property
    def _home(self) -> Path:
        if self._directory is None:
            raise GatewayError("gateway: expected a running nginx, got none")
        return self._directory

    @property
    def _log(self) -> Path:
        return self._home / "nginx.log"

    def _command(self, *arguments: str) -> list[str]:
        home = str(self._home)
        return [str(self._nginx), "-e", "stderr", "-p", home, "-c", f"{home}/gateway.conf", *arguments]

    def _write_configuration(self) -> None:
        text = render(
            model_servers=self._model_servers,
            metric_servers=self._metric_servers,
            prediction_listen=f"{self.host}:{self.prediction_port}",
            metric_listen=f"{self.host}:{self.metric_port}",
            resolver=self._resolver,
        )
        (self._home / "gateway.conf").write_text(text, "utf-8")
        test = subprocess.run(self._command("-t", "-q"), capture_output=True, text=True, timeout=30)
        if test.returncode:
            raise GatewayError(f"nginx refuses its configuration: {test.stderr.strip()}")

    def _wait_until_healthy(self, deadline: float) -> None:
        for port, url in ((self.prediction_port, self.prediction_url), (self.metric_port, self.metric_url)):
            while not _healthy(url):
                if self.pid is None:
                    raise GatewayError(f"nginx ended at once: {self.log().strip() or 'it said nothing'}")
                if time.monotonic() > deadline:
                    raise GatewayError(f"nginx does not answer on {self.host}:{port}: {self.log().strip()}")
                time.sleep(0.02)
        if "bind() to" in self.log():  # another process answered
            raise GatewayError(f"nginx cannot listen: {self.log().strip()}")


def _check(field: str, addresses: list[str]) -> None:
    if not addresses:
        raise ValueError(f"{field}: expected at least one host:port, got none")
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{field}: expected host:port, got {address!r}")


def _upstream(name: str, addresses: list[str]) -> str:
    servers = "".join(f"        server {address} max_fails=1 fail_timeout=1s;\n" for address in addresses)
    # Idle connections are closed before uvicorn closes them after 5 s, so that no request meets a closing one.
    return f"    upstream {name} {{\n{servers}        keepalive 32;\n        keepalive_timeout 2s;\n    }}\n\n"


def _healthy(url: str) -> bool:
    answer = http.get(f"{url}{HEALTH}", timeout=1.0)
    return answer is not None and answer.status == 200


def _free_ports(host: str) -> tuple[int, int]:
    # Hold both at once, or they could be the same port.
    with socket.create_server((host, 0)) as one, socket.create_server((host, 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]

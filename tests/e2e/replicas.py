"""Metric servers on one Redis behind nginx, and their disturbances: kills, restarts, a cut network."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import redis
import urllib3

from driftmeter.demo.gateway import Gateway
from driftmeter.demo.processes import end
from driftmeter.panes.timing import Timing
from tests.e2e.namespace import HERE, THERE, Namespace
from tests.e2e.source import MODEL, SOURCES, reference_profile
from tests.e2e.unruly import Unruly
from tests.support.ports import free_port
from tests.support.processes import begin, wait_until_ready

ROOT = Path(__file__).parents[2]
SERVERS = 4
TIMING = Timing(pane=2_000, lateness=15_000)
"""What befalls the system keeps a row back for about six seconds: Redis is away for three, an SDK pauses for a few
more, and gives a request that was under way to the server cut off up after three. So rows come in disorder, and yet
all of them within the lateness, on a machine that is twice as slow too."""

KILL_EVERY = 4.0
DOWN = 1.0
"""Seconds until a server that was killed is started again."""
REDIS_AWAY = 3.0
REDIS_STOPS = ((14.0, signal.SIGTERM), (50.0, signal.SIGKILL))
CUT, JOINED = 28.0, 38.0

_HTTP = urllib3.PoolManager(retries=False, timeout=5.0)


class Part:
    """One process that may be ended and started again at any time, under the same address."""

    def __init__(self, name: str, command: Sequence[str], directory: Path) -> None:
        self.name = name
        self._command, self._log = list(command), directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, how: signal.Signals) -> None:
        """End it and wait for that."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10.0)

    @property
    def up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    def __enter__(self) -> Part:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            end(self._process, 8.0)


@dataclass
class Replica:
    """A metric server: its process, and where it is."""

    part: Part
    url: str

    def get(self, path: str) -> bytes:
        answer = _HTTP.request("GET", f"{self.url}{path}")
        assert answer.status == 200, f"{self.url}{path}: {answer.status} {answer.data[:300]!r}"
        return answer.data

    def verdict(self) -> bytes:
        return self.get(f"/v1/models/{MODEL}/verdict")

    def answers(self, path: str = "readyz") -> bool:
        try:
            return _HTTP.request("GET", f"{self.url}/{path}", timeout=1.0).status == 200
        except urllib3.exceptions.HTTPError:
            return False


@dataclass
class Replicas:
    """The tier, and counts of its disturbances."""

    store: str
    redis: Part
    servers: list[Replica]
    gateway: Gateway
    network: Unruly
    namespace: Namespace | None
    kills: int = 0
    crashes: int = 0
    """Servers that ended by themselves."""
    redis_stops: list[signal.Signals] = field(default_factory=list)
    refused_when_cut: int = 0
    reached_when_cut: int = 0
    _down: dict[str, float] = field(default_factory=dict)
    """When to start again what is down, by time.monotonic()."""
    _is_cut: bool = False

    @property
    def remote(self) -> Replica | None:
        """The server that can be cut off."""
        return self.servers[-1] if self.namespace else None

    def disturb(self, begin: float, seconds: float, seed: int = 4) -> None:
        """Run all disturbances, from `begin` (time.time()) on for `seconds`; all servers are up at the end."""
        chance = random.Random(seed)
        events: list[tuple[float, Callable[[], None]]] = []
        at = KILL_EVERY
        while at < seconds - KILL_EVERY:
            events.append((at + chance.uniform(-1, 1), partial(self._kill, chance)))
            at += KILL_EVERY
        for at, how in REDIS_STOPS:
            events += [(at, partial(self._stop_redis, how)), (at + REDIS_AWAY, self.redis.start)]
        if self.namespace is not None:
            events += [(CUT, self._cut), (JOINED, self._join)]
        events.append((seconds, lambda: None))
        for at, event in sorted(events, key=lambda event: event[0]):
            while time.time() < begin + at:
                self._watch()
                time.sleep(0.05)
            event()
        deadline = time.monotonic() + 30.0
        while not all(server.answers() for server in self.servers):
            assert time.monotonic() < deadline, "\n".join(server.part.log()[-2_000:] for server in self.servers)
            self._watch()
            time.sleep(0.1)

    def _kill(self, chance: random.Random) -> None:
        """Kill a server if another one still serves: without any server, rows would come too late."""
        serving = [
            server
            for server in self.servers
            if server.answers("healthz") and not (self._is_cut and server is self.remote)
        ]
        if len(serving) < 2:
            return
        victim = chance.choice(serving)
        victim.part.stop(signal.SIGKILL)
        self._down[victim.part.name] = time.monotonic() + DOWN
        self.kills += 1

    def _stop_redis(self, how: signal.Signals) -> None:
        self.redis.stop(how)
        self.redis_stops.append(how)

    def _cut(self) -> None:
        assert self.namespace is not None
        self.namespace.cut()
        self._is_cut = True

    def _join(self) -> None:
        assert self.namespace is not None
        self.namespace.join()
        self._is_cut = False

    def _watch(self) -> None:
        """Start what is down, as Docker does; ask the server that is cut off, which cannot hear it."""
        now = time.monotonic()
        for server in self.servers:
            if not server.part.up:
                if server.part.name not in self._down:
                    self.crashes += 1
                    self._down[server.part.name] = now + DOWN
                if now >= self._down[server.part.name]:
                    del self._down[server.part.name]
                    server.part.start()
        if self._is_cut and self.remote is not None:
            if self.remote.answers():
                self.reached_when_cut += 1
            else:
                self.refused_when_cut += 1


class Witness:
    """Asks all servers for the verdict repeatedly, and records every answer."""

    def __init__(self, servers: Sequence[Replica]) -> None:
        self.verdicts: list[set[bytes]] = [set() for _ in servers]
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=pair) for pair in zip(servers, self.verdicts, strict=True)
        ]

    def _ask(self, server: Replica, verdicts: set[bytes]) -> None:
        while not self._over.wait(0.5):
            with suppress(AssertionError, urllib3.exceptions.HTTPError):  # it is down, or without Redis
                verdicts.add(server.verdict())

    def __enter__(self) -> Witness:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


class Sources:
    """The processes that send."""

    def __init__(self, url: str, profile: Path, directory: Path, stack: ExitStack) -> None:
        self._processes = []
        for number in range(SOURCES):
            with (directory / f"source-{number}.log").open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.e2e.source", url, str(profile), str(number)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=ROOT,
                )
            stack.callback(_end, process)
            self._processes.append(process)

    def begin(self) -> int:
        """Let all of them begin once all are there; return when the stream begins, in ms since the epoch."""
        wait_until_ready(*self._processes)
        start = time.time_ns() // 1_000_000 + 1_500
        begin(*self._processes, word=str(start))
        return start

    def accounts(self, timeout: float) -> list[dict[str, Any]]:
        """Wait until all have closed; return what each of them says."""
        return [json.loads(process.communicate(timeout=timeout)[0]) for process in self._processes]


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def start(stack: ExitStack, directory: Path, tools: dict[str, str], namespace: Namespace | None) -> Replicas:
    """Start Redis, the metric servers (the last one in `namespace`), nginx and the network; they end with `stack`."""
    reference_profile().dump(directory / "profile.json")
    if namespace is not None:
        stack.enter_context(namespace)
    hosts = ["127.0.0.1"] * SERVERS
    if namespace is not None:
        hosts[-1] = THERE
    redis_port = free_port()
    redis_server = Part("redis", _redis_command(tools, redis_port, namespace, directory), directory)
    stack.enter_context(redis_server)
    _wait_for_redis(redis_port)
    servers = []
    for number, host in enumerate(hosts):
        port = free_port()
        store = store_url(HERE if host == THERE else "127.0.0.1", redis_port)
        command = [sys.executable, "-m", "driftmeter", "serve", "--host", host, "--port", str(port), "--store", store]
        command += ["--profile", str(directory / "profile.json")]
        command += ["--pane", f"{TIMING.pane}ms", "--lateness", f"{TIMING.lateness}ms"]
        if namespace is not None and host == THERE:
            command = namespace.inside(command)
        part = Part(f"server-{number}", command, directory)
        servers.append(Replica(stack.enter_context(part), f"http://{host}:{port}"))
    addresses = [server.url.removeprefix("http://") for server in servers]
    gateway = Gateway(model_servers=["127.0.0.1:9"], metric_servers=addresses, nginx=tools["nginx"])
    stack.enter_context(gateway)
    after_closing = (TIMING.lateness + TIMING.pane) / 1000 + 3
    network = stack.enter_context(Unruly(gateway.metric_port, seed=4, straggle=after_closing))
    _wait_until_up(servers)
    return Replicas(store_url("127.0.0.1", redis_port), redis_server, servers, gateway, network, namespace)


def store_url(host: str, port: int) -> str:
    return f"redis://{host}:{port}/0"


def _redis_command(tools: dict[str, str], port: int, namespace: Namespace | None, directory: Path) -> list[str]:
    """Return how Redis runs in production; an outsider may only reach it where a server is outside."""
    command = [tools["redis-server"], "--port", str(port), "--dir", str(directory), "--appendonly", "yes"]
    command += ["--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction"]
    if namespace is None:
        return [*command, "--bind", "127.0.0.1"]
    return [*command, "--bind", "127.0.0.1", HERE, "--protected-mode", "no"]


def _wait_for_redis(port: int, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError:
                assert time.monotonic() < deadline, "Redis does not come up"
                time.sleep(0.05)


def _wait_until_up(servers: Sequence[Replica], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not all(server.answers() for server in servers):
        going = time.monotonic() < deadline and all(server.part.up for server in servers)
        assert going, "\n".join(server.part.log()[-2_000:] for server in servers)
        time.sleep(0.2)

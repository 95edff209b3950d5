"""A real Redis cluster for tests: three servers that share the slots, without replicas."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from redis_server import RedisServer, free_port

_SLOTS = ("0 5460", "5461 10922", "10923 16383")


class RedisClusterServers:
    """Three servers; each has a third of the slots."""

    def __init__(self, directory: Path) -> None:
        self.nodes: list[RedisServer] = []
        self._buses: list[int] = []
        for number in range(3):
            bus = free_port()
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "1000")
            self.nodes.append(RedisServer(directory / str(number), *options, port=free_port()))
            self._buses.append(bus)

    @property
    def url(self) -> str:
        return f"{self.nodes[0].url}?cluster=true"

    def start(self) -> None:
        for node, slots in zip(self.nodes, _SLOTS, strict=True):
            node.start()
            assert node.ask(f"CLUSTER ADDSLOTSRANGE {slots}") == "OK"
        first = self.nodes[0]
        for node, bus in zip(self.nodes[1:], self._buses[1:], strict=True):
            assert first.ask(f"CLUSTER MEET 127.0.0.1 {node.port} {bus}") == "OK"
        self.wait()

    def wait(self) -> None:
        """Wait until every server thinks that all slots are served, and knows by whom."""
        deadline = time.monotonic() + 20
        while not all(self._complete(node) for node in self.nodes):
            assert time.monotonic() < deadline, "the cluster does not come together"
            time.sleep(0.05)

    def _complete(self, node: RedisServer) -> bool:
        # an error where nobody serves the slot, to this server's knowledge
        return all(node.ask(f"GET {key}").startswith(("-1", "-MOVED")) for key in "bcd")  # one of each third

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def __enter__(self) -> RedisClusterServers:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

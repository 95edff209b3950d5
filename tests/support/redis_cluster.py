"""A real Redis cluster for tests: three servers that share the slots, without replicas."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

_SLOTS = (range(5461), range(5461, 10923), range(10923, 16384))
BUS = 10_000
"""The cluster port of a server is its port plus this; before Redis 7.0 it cannot be set."""


class RedisClusterServers:
    """Three servers; each has a third of the slots."""

    def __init__(self, directory: Path) -> None:
        self.nodes: list[RedisServer] = []
        for number in range(3):
            options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
            self.nodes.append(RedisServer(directory / str(number), *options, port=free_port(BUS)))

    @property
    def url(self) -> str:
        return f"{self.nodes[0].url}?cluster=true"

    def start(self) -> None:
        for node, slots in zip(self.nodes, _SLOTS, strict=True):
            node.start()
            assert node.ask(f"CLUSTER ADDSLOTS {' '.join(map(str, slots))}") == "OK"  # by range: not before Redis 7.0
        for node in self.nodes[1:]:
            assert self.nodes[0].ask(f"CLUSTER MEET 127.0.0.1 {node.port}") == "OK"
        self.wait()

    def wait(self) -> None:
        """Wait until every server knows which server serves each slot."""
        eventually(lambda: all(map(self._is_complete, self.nodes)), "the cluster comes together")

    def _is_complete(self, node: RedisServer) -> bool:
        # the answer is an error if the server knows no server for the slot
        return all(node.ask(f"GET {key}").startswith(("-1", "-MOVED")) for key in "bcd")  # a key of each third

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

"""A fast closed loop of HTTP requests: each connection sends its next one when the answer to its last one is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

import uvloop

PATIENCE = 30.0
"""Seconds that the last answers may take."""


@dataclass
class Load:
    """What came of a load: answers until its end, the seconds that they took, and all answers with the last ones."""

    in_time: int = 0
    seconds: float = 0.0
    answered: int = 0
    latencies: list[float] = field(default_factory=list)
    """Seconds from a request to the end of its answer, of those in time."""


class _Connection(asyncio.Protocol):
    """Sends requests until the deadline. An answer has a content-length, as those of the model server do."""

    def __init__(self, requests: Iterator[bytes], load: Load, deadline: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests, self._load, self._deadline = requests, load, deadline
        self._received, self._sent = b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
            return
        now = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200 "):
            self._fail(RuntimeError(self._received.decode()))
            return
        self._received = b""
        self._load.answered += 1
        if now < self._deadline:
            self._load.in_time += 1
            self._load.latencies.append(now - self._sent)
            self._send()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self._transport.close()


def drive(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Send requests, from the first one on and over again, to a port of the loopback address.

    Raises RuntimeError on an answer other than a 200, OSError if a connection fails, TimeoutError if answers stay away.
    """
    return uvloop.run(_drive(port, requests, connections, seconds))


async def _drive(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    loop, load, order = asyncio.get_running_loop(), Load(seconds=seconds), cycle(requests)
    deadline = time.perf_counter() + seconds
    opened = [
        await loop.create_connection(lambda: _Connection(order, load, deadline), "127.0.0.1", port)
        for _ in range(connections)
    ]
    async with asyncio.timeout(seconds + PATIENCE):
        await asyncio.gather(*(connection.done for _, connection in opened))
    return load

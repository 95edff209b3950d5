"""A network that keeps requests waiting, and delivers every PUT twice: a proxy before the gateway."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

_PATIENCE = 40.0


@dataclass
class Account:
    """What the network did."""

    puts: int = 0
    copies: int = 0
    """Second deliveries, each of a PUT."""
    ahead: int = 0
    """Copies that went out before the PUT itself."""
    overtaken: int = 0
    """Copies that went out after a later state of the same pane."""
    straggled: int = 0
    """Copies that came `straggle` seconds late or later."""
    answers: Counter[int] = field(default_factory=Counter)
    """Status of PUTs, 0 where there was no answer."""
    copy_answers: Counter[int] = field(default_factory=Counter)
    copies_late: int = 0
    """Copies of which the server said that rows came too late."""


class Unruly:
    """Passes requests on to a port of this host, each after up to `delay` seconds; a PUT's copy after up to
    `gap`, and one copy in `rarely` after `straggle` seconds: when its pane is closed."""

    def __init__(
        self, target: int, *, seed: int, delay: float = 0.5, gap: float = 3.0, straggle: float = 20.0, rarely: int = 20
    ) -> None:
        self.account = Account()
        self.port = 0
        self._target, self._chance = target, random.Random(seed)
        self._delay, self._gap, self._straggle, self._rarely = delay, gap, straggle, rarely
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="unruly")
        self._under_way: set[asyncio.Task[None]] = set()
        self._sent: dict[bytes, int] = {}
        self._came: Counter[bytes] = Counter()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def drain(self, timeout: float) -> None:
        """Wait until all copies are delivered."""
        self._call(self._drain(), timeout)

    def __enter__(self) -> Unruly:
        self._thread.start()
        self._call(self._listen(), 5.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end(), 5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None], timeout: float) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _drain(self) -> None:
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._serve(reader, writer))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and hang up, as the answer itself says: it is asked for with `Connection: close`."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
            body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
            request = head[:-2] + b"Connection: close\r\n\r\n" + body
            writer.write(await self._deliver(head.split(b" ", 2)[:2], request))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def _deliver(self, line: list[bytes], request: bytes) -> bytes:
        delay = self._chance.uniform(0, self._delay)
        if line[0] != b"PUT":
            await asyncio.sleep(delay)
            return await self._pass_on(request)
        account, path = self.account, line[1]
        account.puts += 1
        self._came[path] += 1
        number = self._came[path]
        self._spawn(self._copy(path, number, delay, request))
        await asyncio.sleep(delay)
        self._sent[path] = max(number, self._sent.get(path, 0))
        answer = await self._pass_on(request)
        account.answers[_status(answer)] += 1
        return answer

    async def _copy(self, path: bytes, number: int, first: float, request: bytes) -> None:
        chance, account = self._chance, self.account
        straggles = not chance.randrange(self._rarely)
        delay = self._straggle if straggles else chance.uniform(0, chance.choice((self._delay, self._gap)))
        await asyncio.sleep(delay)
        account.copies += 1
        account.straggled += straggles
        account.ahead += delay < first
        account.overtaken += number < self._sent.get(path, 0)
        answer = await self._pass_on(request)
        account.copy_answers[_status(answer)] += 1
        if _status(answer) == 200:
            account.copies_late += json.loads(answer.partition(b"\r\n\r\n")[2])["late"] > 0

    async def _pass_on(self, request: bytes) -> bytes:
        """Return the whole answer; nothing where there is none."""
        writer = None
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
                writer.write(request)
                return await reader.read()
        except (OSError, TimeoutError):
            return b""
        finally:
            if writer is not None:
                writer.close()


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0

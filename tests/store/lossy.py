"""A proxy to a server that loses requests or replies when told to, and that can be cut."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from types import TracebackType


class LossyProxy:
    """Passes everything on between clients and one port, until it is told to lose something.

    A loss ends the connection, as a broken line does: the client cannot know whether the request or the reply was lost.
    While the proxy is cut nothing gets through; connections stay open, or they end and new ones are refused.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._answers = self._requests = 0
        self._share = 0.0
        self._random = random.Random(7)
        self.lost = 0
        self._whole = threading.Event()
        self._whole.set()
        self._refuses = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def lose_answer(self, after: int = 0) -> None:
        """Lose the next reply, or one after `after` others: the server has done what it was asked."""
        self._answers = after + 1

    def lose_request(self, after: int = 0) -> None:
        """Lose the next request, or one after `after` others: the server has done nothing."""
        self._requests = after + 1

    def lose(self, share: float) -> None:
        """Lose this share of all requests and replies."""
        self._share = share

    def cut(self, *, silently: bool) -> None:
        """Let nothing through until it heals."""
        self._whole.clear()
        if not silently:
            self._refuses = True
            self._end(self._sockets)

    def heal(self) -> None:
        self._refuses = False
        self._whole.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    if self._refuses:
                        raise ConnectionRefusedError
                    server = socket.create_connection(("127.0.0.1", self._port))
                except OSError:
                    client.close()
                    continue
                self._sockets += [client, server]
                for pair in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 20):
                self._whole.wait()
                if self._loses(answers):
                    break
                target.sendall(data)
        self._end([source, target])

    def _end(self, sockets: list[socket.socket]) -> None:
        for connected in sockets:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
            connected.close()

    def _loses(self, answers: bool) -> bool:
        with self._lock:
            loses = self._random.random() < self._share
            if answers:
                loses, self._answers = loses or self._answers == 1, max(0, self._answers - 1)
            else:
                loses, self._requests = loses or self._requests == 1, max(0, self._requests - 1)
            self.lost += loses
            return loses

    def close(self) -> None:
        self.heal()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for opened in (self._listener, *self._sockets):
            opened.close()

    def __enter__(self) -> LossyProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

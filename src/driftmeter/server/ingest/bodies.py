"""Request bodies: bounded while they arrive and while they inflate, each body alone and all together."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from starlette.requests import Request

from driftmeter.errors import InputError
from driftmeter.server.problems import OverloadedError, TooLargeError, UnsupportedMediaError

_GZIP = 31
"""The wbits of zlib for a gzip header and a window of 32 kB."""
_PIECE = 4 << 20
_INPUT = 64 << 10
_MOST_MEMBERS = 1_000
_ZEROS = re.compile(rb"\0*")


class Budget:
    """Bounds the bytes of all bodies that are held at once. Belongs to one event loop."""

    def __init__(self, most: int) -> None:
        """Let bodies hold at most `most` bytes together."""
        self.most = most
        self.held = 0

    @contextmanager
    def hold(self) -> Iterator[Share]:
        """Return a share of the budget; on exit all that it holds is given back."""
        share = Share(self)
        try:
            yield share
        finally:
            self.held -= share.held


class Share:
    """The part of a budget that one request holds."""

    def __init__(self, budget: Budget) -> None:
        """Hold nothing yet."""
        self._budget = budget
        self.held = 0

    def grow(self, size: int) -> None:
        """Hold `size` bytes more; raises OverloadedError if all together would be too many."""
        budget = self._budget
        if budget.held + size > budget.most:
            raise OverloadedError("bodies", f"at most {budget.most} bytes of all requests", f"{budget.held + size}")
        budget.held += size
        self.held += size


async def read_body(request: Request, most: int, threads: Executor, share: Share) -> bytes:
    """Read at most `most` bytes, inflating gzip on one of `threads`.

    Raises what `read_bytes` raises, and UnsupportedMediaError on an encoding other than gzip.
    """
    zipped = _is_gzip(request.headers.get("content-encoding"))
    body = await read_bytes(request, most, share)
    if zipped:
        body = await asyncio.get_running_loop().run_in_executor(threads, gunzip, body, most)
        share.grow(len(body))
    return body


async def read_bytes(request: Request, most: int, share: Share) -> bytes:
    """Read at most `most` bytes as they come, compressed or not.

    Raises TooLargeError at once if Content-Length says more than `most`, else as soon as more has come;
    OverloadedError if all requests together hold too much.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise TooLargeError("body", f"at most {most} bytes", announced[:40])
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLargeError("body", f"at most {most} bytes", "more")
        share.grow(len(chunk))
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _is_gzip(encoding: str | None) -> bool:
    encoding = (encoding or "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMediaError("Content-Encoding", "gzip or none", encoding[:40])
    return encoding == "gzip"


def gunzip(body: bytes, most: int) -> bytes:
    """Inflate one or more gzip members to at most `most` bytes; raises TooLargeError, InputError."""
    view = memoryview(body)
    pieces = []
    size = at = members = 0
    while at < len(body):
        members += 1
        if members > _MOST_MEMBERS:
            raise InputError("body", f"gzip of at most {_MOST_MEMBERS} members", "more")
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            taken = view[at : at + _INPUT]
            try:
                piece = member.decompress(taken, min(_PIECE, most - size + 1))
            except zlib.error as error:
                raise InputError("body", "gzip", str(error)) from error
            at += len(taken) - len(member.unconsumed_tail) - len(member.unused_data)
            size += len(piece)
            if size > most:
                raise TooLargeError("body", f"at most {most} bytes after decompression", "more")
            if not piece and at == len(body) and not member.eof:
                raise InputError("body", "gzip", "truncated data")
            pieces.append(piece)
        padding = _ZEROS.match(body, at)
        at = padding.end() if padding else at
    return b"".join(pieces)

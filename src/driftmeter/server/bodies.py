"""Request bodies: bounded while they arrive and while they inflate."""

from __future__ import annotations

import asyncio
import zlib
from concurrent.futures import Executor

from starlette.requests import Request

from driftmeter.errors import InputError
from driftmeter.server.problems import TooLargeError, UnsupportedMediaError

_GZIP = 31
"""zlib's number for a gzip header around a window of 32 kB."""
_PIECE = 4 << 20


async def read_body(request: Request, most: int, threads: Executor) -> bytes:
    """Read at most `most` bytes, inflating gzip on one of `threads`.

    Raises TooLargeError at once where Content-Length says more, else as soon as more has come, and
    UnsupportedMediaError on another encoding.
    """
    zipped = _is_gzip(request.headers.get("content-encoding"))
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise TooLargeError("body", f"at most {most} bytes", announced[:40])
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLargeError("body", f"at most {most} bytes", "more")
        chunks.append(chunk)
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if zipped:
        return await asyncio.get_running_loop().run_in_executor(threads, gunzip, body, most)
    return body


def _is_gzip(encoding: str | None) -> bool:
    encoding = (encoding or "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMediaError("Content-Encoding", "gzip or none", repr(encoding)[:40])
    return encoding == "gzip"


def gunzip(body: bytes, most: int) -> bytes:
    """Inflate one or more gzip members to at most `most` bytes; raises TooLargeError, InputError."""
    pieces = []
    size = 0
    while body:
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            try:
                piece = member.decompress(body, min(_PIECE, most - size + 1))
            except zlib.error as error:
                raise InputError("body", "gzip", str(error)) from error
            body = member.unconsumed_tail
            size += len(piece)
            if size > most:
                raise TooLargeError("body", f"at most {most} bytes after decompression", "more")
            if not piece and not body and not member.eof:
                raise InputError("body", "gzip", "truncated data")
            pieces.append(piece)
        body = member.unused_data.lstrip(b"\0")
    return b"".join(pieces)

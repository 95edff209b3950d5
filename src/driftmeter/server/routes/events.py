"""Events: verdicts are sent as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from driftmeter.server.context import Context

_HEARTBEAT = 15.0
"""Seconds after which a comment is sent if there is no verdict, so that no proxy takes the stream for dead."""


async def get_events(request: Request) -> Response:
    """Send an event `verdict` for each new verdict of any model, as server-sent events."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(Context.of(request)), headers=headers, media_type="text/event-stream")


async def _events(context: Context) -> AsyncIterator[bytes]:
    with context.evaluator.listen() as listener:
        yield b": listening\n\n"
        while (views := await listener.next(_HEARTBEAT)) is not None:
            for view in views:
                yield b"event: verdict\ndata: " + view.body + b"\n\n"
            if not views:
                yield b": heartbeat\n\n"

"""Events: verdicts are sent as they come, or only that there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from driftmeter.server.context import Context
from driftmeter.server.routes.parameters import read_query
from driftmeter.server.watch.view import ModelView

_HEARTBEAT = 15.0
"""Seconds after which a comment is sent if there is no verdict, so that no proxy takes the stream for dead."""


class EventsQuery(Struct):
    """Which verdicts are sent, and how much of each."""

    model: Annotated[str | None, Meta(description="Name of a model; all by default.")] = None
    detail: Annotated[
        Literal["full", "none"],
        Meta(description="none: only model, state, rows, and `at`, the end of the window: a signal to ask again."),
    ] = "full"


async def get_events(request: Request) -> Response:
    """Send an event `verdict` for each new verdict of any model, or of one, as server-sent events."""
    query = read_query(request.query_params, EventsQuery)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(Context.of(request), query), headers=headers, media_type="text/event-stream")


async def _events(context: Context, query: EventsQuery) -> AsyncIterator[bytes]:
    with context.evaluator.listen() as listener:
        yield b": listening\n\n"
        while (views := await listener.next(_HEARTBEAT)) is not None:
            for view in views:
                if query.model in (None, view.model):
                    body = view.body if query.detail == "full" else _signal(view)
                    yield b"event: verdict\ndata: " + body + b"\n\n"
            if not views:
                yield b": heartbeat\n\n"


def _signal(view: ModelView) -> bytes:
    verdict = view.verdict
    return msgspec.json.encode(
        {"model": view.model, "at": verdict["window"]["end"], "state": verdict["state"], "rows": verdict["rows"]}
    )

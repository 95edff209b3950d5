"""Sources: the processes that send rows, and what became of their rows."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.panes.coverage import State
from driftmeter.server.context import Context
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.times import Timestamp


class SourceEntry(Struct):
    """A source: what it says of itself, and what came of it."""

    source: str
    state: State
    seen: Annotated[Timestamp, Meta(description="When it was last heard of.")]
    observed: Annotated[int, Meta(description="Rows that it saw.")]
    counted: Annotated[int, Meta(description="Rows that it counted.")]
    dropped: Annotated[dict[str, int], Meta(description="Rows that it dropped, by reason.")]
    late: Annotated[int, Meta(description="Rows whose pane was frozen: they are in no window.")]
    missing: Annotated[int, Meta(description="Rows that it counted and that never came.")]
    unreadable: Annotated[dict[str, int], Meta(description="Values that it could not read, by column.")] | UnsetType = (
        UNSET
    )


class SourcesAnswer(Struct):
    """The sources of a model that were heard of in the last day."""

    model: str
    coverage: Annotated[
        float | None, Meta(description="Share of the rows seen lately that is in the verdicts; null: none was seen.")
    ]
    sources: list[SourceEntry]


def list_sources(request: Request) -> Response:
    """Return the sources that sent rows in the last day: live, vanished (silent), or gone in order (closed).

    `missing` are rows that a source says it counted and that never came: those of a live one may be on their way.
    """
    model: str = request.path_params["model"]
    sources = Context.of(request).engine.sources(model)
    return json_response({"model": model, "coverage": sources.coverage, "sources": sources.to_json()})

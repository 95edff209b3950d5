"""Verdicts: the newest, past ones, and the report."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from driftmeter.server.context import Context
from driftmeter.server.documents.report import saved_report
from driftmeter.server.routes.operation import JSON_TYPE
from driftmeter.server.routes.parameters import read_query
from driftmeter.server.routes.profiles import ProfileQuery
from driftmeter.server.routes.times import TimeParameter
from driftmeter.timestamps import HOUR, iso, time_of_text


class HistoryQuery(Struct, rename={"start": "from", "end": "to"}):
    """Which verdicts are asked for."""

    start: TimeParameter | None = None
    end: TimeParameter | None = None
    profile: Annotated[str | None, Meta(description="Digest of a profile; the active one by default.")] = None
    limit: Annotated[int, Meta(ge=1, le=3_000, description="Most verdicts to return: the newest.")] = 500


def get_verdict(request: Request) -> Response:
    """Return the newest verdict: event times only, byte for byte the same from every replica."""
    query = read_query(request.query_params, ProfileQuery)
    verdict = Context.of(request).engine.verdict(request.path_params["model"], query.profile)
    return Response(verdict, media_type=JSON_TYPE)


def get_history(request: Request) -> Response:
    """Return the verdicts kept between two event times, oldest first; by default of the last hour that is closed.

    `truncated` says that there are older ones, which `limit` left out. Where nothing is closed yet, a time that
    was not asked for is null.
    """
    engine = Context.of(request).engine
    model: str = request.path_params["model"]
    query = read_query(request.query_params, HistoryQuery)
    record = engine.stored_record(model)
    end = record.frozen if query.end is None else time_of_text(query.end, "to")
    start = max(0, end - HOUR) if query.start is None else time_of_text(query.start, "from")
    verdicts = engine.history_bytes(model, start, end, query.profile or record.digest) if record.frozen else []
    head = {
        "model": model,
        "from": None if query.start is None and not record.frozen else iso(start),
        "to": None if query.end is None and not record.frozen else iso(end),
        "truncated": len(verdicts) > query.limit,
    }
    # thousands of verdicts are megabytes: they are sent as they were stored, with their time in front
    newest = b",".join(b'{"at":"%b",%b' % (iso(at).encode(), verdict[1:]) for at, verdict in verdicts[-query.limit :])
    return Response(b'%b,"verdicts":[%b]}' % (msgspec.json.encode(head)[:-1], newest), media_type=JSON_TYPE)


def get_report(request: Request) -> Response:
    """Return the page with all that it shows now, as one HTML file that needs nothing else."""
    context = Context.of(request)
    query = read_query(request.query_params, ProfileQuery)
    return HTMLResponse(saved_report(context.documents, request.path_params["model"], query.profile))

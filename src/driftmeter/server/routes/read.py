"""Routes that answer from the store. Plain functions: FastAPI runs them on threads, as the store may block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.convertors import PathConvertor, register_url_convertor

from driftmeter.errors import InputError
from driftmeter.report import render_html
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.problems import NotFoundError
from driftmeter.server.routes import openapi
from driftmeter.timestamps import HOUR, iso, time_of_text

router = APIRouter(tags=["read"])

_HEARTBEAT = 15.0
_LONGEST_NOTE = 10_000
_MOST_NAMED = 20

Digest = Annotated[str | None, Query(alias="profile", description="Digest of a profile; the active one by default.")]
Time = Annotated[str | None, Query(description="Seconds since the epoch or ISO 8601.")]


@router.get("/v1/models", responses=openapi.answers(503))
def list_models(request: Request) -> Response:
    """List the models: profiles, timing, state, coverage, sources that vanished, until when event time is closed.

    `digest` is the active profile, whose verdict counts; `newest` the one that rows are counted by.
    """
    context = Context.of(request)
    models = []
    for record in context.engine.models():
        verdict = msgspec.json.decode(context.engine.verdict(record.model, record.digest))
        sources = context.engine.sources(record.model)
        models.append(
            {
                "model": record.model,
                "digest": record.digest,
                "newest": record.newest,
                "pane_ms": record.timing.pane,
                "lateness_ms": record.timing.lateness,
                "state": verdict["state"],
                "rows": verdict["rows"],
                "coverage": sources.coverage,
                "sources": len(sources.records),
                "silent": [each.source for each in sources.silent[:_MOST_NAMED]],
                "frozen": iso(record.frozen) if record.frozen else None,
            }
        )
    return _json({"models": models})


@router.delete("/v1/models/{model}", status_code=204, tags=["write"], responses=openapi.answers(404, 503, status=204))
def delete_model(request: Request, model: str) -> Response:
    """Forget a model and all that belongs to it."""
    context = Context.of(request)
    context.engine.delete(model)
    context.metrics.forget(model)
    return Response(status_code=204)


@router.get("/v1/models/{model}/profile", responses=openapi.answers(404, 503))
def get_profile(request: Request, model: str, profile: Digest = None) -> Response:
    """Return a profile, by default the one that rows are counted by; the headers say its digest, the model's timing,
    and the store's time, in milliseconds."""
    engine = Context.of(request).engine
    record = engine.stored_record(model)
    digest = profile or record.newest
    headers = {
        "Driftmeter-Digest": digest,
        "Driftmeter-Time": str(engine.now()),
        "Driftmeter-Pane": str(record.timing.pane),
        "Driftmeter-Lateness": str(record.timing.lateness),
        "Cache-Control": "no-store",
    }
    return Response(engine.profile_bytes(model, digest), headers=headers, media_type="application/json")


@router.get("/v1/models/{model}/profile/from-live", responses=openapi.answers(400, 404, 503))
def get_profile_from_live(
    request: Request,
    model: str,
    since: Annotated[str, Query(description="Seconds since the epoch or ISO 8601.")],
    until: Time = None,
    profile: Digest = None,
) -> Response:
    """Make the next profile: its reference are the rows of the closed panes from `since` to `until`, by default to the
    last, and they calibrate it. It is only returned; PUT it to the profile to have it judge."""
    first, last = time_of_text(since, "since"), None if until is None else time_of_text(until, "until")
    made = Context.of(request).engine.from_live(model, first, last, profile)
    return Response(made.dumps(), media_type="application/json", headers={"Driftmeter-Digest": made.digest})


@router.get("/v1/models/{model}/verdict", responses=openapi.answers(404, 503))
def get_verdict(request: Request, model: str, profile: Digest = None) -> Response:
    """Return the newest verdict: event times only, byte for byte the same from every replica."""
    return Response(Context.of(request).engine.verdict(model, profile), media_type="application/json")


class _Anything(PathConvertor):
    """A rest of the path that may hold line breaks too, as `path` may not."""

    regex = r"[\s\S]*"


register_url_convertor("anything", _Anything())


@router.get("/v1/models/{model}/features/{feature:anything}", responses=openapi.answers(404, 503))
def get_feature(request: Request, model: str, feature: str, profile: Digest = None) -> Response:
    """Return a feature's verdict, its scores in each window, and its bins with their counts."""
    engine = Context.of(request).engine
    compiled = engine.compiled(model, profile)
    if feature not in {each.name for each in compiled.profile.features}:
        names = ", ".join(each.name for each in compiled.profile.features[:20])
        raise NotFoundError("feature", f"one of {names}", feature[:100])
    return _json(engine.feature(model, feature, profile))


@router.get("/v1/models/{model}/history", responses=openapi.answers(400, 404, 503))
def get_history(
    request: Request,
    model: str,
    start: Annotated[Time, Query(alias="from")] = None,
    end: Annotated[Time, Query(alias="to")] = None,
    profile: Digest = None,
    limit: Annotated[int, Query(ge=1, le=3_000, description="Most verdicts to return: the newest.")] = 500,
) -> Response:
    """Return the verdicts kept between two event times, oldest first; by default of the last hour that is closed.

    `truncated` says that there are older ones than `limit` let through. Where nothing is closed yet, a time that
    was not asked for is null.
    """
    store = Context.of(request).engine.store
    record = store.model(model)
    last = record.frozen if end is None else time_of_text(end, "to")
    first = max(0, last - HOUR) if start is None else time_of_text(start, "from")
    found = store.history(model, profile or record.digest, first, last) if record.frozen else []
    head = {
        "model": model,
        "from": None if start is None and not record.frozen else iso(first),
        "to": None if end is None and not record.frozen else iso(last),
        "truncated": len(found) > limit,
    }
    # thousands of verdicts are megabytes: they go out as they were kept, with their time in front
    verdicts = b",".join(b'{"at":"%b",%b' % (iso(at).encode(), verdict[1:]) for at, verdict in found[-limit:])
    content = b'%b,"verdicts":[%b]}' % (msgspec.json.encode(head)[:-1], verdicts)
    return Response(content, media_type="application/json")


@router.get("/v1/models/{model}/sources", responses=openapi.answers(404, 503))
def get_sources(request: Request, model: str) -> Response:
    """Return who sent rows in the last day: whether they live, have vanished (silent) or left in order (closed).

    `missing` are rows that a source says it counted and that never came: of a live one they may be on their way.
    """
    sources = Context.of(request).engine.sources(model)
    return _json({"model": model, "coverage": sources.coverage, "sources": sources.to_json()})


@router.get("/v1/models/{model}/incidents", responses=openapi.answers(404, 503))
def get_incidents(request: Request, model: str, profile: Digest = None) -> Response:
    """Return the incidents, newest first."""
    return _json({"model": model, "incidents": Context.of(request).engine.incidents(model, profile)})


@router.post(
    "/v1/models/{model}/incidents/{incident}/acknowledge",
    tags=["write"],
    responses=openapi.answers(400, 404, 503),
    openapi_extra=openapi.NOTE_BODY,
)
async def acknowledge(request: Request, model: str, incident: str) -> Response:
    """Remember that somebody has seen an incident, of any of the model's profiles, with a note."""
    context = Context.of(request)
    with context.in_flight.hold() as share:
        note = _note(await read_body(request, _LONGEST_NOTE, context.threads, share))
    engine = context.engine

    def remember() -> dict[str, Any]:
        try:
            return engine.acknowledge(model, incident, note)
        except InputError as error:
            raise NotFoundError("incident", error.expected, incident[:100]) from error

    return _json(await context.lookups.run(remember))


def _note(body: bytes) -> str:
    if not body:
        return ""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError("body", "JSON", str(error)) from error
    note = content.get("note", "") if isinstance(content, dict) else None
    if not isinstance(note, str):
        raise InputError("note", "text", type(note).__name__)
    return note


@router.get("/v1/events", responses={200: {"content": {"text/event-stream": {}}}})
async def get_events(request: Request) -> StreamingResponse:
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


@router.get("/v1/models/{model}/report", response_class=HTMLResponse, responses=openapi.answers(404, 503))
def get_report(request: Request, model: str, profile: Digest = None) -> HTMLResponse:
    """Return the newest verdict as one HTML page that needs nothing else."""
    engine = Context.of(request).engine
    reference = engine.compiled(model, profile).profile
    verdict = msgspec.json.decode(engine.verdict(model, reference.digest))
    return HTMLResponse(render_html(reference, verdict, engine.counts(model, reference.digest)))


def _json(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")

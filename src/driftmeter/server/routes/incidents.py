"""Incidents: they are listed and acknowledged."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.errors import InputError
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.problems import NotFoundError
from driftmeter.server.routes.json_bodies import read_json
from driftmeter.server.routes.parameters import read_query
from driftmeter.server.routes.profiles import ProfileQuery
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.times import Timestamp
from driftmeter.server.routes.verdict_answers import IncidentSummary
from driftmeter.types import JSON

_LONGEST_BODY = 10_000


class Acknowledgement(Struct):
    """That somebody has seen an incident."""

    at: Timestamp
    note: str


class IncidentAnswer(IncidentSummary):
    """An incident, and who has seen it."""

    acknowledged: Annotated[Acknowledgement | None, Meta(description="Null: nobody has said so.")]


class IncidentsAnswer(Struct):
    """The incidents by one profile, newest first."""

    model: str
    incidents: list[IncidentAnswer]


class NoteBody(Struct):
    """A note on an incident."""

    note: str = ""


def list_incidents(request: Request) -> Response:
    """Return the incidents, newest first."""
    model: str = request.path_params["model"]
    query = read_query(request.query_params, ProfileQuery)
    return json_response({"model": model, "incidents": Context.of(request).engine.incidents(model, query.profile)})


async def acknowledge_incident(request: Request) -> Response:
    """Remember that somebody has seen an incident, of any of the model's profiles, with a note."""
    context = Context.of(request)
    model, incident = request.path_params["model"], request.path_params["incident"]
    with context.in_flight.hold() as share:
        note = _read_note(await read_body(request, _LONGEST_BODY, context.threads, share))

    def acknowledge() -> JSON:
        try:
            return context.engine.acknowledge(model, incident, note)
        except InputError as error:
            raise NotFoundError("incident", error.expected, incident[:100]) from error

    return json_response(await context.lookups.run(acknowledge))


def _read_note(body: bytes) -> str:
    """Read the note; no body is one without."""
    if not body:
        return ""
    content = read_json(body)
    note = content.get("note", "") if isinstance(content, dict) else None
    if not isinstance(note, str):
        raise InputError("note", "text", type(note).__name__)
    return note

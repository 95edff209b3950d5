"""Marks of expected drift: they are listed, set and removed."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.problems import NotFoundError
from driftmeter.server.routes.json_bodies import read_object
from driftmeter.server.routes.parameters import read_query
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.times import GivenTime, Length, Timestamp
from driftmeter.timestamps import LATEST, iso, parse_duration, parse_time, time_of_text
from driftmeter.types import JSON, Milliseconds

_LONGEST_BODY = 10_000
_MOST_NAMED = 20


class MarkBody(Struct, rename={"length": "for"}):
    """That a feature, or the whole model, will drift: either `until` a time, or `for` a length of time from now."""

    feature: Annotated[str | None, Meta(description="Null: the whole model.", examples=["temp"])] = None
    until: GivenTime | UnsetType = UNSET
    length: Annotated[Length, Meta(examples=["6h"])] | UnsetType = UNSET
    note: str = ""


class MarkEntry(Struct):
    """A feature, or the whole model, that is expected to drift."""

    feature: Annotated[str | None, Meta(description="Null: the whole model.")]
    since: Timestamp
    until: Timestamp
    note: str


class ExpectedAnswer(Struct):
    """All marks of a model: that of the whole model first, then by feature."""

    model: str
    expected: list[MarkEntry]


class FeatureQuery(Struct):
    """Whose mark is meant."""

    feature: Annotated[str | None, Meta(description="Whose mark; that of the whole model where it is absent.")] = None


def list_expected(request: Request) -> Response:
    """Return which features, or whether the whole model, are expected to drift, and until when.

    Marks are kept for 90 days after their end.
    """
    return json_response(_expected(Context.of(request).engine, request.path_params["model"]))


async def expect(request: Request) -> Response:
    """Mark that a feature, or the whole model, is expected to drift from now until a time.

    A mark replaces the one that the feature had. Returns all marks of the model.
    """
    context = Context.of(request)
    engine = context.engine
    model: str = request.path_params["model"]

    def set_mark(body: bytes) -> JSON:
        features = [feature.name for feature in engine.compiled(model).profile.features]
        feature, until, note = _read_mark(body, features, engine.now())
        engine.expect(model, feature, until, note)
        return _expected(engine, model)

    with context.in_flight.hold() as share:
        body = await read_body(request, _LONGEST_BODY, context.threads, share)
        return json_response(await context.lookups.run(lambda: set_mark(body)))


def delete_expected(request: Request) -> Response:
    """Remove the mark of a feature, or of the whole model."""
    engine = Context.of(request).engine
    model: str = request.path_params["model"]
    query = read_query(request.query_params, FeatureQuery)
    marked = [mark["feature"] for mark in _expected(engine, model)["expected"]]
    if query.feature not in marked:
        names = ", ".join(map(_marked_name, marked[:_MOST_NAMED]))
        expected = f"one of {names}" if marked else "one that has a mark; none has"
        raise NotFoundError("feature", expected, _marked_name(query.feature)[:100])
    engine.expect(model, query.feature, 0, "")
    return Response(status_code=204)


def _marked_name(feature: str | None) -> str:
    return "the whole model" if feature is None else feature


def _expected(engine: Engine, model: str) -> JSON:
    engine.record(model)  # raises if there is none
    return {"model": model, "expected": engine.expected(model)}


def _read_mark(body: bytes, features: list[str], now: Milliseconds) -> tuple[str | None, Milliseconds, str]:
    """Read a mark: the feature, the time until which it holds, the note; raises InputError."""
    content = read_object(body)
    keys = MarkBody.__struct_encode_fields__
    for key in content:
        if key not in keys:
            raise InputError(key[:100], f"one of {', '.join(keys)}", repr(key)[:60])
    feature, note = content.get("feature"), content.get("note", "")
    if feature is not None and feature not in features:
        names = ", ".join(features[:_MOST_NAMED])
        raise InputError("feature", f"null, or one of {names}", repr(feature)[:60])
    if not isinstance(note, str):
        raise InputError("note", "text", type(note).__name__)
    if ("until" in content) == ("for" in content):
        raise InputError("until", "either until, a time, or for, a duration", "both" if "for" in content else "neither")
    if "for" in content:
        name, until = "for", now + parse_duration(content["for"], "for")
    else:
        given = content["until"]
        name, until = "until", time_of_text(given, "until") if isinstance(given, str) else parse_time(given, "until")
    if until <= now:
        raise InputError(name, f"a time after now, {iso(now)}", iso(until))
    if until > LATEST:
        raise InputError(name, f"a time until {iso(LATEST)}", repr(content[name])[:60])
    return feature, until, note

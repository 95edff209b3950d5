"""Routes for what is tuned of a model, and for the drift that somebody expects of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.problems import NotFoundError
from driftmeter.server.routes import openapi
from driftmeter.settings.model import ModelSettings, check_features
from driftmeter.timestamps import LATEST, iso, parse_duration, parse_time, time_of_text
from driftmeter.types import JSON, Milliseconds

router = APIRouter()

_LONGEST_SETTINGS = 1_000_000
_LONGEST_MARK = 10_000
_MARK = ("feature", "until", "for", "note")
_MOST_NAMED = 20

_SETTINGS = "/v1/models/{model}/settings"
_EXPECTED = "/v1/models/{model}/expected"


@router.get(_SETTINGS, tags=["read"], responses=openapi.answers(404, 503, properties=openapi.SETTINGS))
def get_settings(request: Request, model: str) -> Response:
    """Return what counts as drift for a model: its own settings, else the server's default, all of them."""
    return _json(Context.of(request).engine.settings_of(model).to_json())


@router.put(
    _SETTINGS,
    tags=["write"],
    responses=openapi.answers(400, 404, 413, 503, properties=openapi.SETTINGS),
    openapi_extra=openapi.SETTINGS_BODY,
)
async def put_settings(request: Request, model: str) -> Response:
    """Replace a model's settings; what the body does not say is as in the server's default.

    Returns all settings as they are now. Features must be of the active profile.
    """
    context = Context.of(request)

    def configure(body: bytes) -> JSON:
        names = _features(context.engine, model)
        settings = ModelSettings.from_json(_object(body), model, context.settings.model)
        check_features(settings, names, model)
        context.engine.configure(model, settings)
        return settings.to_json()

    with context.in_flight.hold() as share:
        body = await read_body(request, _LONGEST_SETTINGS, context.threads, share)
        return _json(await context.lookups.run(lambda: configure(body)))


@router.delete(_SETTINGS, status_code=204, tags=["write"], responses=openapi.answers(404, 503, status=204))
def delete_settings(request: Request, model: str) -> Response:
    """Have a model go by the server's default again."""
    Context.of(request).engine.configure(model, None)
    return Response(status_code=204)


@router.get(_EXPECTED, tags=["read"], responses=openapi.answers(404, 503, properties=openapi.EXPECTED))
def get_expected(request: Request, model: str) -> Response:
    """Return which features, or whether the whole model, are expected to drift, and until when.

    Marks are kept for 90 days after their end.
    """
    return _json(_expected(Context.of(request).engine, model))


@router.post(
    _EXPECTED,
    tags=["write"],
    responses=openapi.answers(400, 404, 413, 503, properties=openapi.EXPECTED),
    openapi_extra=openapi.EXPECTED_BODY,
)
async def expect(request: Request, model: str) -> Response:
    """Mark that a feature, or the whole model, is expected to drift from now until a time.

    A mark replaces the one that the feature had. Returns all marks of the model.
    """
    context = Context.of(request)
    engine = context.engine

    def remember(body: bytes) -> JSON:
        names = _features(engine, model)
        feature, until, note = _mark(body, names, engine.now())
        engine.expect(model, feature, until, note)
        return _expected(engine, model)

    with context.in_flight.hold() as share:
        body = await read_body(request, _LONGEST_MARK, context.threads, share)
        return _json(await context.lookups.run(lambda: remember(body)))


@router.delete(_EXPECTED, status_code=204, tags=["write"], responses=openapi.answers(404, 503, status=204))
def forget_expected(
    request: Request,
    model: str,
    feature: Annotated[str | None, Query(description="Whose mark; that of the whole model where it is absent.")] = None,
) -> Response:
    """Take the mark of a feature, or of the whole model, away."""
    engine = Context.of(request).engine
    marked = [each["feature"] for each in _expected(engine, model)["expected"]]
    if feature not in marked:
        names = ", ".join(_whose(each) for each in marked[:_MOST_NAMED]) or "one that has a mark; none has"
        raise NotFoundError("feature", f"one of {names}" if marked else names, _whose(feature)[:100])
    engine.expect(model, feature, 0, "")
    return Response(status_code=204)


def _whose(feature: str | None) -> str:
    return "the whole model" if feature is None else feature


def _features(engine: Engine, model: str) -> list[str]:
    return [each.name for each in engine.compiled(model).profile.features]


def _expected(engine: Engine, model: str) -> JSON:
    engine.record(model)  # raises where there is none
    return {"model": model, "expected": engine.expected(model)}


def _object(body: bytes) -> JSON:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError("body", "JSON", str(error)[:200]) from error
    if not isinstance(content, dict):
        raise InputError("body", "a JSON object", type(content).__name__)
    return content


def _mark(body: bytes, names: list[str], now: Milliseconds) -> tuple[str | None, Milliseconds, str]:
    """Read a mark: the feature, the time until which it holds, the note."""
    content = _object(body)
    for key in content:
        if key not in _MARK:
            raise InputError(key[:100], f"one of {', '.join(_MARK)}", repr(key)[:60])
    feature, note = content.get("feature"), content.get("note", "")
    if feature is not None and feature not in names:
        known = ", ".join(names[:_MOST_NAMED])
        raise InputError("feature", f"null, or one of {known}", repr(feature)[:60])
    if not isinstance(note, str):
        raise InputError("note", "text", type(note).__name__)
    if ("until" in content) == ("for" in content):
        raise InputError("until", "either until, a time, or for, a duration", "both" if "for" in content else "neither")
    if "for" in content:
        until = now + parse_duration(content["for"], "for")
        name = "for"
    else:
        given = content["until"]
        until = time_of_text(given, "until") if isinstance(given, str) else parse_time(given, "until")
        name = "until"
    if until <= now:
        raise InputError(name, f"a time after now, {iso(now)}", iso(until))
    if until > LATEST:
        raise InputError(name, f"a time until {iso(LATEST)}", repr(content[name])[:60])
    return feature, until, note


def _json(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")

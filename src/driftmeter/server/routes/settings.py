"""Settings: what counts as drift for a model."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.routes.json_bodies import read_object
from driftmeter.server.routes.responses import json_response
from driftmeter.settings.model import ModelSettings, check_features
from driftmeter.types import JSON

_LONGEST_BODY = 1_000_000


def get_settings(request: Request) -> Response:
    """Return what counts as drift for a model: its own settings, else the server's default, all of them."""
    return json_response(Context.of(request).engine.settings_of(request.path_params["model"]).to_json())


async def put_settings(request: Request) -> Response:
    """Replace a model's settings; what the body does not say is as in the server's default.

    Returns all settings as they are now. Features must be of the active profile.
    """
    context = Context.of(request)
    engine = context.engine
    model: str = request.path_params["model"]

    def configure(body: bytes) -> JSON:
        features = [feature.name for feature in engine.compiled(model).profile.features]
        settings = ModelSettings.from_json(read_object(body), model, context.settings.model)
        check_features(settings, features, model)
        engine.configure(model, settings)
        return settings.to_json()

    with context.in_flight.hold() as share:
        body = await read_body(request, _LONGEST_BODY, context.threads, share)
        return json_response(await context.lookups.run(lambda: configure(body)))


def delete_settings(request: Request) -> Response:
    """Have a model use the server's default again."""
    Context.of(request).engine.configure(request.path_params["model"], None)
    return Response(status_code=204)

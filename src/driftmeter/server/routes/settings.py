"""Settings: what counts as drift for a model."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.routes.json_bodies import read_object
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.times import Length
from driftmeter.settings.model import Guarantee, ModelSettings, check_features
from driftmeter.types import JSON

_LONGEST_BODY = 1_000_000

Tolerance = Annotated[
    float, Meta(description="Population stability index below which a shift is no drift, however sure it is.")
]
TestNames = Annotated[list[str] | None, Meta(description="Names of the tests that are shown; null: all.")]


class FeatureDocument(Struct, omit_defaults=True):
    """What one feature has otherwise than its model."""

    tolerance: Tolerance | UnsetType = UNSET
    tests: TestNames | UnsetType = UNSET
    pages: Annotated[bool, Meta(description="False: it opens and joins no incident.")] = True


class LadderDocument(Struct):
    """The detector's panes hold so many rows or last so long; its windows reach back so far."""

    pane_rows: int | UnsetType = UNSET
    pane_length: Length | UnsetType = UNSET
    reach: Length | UnsetType = UNSET


class SettingsDocument(Struct):
    """What counts as drift. In a request, what is left out is as in the server's default; an answer has it all."""

    budget: Annotated[Length, Meta(description="Time in which at most one false page is expected.")] | UnsetType = UNSET
    tolerance: Tolerance | UnsetType = UNSET
    guarantee: Guarantee | UnsetType = UNSET
    window: Annotated[Length, Meta(description="Length of the window that is shown.")] | UnsetType = UNSET
    window_rows: (
        Annotated[int, Meta(description="The window reaches further back, until it has so many rows.")] | UnsetType
    ) = UNSET
    tests: TestNames | UnsetType = UNSET
    ladder: LadderDocument | UnsetType = UNSET
    false_discovery_rate: Annotated[float, Meta(description="Where no detector runs.")] | UnsetType = UNSET
    min_rows: Annotated[int, Meta(description="Where no detector runs: fewer rows are not judged.")] | UnsetType = UNSET
    features: (
        Annotated[dict[str, FeatureDocument], Meta(description="What features have otherwise, by name.")] | UnsetType
    ) = UNSET


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

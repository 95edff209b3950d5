"""Profiles: they are registered, returned, and made from live traffic."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.engine.compiled import Compiled
from driftmeter.errors import UnknownModelError
from driftmeter.profile.profile import Profile
from driftmeter.server.configure import configure_new
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.problems import MismatchError
from driftmeter.server.routes.operation import JSON_TYPE
from driftmeter.server.routes.parameters import read_query
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.sampling import UnseenTextsWanted
from driftmeter.server.routes.times import Lateness, PaneLength, StoreTime, TimeParameter
from driftmeter.server.usable import check_usable
from driftmeter.timestamps import time_of_text
from driftmeter.types import Milliseconds

ProfileDocument = Annotated[
    dict[str, Any], Meta(description="A profile, as `driftmeter profile` and `Profile.dumps` write it.")
]


class ProfileQuery(Struct):
    """Which profile is asked for."""

    profile: Annotated[str | None, Meta(description="Digest of a profile; the active one by default.")] = None


class NewestProfileQuery(Struct):
    """Which profile is asked for, where rows are counted by the newest."""

    profile: Annotated[
        str | None, Meta(description="Digest of a profile; the one that rows are counted by, by default.")
    ] = None


class LiveProfileQuery(Struct):
    """From which rows a profile is made."""

    since: TimeParameter
    until: TimeParameter | None = None
    profile: Annotated[str | None, Meta(description="Digest of a profile; the active one by default.")] = None


class ProfileHeaders(
    Struct,
    rename={
        "digest": "Driftmeter-Digest",
        "time": "Driftmeter-Time",
        "pane": "Driftmeter-Pane",
        "lateness": "Driftmeter-Lateness",
        "unseen_texts": "Driftmeter-Unseen-Texts",
    },
):
    """What the headers of a profile say."""

    digest: Annotated[str, Meta(description="Of the profile.")]
    time: StoreTime
    pane: PaneLength
    lateness: Lateness
    unseen_texts: UnseenTextsWanted


class LiveProfileHeaders(Struct, rename={"digest": "Driftmeter-Digest"}):
    """What the header of a profile from live traffic says."""

    digest: Annotated[str, Meta(description="Of the profile.")]


class ProfileAnswer(Struct):
    """The profile that a model's rows are counted by from now on, and what sources need to know."""

    model: str
    digest: Annotated[str, Meta(description="Of the profile that rows are counted by.")]
    pane_ms: PaneLength
    lateness_ms: Lateness
    unseen_texts: UnseenTextsWanted
    time_ms: StoreTime


async def put_profile(request: Request) -> Response:
    """Register a profile, and make it the one that rows are counted by from now on.

    Its verdict becomes the model's when it has held most rows for three panes; until then both are judged. Answers
    201 where the profile is new, 200 where the model had it already.
    """
    context = Context.of(request)
    model: str = request.path_params["model"]

    def register(body: bytes) -> tuple[bool, Compiled, Milliseconds]:
        engine = context.engine
        profile = Profile.loads(body)
        if profile.model != model:
            raise MismatchError("model", f"a profile of {model!r}, as in the address", profile.model[:100])
        try:
            digests = engine.digests(model)
        except UnknownModelError:
            digests = []
        check_usable(profile, engine.settings)
        engine.register(profile)
        if not digests:
            configure_new(engine, profile, context.settings.models)
        return profile.digest in digests, engine.compiled(model, profile.digest), engine.now()

    with context.in_flight.hold() as share:
        body = await read_body(request, context.settings.max_body, context.threads, share)
        registered_before, compiled, now = await context.lookups.run(lambda: register(body))
    timing, wanted = compiled.timing, compiled.settings.unseen_texts
    answer = ProfileAnswer(model, compiled.profile.digest, timing.pane, timing.lateness, wanted, now)
    return json_response(answer, 200 if registered_before else 201)


def get_profile(request: Request) -> Response:
    """Return a profile, by default the one that rows are counted by.

    The headers carry its digest, the model's timing, and the store's time.
    """
    engine = Context.of(request).engine
    model: str = request.path_params["model"]
    query = read_query(request.query_params, NewestProfileQuery)
    record = engine.stored_record(model)
    digest = query.profile or record.newest
    headers = {
        "Driftmeter-Digest": digest,
        "Driftmeter-Time": str(engine.now()),
        "Driftmeter-Pane": str(record.timing.pane),
        "Driftmeter-Lateness": str(record.timing.lateness),
        "Driftmeter-Unseen-Texts": str(engine.settings_in(record).unseen_texts).lower(),
        "Cache-Control": "no-store",
    }
    return Response(engine.profile_bytes(model, digest), headers=headers, media_type=JSON_TYPE)


def get_profile_from_live(request: Request) -> Response:
    """Make the next profile from the rows of the closed panes from `since` to `until`, by default to the last one.

    These rows are its reference, and calibrate it. It is only returned; PUT it to the profile to have it judge.
    """
    query = read_query(request.query_params, LiveProfileQuery)
    since = time_of_text(query.since, "since")
    until = None if query.until is None else time_of_text(query.until, "until")
    profile = Context.of(request).engine.from_live(request.path_params["model"], since, until, query.profile)
    return Response(profile.dumps(), media_type=JSON_TYPE, headers={"Driftmeter-Digest": profile.digest})

"""The documents behind the page: a model at a glance and over time, and one feature of it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.errors import InputError
from driftmeter.server.context import Context
from driftmeter.server.documents.documents import Span
from driftmeter.server.problems import NotFoundError
from driftmeter.server.routes.parameters import read_query
from driftmeter.server.routes.profiles import ProfileQuery
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.times import TimeParameter
from driftmeter.timestamps import time_of_text

_MOST_NAMED = 20
_TIMELINE = "timeline"


class FeatureAtQuery(Struct):
    """Which window of a feature is asked for, and by which profile."""

    at: Annotated[
        str | None,
        Meta(description="When the window ended: seconds since the epoch, or ISO 8601; by default now."),
    ] = None
    profile: Annotated[str | None, Meta(description="Digest of a profile; the active one by default.")] = None


class TrendsQuery(Struct, rename={"start": "from", "end": "to"}):
    """Which time a chart is of."""

    start: TimeParameter | None = None
    end: TimeParameter | None = None
    points: Annotated[int, Meta(ge=1, le=500, description="Most steps to return.")] = 96
    profile: Annotated[str | None, Meta(description="Digest of a profile; the active one by default.")] = None


class TimelineQuery(TrendsQuery, rename={"start": "from", "end": "to"}):
    """Which time the chart of a feature is of."""

    points: Annotated[int, Meta(ge=1, le=500, description="Most steps to return.")] = 200


def get_overview(request: Request) -> Response:
    """Return a model at a glance: its state, its last day and month, its features, the worst cause first."""
    query = read_query(request.query_params, ProfileQuery)
    return json_response(Context.of(request).documents.overview(request.path_params["model"], query.profile))


def get_feature(request: Request) -> Response:
    """Return a feature: its verdict, its scores in each window, its bins with their counts, and its distribution.

    `shape` is the distribution on the feature's own scale, in rows of the reference and of the window that is shown.
    With `at` everything is as it was then, up to the end of the last slice that is kept of the time before.
    """
    context = Context.of(request)
    model, feature = request.path_params["model"], request.path_params["feature"]
    query = read_query(request.query_params, FeatureAtQuery)
    at = None if query.at is None else time_of_text(query.at, "at")
    check_feature(context, model, feature, query.profile)
    return json_response(context.documents.feature(model, feature, query.profile, at))


def get_profile_summary(request: Request) -> Response:
    """Return what a profile made of each column: kind, bins, what is left out and why, and how far it is calibrated."""
    query = read_query(request.query_params, ProfileQuery)
    return json_response(Context.of(request).documents.profile(request.path_params["model"], query.profile))


def get_trends(request: Request) -> Response:
    """Return how evidence and effect of all features went; by default on the last day that is closed.

    Each step has the numbers of the last verdict in it, and null where there was none. Steps begin at full multiples of
    their length, and are no shorter than what is kept of the time: 10 s in the last hour, 5 min in the last day, then
    1 h.
    """
    query = read_query(request.query_params, TrendsQuery)
    documents = Context.of(request).documents
    return json_response(documents.trends(request.path_params["model"], _span(query), query.profile))


def get_timeline(request: Request) -> Response:
    """Return how evidence, effect and values of a feature went; by default on the last day that is closed.

    Steps are those of the trends. `at` is when each ends: `?at=` of the feature shows the window until then.
    """
    context = Context.of(request)
    model, feature = request.path_params["model"], request.path_params["feature"]
    if _is_name(request):
        request.path_params["feature"] = f"{feature}/{_TIMELINE}"
        return get_feature(request)
    query = read_query(request.query_params, TimelineQuery)
    check_feature(context, model, feature, query.profile)
    return json_response(context.documents.timeline(model, feature, _span(query), query.profile))


def _is_name(request: Request) -> bool:
    """Say whether the end of a path is part of a feature's name: then the slash before it came as %2F.

    Starlette matches the path with all escapes read, where the feature `a/timeline` looks like the timeline of `a`.
    """
    raw: bytes | None = request.scope.get("raw_path")
    return raw is not None and raw.rpartition(b"/")[2] != _TIMELINE.encode()


def _span(query: TrendsQuery) -> Span:
    """Read the span of a query; raises InputError on a time that cannot be read, or an end before the start."""
    start = None if query.start is None else time_of_text(query.start, "from")
    end = None if query.end is None else time_of_text(query.end, "to")
    if start is not None and end is not None and end <= start:
        raise InputError("to", "a time after `from`", str(query.end))
    return Span(start, end, query.points)


def check_feature(context: Context, model: str, feature: str, digest: str | None) -> None:
    """Raise NotFoundError unless a profile has a feature."""
    names = [declared.name for declared in context.engine.compiled(model, digest).profile.features]
    if feature not in names:
        raise NotFoundError("feature", f"one of {', '.join(names[:_MOST_NAMED])}", feature[:100])

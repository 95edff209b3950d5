"""The documents behind the page: the overview of a model, and one feature of it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from driftmeter.server.context import Context
from driftmeter.server.problems import NotFoundError
from driftmeter.server.routes.parameters import read_query
from driftmeter.server.routes.profiles import ProfileQuery
from driftmeter.server.routes.responses import json_response

_MOST_NAMED = 20


def get_overview(request: Request) -> Response:
    """Return a model at a glance: its state, its last day and month, its features, the worst cause first."""
    query = read_query(request.query_params, ProfileQuery)
    return json_response(Context.of(request).documents.overview(request.path_params["model"], query.profile))


def get_feature(request: Request) -> Response:
    """Return a feature: its verdict, its scores in each window, its bins with their counts, and its distribution.

    `shape` is the distribution on the feature's own scale, in rows of the reference and of the window that is shown.
    """
    context = Context.of(request)
    model, feature = request.path_params["model"], request.path_params["feature"]
    query = read_query(request.query_params, ProfileQuery)
    check_feature(context, model, feature, query.profile)
    return json_response(context.documents.feature(model, feature, query.profile))


def check_feature(context: Context, model: str, feature: str, digest: str | None) -> None:
    """Raise NotFoundError unless a profile has a feature."""
    names = [declared.name for declared in context.engine.compiled(model, digest).profile.features]
    if feature not in names:
        raise NotFoundError("feature", f"one of {', '.join(names[:_MOST_NAMED])}", feature[:100])

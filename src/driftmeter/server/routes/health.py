"""Health: metrics, liveness and readiness, for the people and programs that run a server."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.server import exposition
from driftmeter.server.context import Context
from driftmeter.server.routes.responses import json_response


class HealthAnswer(Struct):
    """That the process lives."""

    status: Literal["ok"]


class ReadinessChecks(Struct):
    """What a server needs to take requests."""

    store: Annotated[bool, Meta(description="It can be read and written.")]
    evaluation: Annotated[bool, Meta(description="Verdicts are kept up.")]


class ReadinessAnswer(Struct):
    """Whether the server can take requests, and why not."""

    status: Literal["ready", "not ready"]
    checks: ReadinessChecks


async def get_metrics(request: Request) -> Response:
    """Return the verdicts, and what this process counts of itself, for Prometheus."""
    context = Context.of(request)

    def render() -> str:
        verdicts = context.exposition.render(context.evaluator.views.values(), time.monotonic())
        return verdicts + context.metrics.render()

    # not through `lookups`: metrics must be served while the store hangs
    return Response(await context.in_thread(render), media_type=exposition.CONTENT_TYPE)


async def get_health(request: Request) -> Response:
    """Say that the process lives."""
    return json_response(HealthAnswer("ok"))


async def get_readiness(request: Request) -> Response:
    """Say whether the store can be read and written, and verdicts are kept up."""
    context = Context.of(request)
    checks = ReadinessChecks(store=await context.probe.answers(), evaluation=context.evaluator.healthy)
    if checks.store and checks.evaluation:
        return json_response(ReadinessAnswer("ready", checks))
    return json_response(ReadinessAnswer("not ready", checks), 503)

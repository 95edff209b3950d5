"""Models: they are listed and deleted."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.page.overview import headline
from driftmeter.server.context import Context
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.times import Lateness, PaneLength, Timestamp
from driftmeter.timestamps import iso
from driftmeter.verdict.severity import Severity
from driftmeter.verdict.verdict import State

_MOST_NAMED = 20


Since = Annotated[
    Timestamp | None, Meta(description="Since when it drifts, or has not drifted; null: never did, or not known.")
]
Causes = Annotated[list[str], Meta(description="The features to blame for all that drifts now, worst first.")]
Sentence = Annotated[str | None, Meta(description="What drifts, and why, in one sentence.")]
RowsPerSecond = Annotated[
    float | None,
    Meta(description="Rows of the window, by the time from its start until event time is closed; null: none came."),
]


class ModelEntry(Struct):
    """A model as the list has it."""

    model: str
    digest: Annotated[str, Meta(description="Of the active profile, whose verdict counts.")]
    newest: Annotated[str, Meta(description="Digest of the profile that rows are counted by.")]
    pane_ms: PaneLength
    lateness_ms: Lateness
    state: Annotated[State, Meta(description="Of the newest verdict.")]
    since: Since
    severity: Annotated[Severity, Meta(description="The worst of what drifts.")]
    summary: Sentence
    causes: Causes
    rows: Annotated[int, Meta(description="Rows in the window of that verdict.")]
    rows_per_second: RowsPerSecond
    coverage: Annotated[
        float | None, Meta(description="Share of the rows seen lately that is in the verdicts; null: none was seen.")
    ]
    sources: Annotated[int, Meta(description="Number of sources heard of in the last day.")]
    silent: Annotated[list[str], Meta(description=f"Sources that vanished, at most {_MOST_NAMED}.")]
    frozen: Annotated[Timestamp | None, Meta(description="Until when event time is closed.")]


class ModelsAnswer(Struct):
    """All models."""

    models: list[ModelEntry]


def list_models(request: Request) -> Response:
    """List the models: profiles, timing, state, coverage, sources that vanished, until when event time is closed.

    `digest` is the active profile, whose verdict counts; `newest` the one that rows are counted by.
    """
    context = Context.of(request)
    engine, views = context.engine, context.evaluator.views
    models = []
    for record in engine.models():
        view = views.get(record.model)
        if view is not None and view.matches(record):  # read and decoded already: there may be hundreds of models
            verdict = view.verdict
        else:
            verdict = msgspec.json.decode(engine.verdict(record.model, record.digest))
        sources = engine.sources(record.model)
        models.append(
            ModelEntry(
                model=record.model,
                digest=record.digest,
                newest=record.newest,
                pane_ms=record.timing.pane,
                lateness_ms=record.timing.lateness,
                **headline(verdict, record.frozen),
                coverage=sources.coverage,
                sources=len(sources.records),
                silent=[record.source for record in sources.silent[:_MOST_NAMED]],
                frozen=iso(record.frozen) if record.frozen else None,
            )
        )
    return json_response(ModelsAnswer(models))


def delete_model(request: Request) -> Response:
    """Forget a model and all that belongs to it."""
    context = Context.of(request)
    model: str = request.path_params["model"]
    context.engine.delete(model)
    context.documents.forget(model)
    context.metrics.forget(model)
    return Response(status_code=204)

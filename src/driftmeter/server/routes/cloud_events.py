"""CloudEvents: what the loggers of KServe, Seldon and MLServer send of each request and answer of a model."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.data.rejected import Rejected
from driftmeter.engine.compiled import Compiled
from driftmeter.errors import InputError, UnknownModelError
from driftmeter.payloads.compressed import inflate, is_compressed
from driftmeter.payloads.events import PayloadEvent, events_of
from driftmeter.payloads.table import OfClass
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_bytes
from driftmeter.server.ingest.json_size import check_containers
from driftmeter.server.routes.call_counter import CallCounter, Counted
from driftmeter.server.routes.of_class import class_of
from driftmeter.server.routes.responses import json_response

_SMALL = 64_000
"""Bytes of a message that is read on the event loop: a thread would take longer."""
_AT_ONCE = 500
"""Events of a batch that are counted together."""
_MOST_NAMED = 100
_log = logging.getLogger(__name__)


class RefusedEvent(Struct):
    """An event that cannot be read, or does not fit the profile."""

    event: Annotated[int, Meta(description="Its position in the batch.")]
    where: str
    expected: str
    got: str


class EventsAnswer(Struct):
    """What became of events."""

    outcomes: Annotated[Mapping[str, int], Meta(description="Events by what became of them.")]
    accepted: Annotated[int, Meta(description="Rows that count, with the late ones.")]
    late: Annotated[int, Meta(description="Rows whose pane was frozen: they are in no window.")]
    unreadable: Annotated[
        Mapping[str, int], Meta(description="Values of counted rows that could not be read, by column.")
    ]
    ignored: Annotated[int, Meta(description="Values under columns that the profile does not know.")]
    rejected: Annotated[tuple[Rejected, ...], Meta(description="The first 100 values at fault.")]
    refused: Annotated[tuple[RefusedEvent, ...], Meta(description="The first 100 events of a batch that do not count.")]


class _Target(NamedTuple):
    model: str
    compiled: Compiled


async def post_events(request: Request) -> Response:
    """Count CloudEvents of a model's requests and answers.

    Binary and structured mode, and batches; V1, V2 (JSON and binary), Seldon's and MLflow's bodies, compressed or not.
    A request is rows; its answer has their predictions, and may come before it, and through another server. Send
    events again as often as you like: those with an id count once within ten minutes.
    """
    context = Context.of(request)
    model: str = request.path_params["model"]
    target = _Target(model, await context.compiled_for_rows(model))
    return await _count(request, context, target)


async def post_events_of_any_model(request: Request) -> Response:
    """Count CloudEvents, each for the model that it names: `ce-inferenceservicename`, or `model_name` in its body."""
    return await _count(request, Context.of(request), None)


async def post_events_as_trustyai(request: Request) -> Response:
    """Count CloudEvents at the address that TrustyAI has for them, each for the model that it names."""
    return await _count(request, Context.of(request), None)


async def _count(request: Request, context: Context, target: _Target | None) -> Response:
    most = context.settings.max_body
    of_class = class_of(request)
    with context.in_flight.hold() as share:
        body = await read_bytes(request, most, share)
        if is_compressed(body):
            packed = body
            body = await context.in_thread(lambda: inflate(packed, most))
            share.grow(len(body))
        async with AsyncExitStack() as turn:
            small, headers = len(body) <= _SMALL, dict(request.headers)
            if not any(name.startswith("ce-") for name in headers):  # else the body is an event's own, looked at there
                check_containers(body)
            if small:
                events = events_of(headers, body, most)
            else:
                await turn.enter_async_context(context.large)
                events = await context.in_thread(lambda: events_of(headers, body, most))
            size = sum(len(event.content) for event in events if isinstance(event.content, bytes))
            share.grow(max(0, size - len(body)))  # data of events that was compressed in itself
            if small and size > _SMALL:
                small = False
                await turn.enter_async_context(context.large)
            counted: list[Counted] = []
            counters = _Counters(context, target, small, of_class)
            for first in range(0, len(events), _AT_ONCE):
                part = events[first : first + _AT_ONCE]
                counted += await asyncio.gather(*(counters.count(event) for event in part))
    if len(counted) == 1 and counted[0].fault is not None:
        raise counted[0].fault
    return json_response(_answer(counted))


class _Counters:
    """The counters of the models that the events of one message are for."""

    def __init__(self, context: Context, target: _Target | None, small: bool, of_class: OfClass | None) -> None:
        self._context, self._small, self._of_class = context, small, of_class
        self._only = None if target is None else self._counter(target)

    def _counter(self, target: _Target) -> CallCounter:
        return CallCounter(self._context, target.model, target.compiled, small=self._small, of_class=self._of_class)

    async def count(self, event: PayloadEvent) -> Counted:
        if self._only is not None:
            return await self._only.count(event)
        if event.fault is not None and not event.models():
            self._context.complaints.warn(_log, ("", "event"), "an event cannot be counted: %s", event.fault)
            self._context.metrics.add("call_events", "", "unreadable")
            return Counted("unreadable", fault=event.fault)
        try:
            target = await self._target(event)
        except UnknownModelError as error:
            known = error.args[0].partition("; ")[2]
            fault = InputError("ce-inferenceservicename", f"the name of a model ({known})", repr(error.model)[:80])
            self._context.complaints.warn(_log, ("", "model"), "an event cannot be counted: %s", fault)
            self._context.metrics.add("call_events", "", "unknown_model")
            return Counted("unknown_model", fault=fault)
        return await self._counter(target).count(event)

    async def _target(self, event: PayloadEvent) -> _Target:
        """Return the first model that the event names and that there is; raises UnknownModelError naming the first."""
        unknown: UnknownModelError | None = None
        for name in event.models():
            try:
                return _Target(name, await self._context.compiled_for_rows(name))
            except UnknownModelError as error:
                unknown = unknown or error
        raise unknown or UnknownModelError("")


def _answer(counted: list[Counted]) -> EventsAnswer:
    halves = [one.half for one in counted if one.half is not None and one.outcome in ("rows", "joined", "waiting")]
    unreadable: Counter[str] = Counter()
    for half in halves:
        unreadable.update(half.unreadable)
    faults = [(position, one.fault) for position, one in enumerate(counted) if one.fault is not None]
    return EventsAnswer(
        outcomes=Counter(one.outcome for one in counted),
        accepted=sum(one.accepted for one in counted),
        late=sum(one.late for one in counted),
        unreadable=unreadable,
        ignored=sum(half.ignored for half in halves),
        rejected=tuple(rejected for half in halves for rejected in half.rejected)[:_MOST_NAMED],
        refused=tuple(
            RefusedEvent(position, fault.field, fault.expected, fault.got) for position, fault in faults[:_MOST_NAMED]
        ),
    )

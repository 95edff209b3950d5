"""Routes that take something: rows, panes, profiles.

The two that come thousands of times a second read their parameters themselves: having FastAPI do it costs more
than reading a batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from driftmeter.codec import decode_pane
from driftmeter.errors import InputError, UnknownModelError
from driftmeter.monitor import Compiled
from driftmeter.panes import MAX_AHEAD, Pane, iso
from driftmeter.profile import Profile
from driftmeter.server import openapi
from driftmeter.server.bodies import read_body
from driftmeter.server.context import Context
from driftmeter.server.ingest import Batch, Media, media_of, read_batch, time_of_text
from driftmeter.server.problems import FutureError, KeyConflictError, MismatchError, TooLargeError
from driftmeter.store.protocol import AddRows, PutPane, Receipt
from driftmeter.types import JSON, Milliseconds

router = APIRouter()

_INLINE = 1_000_000
"""Bodies up to so many bytes are read right here: handing them to a thread would take longer."""
_LONGEST_NAME = 200
_MOST_COUNTS = 16_000_000
"""Panes times bins of one batch: rows a second apart over years would make a pane each."""
_MOST_ROWS = 1 << 40
"""Rows of one pane: so many that sums of panes stay far from the end of the integers."""


_ROWS = "/v1/models/{model}/rows"
_PANES = "/v1/models/{model}/panes/{start_ms}/{source:path}"


@router.post(
    _ROWS,
    summary="Count rows",
    tags=["write"],
    responses=openapi.answers(400, 404, 413, 415, 422, 503, properties=openapi.ROWS_ANSWER),
    openapi_extra=openapi.ROWS_BODY,
)
async def post_rows(request: Request) -> Response:
    """Count a batch of rows.

    Rows that cannot be read are named in the answer, and the rest counts. Without an Idempotency-Key a batch
    that is sent again counts again.
    """
    context = Context.of(request)
    model: str = request.path_params["model"]
    compiled = context.monitor.compiled(model)
    headers = request.headers
    media = media_of(headers.get("content-type"))
    key = _name(headers, "Idempotency-Key")
    options = _Options.of(request.query_params) if request.scope["query_string"] else _Options()
    body = await read_body(request, context.settings.max_body, context.threads)

    def read() -> tuple[Batch, AddRows]:
        return _read(context, compiled, media, body, options, key)

    batch, write = read() if len(body) <= _INLINE else await context.in_thread(read)
    receipt = await context.committer.commit(write)
    if receipt.conflict:
        raise KeyConflictError("Idempotency-Key", "the batch that it first came with", "another batch")
    if not receipt.duplicate:
        context.metrics.count(model, receipt, batch.dropped)
    return _json(_rows_answer(batch, receipt))


@dataclass(frozen=True)
class _Options:
    """What the query may say of a batch: for Arrow, which has no other place for it, and for all forms alike."""

    nan_is_null: bool = False
    watermark: Milliseconds | None = None
    source: str | None = None

    @classmethod
    def of(cls, query: QueryParams) -> _Options:
        nan, watermark = query.get("nan"), query.get("watermark")
        if nan not in (None, "null"):
            raise InputError("nan", "null", repr(nan)[:40])
        time = None if watermark is None else time_of_text(watermark, "watermark")
        return cls(nan is not None, time, _name(query, "source"))


def _name(given: Mapping[str, str], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not 0 < len(value) <= _LONGEST_NAME:
        raise InputError(name, f"1 to {_LONGEST_NAME} characters", str(len(value)))
    return value


def _read(
    context: Context,
    compiled: Compiled,
    media: Media,
    body: bytes,
    options: _Options,
    key: str | None,
) -> tuple[Batch, AddRows]:
    batch = read_batch(
        media,
        body,
        compiled.reader,
        context.monitor.store.now(),
        most=context.settings.max_body,
        nan_is_null=options.nan_is_null,
    )
    _limit_panes(batch, compiled)
    profile = compiled.profile
    # a log's rows may come through any of the servers: they count together, under the log's own name
    watermark = options.watermark if batch.watermark is None else batch.watermark
    source = context.source if watermark is None and options.source is None else f"log:{options.source or ''}"
    return batch, AddRows(
        profile.model,
        profile.digest,
        source,
        context.monitor.sort_rows(compiled, batch.rows, batch.times),
        batch.totals,
        key,
        hashlib.blake2b(body, digest_size=16).digest() if key is not None else b"",
        watermark,
    )


def _limit_panes(batch: Batch, compiled: Compiled) -> None:
    times = batch.times
    if isinstance(times, int) or not len(times):
        return
    panes = min(len(times), int(times.max() - times.min()) // compiled.timing.pane + 1)
    most = max(1, _MOST_COUNTS // compiled.profile.bins)
    if panes > most:
        raise TooLargeError("timestamp", f"rows of at most {most} panes in one batch", f"up to {panes}")


def _rows_answer(batch: Batch, receipt: Receipt) -> JSON:
    return {
        "accepted": len(batch.rows),
        "rejected_rows": batch.sent - len(batch.rows),
        "rejected": [each.to_json() for each in batch.rejected],
        "late": receipt.late,
        "ignored": batch.ignored,
        "duplicate": receipt.duplicate,
    }


@router.put(
    _PANES,
    summary="Put a pane",
    tags=["write"],
    responses=openapi.answers(400, 404, 413, 422, 503, properties=openapi.PANE_ANSWER),
    openapi_extra=openapi.PANE_BODY,
)
async def put_pane(request: Request) -> Response:
    """Put what a source has counted so far in one pane.

    Cumulative: a higher sequence replaces a lower one, and sending a pane twice changes nothing.
    """
    context = Context.of(request)
    path = request.path_params
    model, start, source = path["model"], path["start_ms"], path["source"]
    active = context.monitor.compiled(model)
    body = await read_body(request, context.settings.max_body, context.threads)
    pane = decode_pane(body) if len(body) <= _INLINE else await context.in_thread(lambda: decode_pane(body))
    if (str(pane.start), pane.source) != (start, source):
        raise MismatchError("pane", f"the pane {start} of {source!r}"[:300], f"{pane.start} of {pane.source!r}")
    now = context.monitor.store.now()
    _check(pane, context.monitor.compiled(model, pane.digest).profile, now)
    receipt = await context.committer.commit(PutPane(model, pane))
    context.metrics.count(model, receipt)
    return _json({"late": receipt.late, **_timing(active, now)})


def _check(pane: Pane, profile: Profile, now: Milliseconds) -> None:
    """Refuse a pane that could not be added to others, or never close."""
    if pane.start > now + MAX_AHEAD:
        raise FutureError("start", f"at most {MAX_AHEAD // 1000} s ahead of {iso(now)}", f"{pane.start} ms")
    if pane.summary.rows > _MOST_ROWS:
        raise InputError("rows", f"at most {_MOST_ROWS}", str(pane.summary.rows))
    if len(pane.source) > _LONGEST_NAME:
        raise InputError("source", f"at most {_LONGEST_NAME} characters", str(len(pane.source)))
    counts = pane.summary.counts
    wrong = pane.summary.check(profile)
    if wrong is None and counts.size and counts.max() > pane.summary.rows:
        wrong = f"expected no count above {pane.summary.rows} rows, got {counts.max()}"
    if wrong is not None:
        expected, _, got = wrong.removeprefix("expected ").partition(", got ")
        raise InputError("counts", expected, got)


@router.put(
    "/v1/models/{model}/profile",
    summary="Register a profile",
    tags=["write"],
    status_code=201,
    responses={
        **openapi.answers(400, 413, 422, 503, properties=openapi.PROFILE_ANSWER, status=201),
        200: {"description": "The model had this profile already; it is the active one now."},
    },
    openapi_extra=openapi.PROFILE_BODY,
)
async def put_profile(request: Request, model: str) -> Response:
    """Register a profile, and make it the one that rows are counted by from now on."""
    context = Context.of(request)
    body = await read_body(request, context.settings.max_body, context.threads)

    def register() -> tuple[bool, Compiled, Milliseconds]:
        monitor = context.monitor
        profile = Profile.loads(body)
        if profile.model != model:
            raise MismatchError("model", f"a profile of {model!r}, as in the address", repr(profile.model))
        try:
            known = profile.digest in monitor.store.digests(model)
        except UnknownModelError:
            known = False
        monitor.register(profile)
        return known, monitor.compiled(model), monitor.store.now()

    known, compiled, now = await context.in_thread(register)
    return _json({"model": model, **_timing(compiled, now)}, 200 if known else 201)


HOT = (("POST", _ROWS, post_rows), ("PUT", _PANES, put_pane))
"""Method, path and function of the routes that take most of the traffic."""


def _timing(compiled: Compiled, now: Milliseconds) -> JSON:
    return {
        "digest": compiled.profile.digest,
        "pane_ms": compiled.timing.pane,
        "lateness_ms": compiled.timing.lateness,
        "time_ms": now,
    }


def _json(content: JSON, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")

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

from driftmeter.engine.compiled import Compiled
from driftmeter.errors import CodecError, InputError, UnknownModelError
from driftmeter.panes.codec import decode_pane, header_of
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.profile.profile import Profile
from driftmeter.server.configure import configure_new
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.ingest.media import Media, media_of
from driftmeter.server.ingest.rows import RowBatch, read_batch
from driftmeter.server.ingest.size import is_small
from driftmeter.server.problems import BadPaneError, FutureError, KeyConflictError, MismatchError, TooLargeError
from driftmeter.server.routes import openapi
from driftmeter.server.usable import check_usable
from driftmeter.store.records import AddRows, PutPane, Receipt
from driftmeter.timestamps import iso, time_of_text
from driftmeter.types import JSON, Milliseconds

router = APIRouter()

_SMALL_PANE = 64_000
"""Panes up to so many bytes, by a profile of at most `_FEW_BINS`, are read right here: handing them to a thread
would take longer."""
_FEW_BINS = 200_000
_LONGEST_NAME = 200
_LOG = "log:"
"""How the sources of rows that were read from a log are called: no pane may come under such a name."""
_SHORTEST: Milliseconds = 100
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
    compiled = await context.compiled(model)
    headers = request.headers
    media = media_of(headers.get("content-type"))
    key = _name(headers, "Idempotency-Key")
    options = _Options.of(request.query_params) if request.scope["query_string"] else _Options()
    with context.in_flight.hold() as share:
        body = await read_body(request, context.settings.max_body, context.threads, share)

        def read() -> tuple[RowBatch, AddRows]:
            return _read(context, compiled, media, body, options, key)

        small = is_small(media, body, len(compiled.reader.names))
        batch, write = read() if small else await context.in_thread(read)
        receipt = await context.committer.commit(write)
    if receipt.conflict:
        raise KeyConflictError("Idempotency-Key", "the batch that it first came with", "another batch")
    if not receipt.duplicate:
        context.metrics.count(model, receipt, batch.dropped)
        context.metrics.unreadable(model, compiled.profile, batch.unreadable)
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
            raise InputError("nan", "null", str(nan)[:40])
        time = None if watermark is None else time_of_text(watermark, "watermark")
        return cls(nan is not None, time, _name(query, "source"))


def _name(given: Mapping[str, str], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not 0 < len(value) <= _LONGEST_NAME:
        raise InputError(name, f"1 to {_LONGEST_NAME} characters", str(len(value)))
    if value is not None and any(character < " " for character in value):
        raise InputError(name, "no control characters", repr(value)[:100])
    return value


def _read(
    context: Context,
    compiled: Compiled,
    media: Media,
    body: bytes,
    options: _Options,
    key: str | None,
) -> tuple[RowBatch, AddRows]:
    batch = read_batch(
        media,
        body,
        compiled.reader,
        context.engine.now(),
        most=context.settings.max_body,
        nan_is_null=options.nan_is_null,
    )
    _limit_panes(batch, compiled)
    profile = compiled.profile
    # a log's rows may come through any of the servers: they count together, under the log's own name
    watermark = options.watermark if batch.watermark is None else batch.watermark
    source = context.source if watermark is None and options.source is None else f"{_LOG}{options.source or ''}"
    return batch, AddRows(
        profile.model,
        profile.digest,
        source,
        context.engine.sort_rows(compiled, batch.rows, batch.times),
        batch.totals,
        key,
        hashlib.blake2b(body, digest_size=16).digest() if key is not None else b"",
        watermark,
        compiled.timing.pane,
    )


def _limit_panes(batch: RowBatch, compiled: Compiled) -> None:
    times = batch.times
    if isinstance(times, int) or not len(times):
        return
    panes = min(len(times), int(times.max() - times.min()) // compiled.timing.pane + 1)
    most = max(1, _MOST_COUNTS // compiled.profile.bins)
    if panes > most:
        raise TooLargeError("timestamp", f"rows of at most {most} panes in one batch", f"up to {panes}")


def _rows_answer(batch: RowBatch, receipt: Receipt) -> JSON:
    return {
        "accepted": len(batch.rows),
        "rejected_rows": batch.sent - len(batch.rows),
        "rejected": [each.to_json() for each in batch.rejected],
        "unreadable": batch.unreadable,
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
    active = await context.compiled(model)
    with context.in_flight.hold() as share:
        body = await read_body(request, context.settings.max_body, context.threads, share)
        small = len(body) <= _SMALL_PANE
        head = _head(body) if small else await context.in_thread(lambda: _head(body))
        profile = active.profile
        if head is not None:
            digest, bins = head
            profile = (await context.compiled(model, digest)).profile
            if bins != profile.bins:
                raise InputError("counts", f"counts over {profile.bins} bins", str(bins))
        small = small and profile.bins <= _FEW_BINS
        pane = decode_pane(body) if small else await context.in_thread(lambda: decode_pane(body))
    if (str(pane.start), pane.source) != (start, source):
        raise MismatchError("pane", f"the pane {start} of {source!r}"[:300], f"{pane.start} of {pane.source!r}")
    now = context.engine.now()
    _check(pane, profile, active.timing, now)
    receipt = await context.committer.commit(PutPane(model, pane))
    context.metrics.count(model, receipt, receipt.dropped)
    context.metrics.unreadable(model, profile, receipt.unreadable)
    return _json({"late": receipt.late, **_timing(active, now)})


def _head(body: bytes) -> tuple[str, int] | None:
    """Read the digest and the number of bins that a pane says, before its counts inflate; None where `decode_pane`
    will not come as far as that."""
    header = header_of(body)
    if header is None:
        return None
    try:
        head = msgspec.json.decode(header, type=_Head)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
            return None
        raise CodecError("pane", "a complete header", str(error)[:200]) from error
    return head.digest, head.bins


class _Head(msgspec.Struct):
    digest: str
    bins: int


def _check(pane: Pane, profile: Profile, timing: Timing, now: Milliseconds) -> None:
    """Refuse a pane that could not be added to others, or never be replaced, or never close."""
    if pane.source.startswith(_LOG):
        raise BadPaneError("source", f"a name that does not start with {_LOG}", pane.source[:100])
    if pane.length != timing.pane and pane.length < _SHORTEST:
        raise BadPaneError("length", f"at least {_SHORTEST} ms", str(pane.length))
    if pane.start > now + MAX_AHEAD:
        raise FutureError("start", f"at most {MAX_AHEAD // 1000} s ahead of {iso(now)}", f"{pane.start} ms")
    if pane.summary.rows > _MOST_ROWS:
        raise InputError("rows", f"at most {_MOST_ROWS}", str(pane.summary.rows))
    if any(character < " " for character in pane.source):
        raise BadPaneError("source", "a name without control characters", repr(pane.source)[:100])
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
        200: {"description": "The model had this profile already; rows are counted by it now."},
    },
    openapi_extra=openapi.PROFILE_BODY,
)
async def put_profile(request: Request, model: str) -> Response:
    """Register a profile, and make it the one that rows are counted by from now on.

    Its verdict becomes the model's when it has held most rows for three panes; until then both are judged.
    """
    context = Context.of(request)

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
        known, compiled, now = await context.lookups.run(lambda: register(body))
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

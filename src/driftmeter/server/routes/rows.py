"""Rows: batches of them are read and counted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.data.rejected import Rejected
from driftmeter.engine.compiled import Compiled
from driftmeter.errors import InputError
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_body
from driftmeter.server.ingest.media import media_of
from driftmeter.server.ingest.rows import RowBatch, check_panes, read_batch
from driftmeter.server.ingest.size import is_small
from driftmeter.server.problems import KeyConflictError
from driftmeter.server.routes.parameters import read_query
from driftmeter.server.routes.responses import json_response
from driftmeter.server.routes.times import GivenTime, TimeParameter
from driftmeter.store.records import AddRows
from driftmeter.timestamps import time_of_text

LOG = "log:"
"""Prefix of the sources whose rows were read from a log: no pane may come under such a name."""

_LONGEST_NAME = 200


class RowsBody(Struct):
    """`rows` or `columns`. A row may carry its own `timestamp`, columns one of that name."""

    rows: Annotated[list[dict[str, Any]], Meta(examples=[[{"age": 31.5, "city": "Ulm"}]])] | UnsetType = UNSET
    columns: (
        Annotated[
            dict[str, Any],
            Meta(
                description="Arrays by name. In msgpack a column may also be raw bytes (little-endian float64), or "
                '{"dtype": "<f4", "data": bytes}.'
            ),
        ]
        | UnsetType
    ) = UNSET
    timestamp: Annotated[GivenTime | None, Meta(description="Of the rows that have none.")] = None
    watermark: Annotated[
        GivenTime | None, Meta(description="From sources that read a log: no earlier row will come.")
    ] = None


class RowsQuery(Struct):
    """What a query may say of a batch, in each form."""

    nan: Annotated[Literal["null"] | None, Meta(description="Accept NaN in JSON, as null.")] = None
    watermark: Annotated[TimeParameter | None, Meta(description="As in the body; for Arrow, the only place.")] = None
    source: Annotated[str | None, Meta(description="With a watermark: which log the rows were read from.")] = None


class RowsHeaders(Struct, rename={"idempotency_key": "Idempotency-Key"}):
    """Headers that say something of a batch."""

    idempotency_key: Annotated[
        str | None, Meta(description="Counts the batch once, however often it comes, for 24 hours.")
    ] = None


class RowsAnswer(Struct):
    """What became of a batch."""

    accepted: Annotated[int, Meta(description="Rows that count, with the late ones.")]
    rejected_rows: Annotated[int, Meta(description="Rows that do not count.")]
    rejected: Annotated[tuple[Rejected, ...], Meta(description="The first 100 values at fault.")]
    unreadable: Annotated[
        Mapping[str, int], Meta(description="Values of counted rows that could not be read, by column.")
    ]
    late: Annotated[int, Meta(description="Rows whose pane was frozen: they are in no window.")]
    ignored: Annotated[int, Meta(description="Values under columns that the profile does not know.")]
    duplicate: Annotated[bool, Meta(description="The key had been used for this very batch: nothing was added.")]


async def post_rows(request: Request) -> Response:
    """Count a batch of rows.

    Rows that cannot be read are named in the answer, and the rest counts. Without an Idempotency-Key a batch
    that is sent again counts again.
    """
    context = Context.of(request)
    model: str = request.path_params["model"]
    compiled = await context.compiled_for_rows(model)
    headers = request.headers
    media = media_of(headers.get("content-type"))
    key = _name(headers.get("Idempotency-Key"), "Idempotency-Key")
    query = read_query(request.query_params, RowsQuery) if request.scope["query_string"] else RowsQuery()
    watermark = None if query.watermark is None else time_of_text(query.watermark, "watermark")
    source = _name(query.source, "source")
    with context.in_flight.hold() as share:
        body = await read_body(request, context.settings.max_body, context.threads, share)

        def read() -> tuple[RowBatch, AddRows]:
            batch = read_batch(
                media,
                body,
                compiled.reader,
                context.engine.now(),
                most=context.settings.max_body,
                nan_is_null=query.nan is not None,
            )
            check_panes(batch, compiled)
            return batch, _write_of(batch, context, compiled, watermark, source, key, body)

        small = is_small(media, body, len(compiled.reader.names))
        batch, write = read() if small else await context.in_thread(read)
        receipt = await context.committer.commit(write)
    if receipt.conflict:
        raise KeyConflictError("Idempotency-Key", "the batch that it first came with", "another batch")
    if not receipt.duplicate:
        context.metrics.count(model, receipt, batch.dropped)
        context.metrics.unreadable(model, compiled.profile, batch.unreadable)
    accepted = len(batch.rows)
    return json_response(
        RowsAnswer(
            accepted=accepted,
            rejected_rows=batch.sent - accepted,
            rejected=batch.rejected,
            unreadable=batch.unreadable,
            late=receipt.late,
            ignored=batch.ignored,
            duplicate=receipt.duplicate,
        )
    )


def _name(value: str | None, field: str) -> str | None:
    """Check the name of a source, or a key, if there is one; raises InputError."""
    if value is not None and not 0 < len(value) <= _LONGEST_NAME:
        raise InputError(field, f"1 to {_LONGEST_NAME} characters", str(len(value)))
    if value is not None and any(character < " " for character in value):
        raise InputError(field, "no control characters", repr(value)[:100])
    return value


def _write_of(
    batch: RowBatch,
    context: Context,
    compiled: Compiled,
    watermark: int | None,
    source: str | None,
    key: str | None,
    body: bytes,
) -> AddRows:
    """Return what the store is to write for a batch; a watermark in the body comes before that of the query."""
    profile = compiled.profile
    if batch.watermark is not None:
        watermark = batch.watermark
    # rows of one log may come through any server: they count together, under the name of the log
    counted_by = context.source if watermark is None and source is None else f"{LOG}{source or ''}"
    return AddRows(
        profile.model,
        profile.digest,
        counted_by,
        context.engine.sort_rows(compiled, batch.rows, batch.times),
        batch.totals,
        key,
        hashlib.blake2b(body, digest_size=16).digest() if key is not None else b"",
        watermark,
        compiled.timing.pane,
    )

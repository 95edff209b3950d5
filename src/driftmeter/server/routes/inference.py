"""The Open Inference Protocol V2, as far as a logger needs it: what is sent to a model may be sent here too."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from driftmeter.counts.rows import Reader
from driftmeter.data.columns import Column
from driftmeter.errors import InputError
from driftmeter.payloads.body import decode_body, request_of
from driftmeter.payloads.compressed import inflate, is_compressed
from driftmeter.payloads.table import OfClass, PayloadTable
from driftmeter.payloads.v2_binary import json_length_of
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile
from driftmeter.server.context import Context
from driftmeter.server.ingest.bodies import read_bytes
from driftmeter.server.ingest.content import BatchTimes, Columns, check_rows, time_key
from driftmeter.server.ingest.json_size import check_containers
from driftmeter.server.ingest.rows import RowBatch, batch_of, check_panes
from driftmeter.server.problems import UnsupportedMediaError
from driftmeter.server.routes.of_class import class_of
from driftmeter.server.routes.responses import json_response
from driftmeter.store.records import AddRows

_SMALL = 64_000
"""Bytes of a request that is read on the event loop: a thread would take longer."""
_ENCODINGS = ("", "identity", "gzip", "deflate")
_DATATYPES = {"string": "BYTES", "boolean": "BOOL", "integer": "INT64", "float": "FP64"}


class OutputTensor(Struct):
    """A tensor of one whole number."""

    name: Literal["accepted", "rejected_rows", "late"]
    shape: tuple[int]
    datatype: Literal["INT64"]
    data: tuple[int]


class InferAnswer(Struct):
    """What became of a request, as an answer of a model that counts rows."""

    model_name: str
    model_version: Annotated[str, Meta(description="The first 8 characters of the profile's digest.")]
    id: str
    outputs: tuple[OutputTensor, ...]


class TensorMetadata(Struct):
    """A tensor that the model takes or gives."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class ModelMetadata(Struct):
    """A model as the protocol describes it: the columns that its profile watches."""

    name: str
    versions: tuple[str, ...]
    platform: Literal["driftmeter"]
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


class ServerLive(Struct):
    """That the process lives."""

    live: Literal[True]


class ServerReady(Struct):
    """Whether the server takes requests."""

    ready: bool


async def post_infer(request: Request) -> Response:
    """Count the rows of a V2 request: JSON, or JSON with binary tensors, compressed or not.

    A prediction may be one of its tensors; of one with several values a row, `of_class` says which. Rows are of
    now, or of the times in a tensor `timestamp`.
    """
    context = Context.of(request)
    model: str = request.path_params["model"]
    compiled = await context.compiled_for_rows(model)
    most = context.settings.max_body
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise UnsupportedMediaError("Content-Encoding", "gzip, deflate or none", encoding[:40])
    length = _json_length(request.headers.get("inference-header-content-length"))
    of_class = class_of(request)
    with context.in_flight.hold() as share:
        body = await read_bytes(request, most, share)

        def read() -> tuple[str, RowBatch, AddRows]:
            inflated = inflate(body, most)
            check_containers(inflated, length)
            content, tail = decode_body(inflated, json_length=length, most=most)
            table = request_of(content, tail)
            batch = batch_of(_content(table, compiled.reader, compiled.profile, of_class), compiled.reader, now)
            check_panes(batch, compiled)
            parts = context.engine.sort_rows(compiled, batch.rows, batch.times)
            digest, pane = compiled.profile.digest, compiled.timing.pane
            return _id_of(content), batch, AddRows(model, digest, context.source, parts, batch.totals, length=pane)

        now = context.engine.now()
        small = len(body) <= _SMALL and not is_compressed(body)
        id_, batch, write = read() if small else await context.in_thread(read)
        receipt = await context.committer.commit(write)
    context.metrics.count(model, receipt, batch.dropped)
    context.metrics.unreadable(model, compiled.profile, batch.unreadable)
    accepted = len(batch.rows)
    counts = {"accepted": accepted, "rejected_rows": batch.sent - accepted, "late": receipt.late}
    outputs = tuple(_output(name, number) for name, number in counts.items())
    return json_response(InferAnswer(model, compiled.profile.digest[:8], id_, outputs))


async def post_infer_version(request: Request) -> Response:
    """Count the rows of a V2 request, whichever version of the model it names."""
    return await post_infer(request)


async def get_v2_live(request: Request) -> Response:
    """Say that the process lives."""
    return json_response(ServerLive(True))


async def get_v2_ready(request: Request) -> Response:
    """Say whether the store can be read and written, and verdicts are kept up."""
    context = Context.of(request)
    ready = await context.probe.answers() and context.evaluator.healthy
    return json_response(ServerReady(ready), 200 if ready else 503)


async def get_v2_model(request: Request) -> Response:
    """Return the columns that the model's profile watches, as tensors."""
    model: str = request.path_params["model"]
    compiled = await Context.of(request).compiled_for_rows(model)
    profile = compiled.profile
    inputs = tuple(TensorMetadata(name, _datatype_of(profile, name), (-1,)) for name in profile.model_columns)
    outputs = tuple(TensorMetadata(name, "INT64", (1,)) for name in ("accepted", "rejected_rows", "late"))
    return json_response(ModelMetadata(model, (profile.digest[:8],), "driftmeter", inputs, outputs))


def _id_of(content: Any) -> str:
    id_ = content.get("id") if isinstance(content, dict) else None
    return id_ if isinstance(id_, str) else ""


def _content(table: PayloadTable, reader: Reader, profile: Profile, of_class: OfClass | None) -> Columns:
    check_rows(table.rows, reader)
    if not table.rows:  # an empty batch says nothing of its columns
        return Columns(columns={}, rows=0)
    order = profile.model_columns
    columns = table.named(order)
    if columns and not any(name in reader.names for name in columns):
        known, got = ", ".join(order[:5]), ", ".join(list(columns)[:5])
        raise InputError("body.inputs", f"some of the columns {known}{', …' if len(order) > 5 else ''}", got[:200])
    _choose_class(columns, profile, of_class)
    key = time_key(reader)
    times = None if key is None else columns.pop(key, None)
    return Columns(columns=columns, rows=table.rows, times=BatchTimes(column=times))


def _choose_class(columns: dict[str, Column], profile: Profile, of_class: OfClass | None) -> None:
    """Give the column of a class the prediction's name; raises InputError where several values do not say which."""
    name = profile.prediction_column
    if name is None or name in columns:
        return
    chosen = f"{name}[{of_class}]" if isinstance(of_class, int) else of_class
    if chosen in columns:
        columns[name] = columns.pop(chosen)
    elif of_class is not None or f"{name}[0]" in columns:
        expected = f"one value a row in {name!r}; of several classes say which (?of_class=1 in the address)"
        got = ", ".join(list(columns)[:5])[:200] + ("" if of_class is None else f", of_class {str(of_class)[:40]}")
        raise InputError("body.inputs", expected, got)


def _json_length(header: str | None) -> int | None:
    length = json_length_of(header)
    if header is not None and length is None:
        raise InputError("Inference-Header-Content-Length", "a number of bytes", header[:40])
    return length


def _output(name: Any, number: int) -> OutputTensor:
    return OutputTensor(name, (1,), "INT64", (number,))


def _datatype_of(profile: Profile, column: str) -> str:
    feature = next(feature for feature in profile.features if feature.column == column)
    if feature.part is not None:
        return "BYTES"
    return _DATATYPES[feature.grid.dtype] if isinstance(feature.grid, CategoryGrid) else "FP64"

"""Rows over HTTP in each form that the metric server reads, and files that are replayed to it."""

from __future__ import annotations

import datetime as dt
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from tests.support.live_doors.bodies import as_json, columns_of, with_predictions
from tests.support.live_doors.door import AT_ONCE, MODEL, Counting, Door
from tests.support.served_rows import NUMBERS, PREDICTION, ServedRows
from tests.support.written_logs.writing import Row

Write = Callable[[list[Row], list[float]], bytes]
"""Rows and their predictions as a body."""


def _posted(content_type: str, write: Write, **headers: str) -> Door:
    def send(server: Counting, rows: ServedRows) -> None:
        with httpx.Client(headers={"content-type": content_type, **headers}, timeout=30) as client:
            for features, answers, _ in rows.batches(AT_ONCE):
                answer = client.post(f"{server.url}/v1/models/{MODEL}/rows", content=write(features, answers))
                assert answer.json()["accepted"] == len(features), answer.text

    return Door(send)


def _columns(features: list[Row], answers: list[float]) -> dict[str, list[Any]]:
    return {**columns_of(features), PREDICTION: answers}


def _packed(features: list[Row], answers: list[float]) -> bytes:
    columns: dict[str, Any] = _columns(features, answers)
    for name in (*NUMBERS, PREDICTION):
        columns[name] = np.array(columns[name], "<f8").tobytes()
    return msgspec.msgpack.encode({"columns": columns})


def _arrow(features: list[Row], answers: list[float], *, file: bool) -> bytes:
    sink = io.BytesIO()
    table = ServedRows(features, answers, []).frame().to_arrow()
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _rows(features: list[Row], answers: list[float]) -> bytes:
    return as_json({"rows": with_predictions(features, answers)})


def _replayed(write: Callable[[pl.DataFrame, Path], object], name: str) -> Door:
    def send(server: Counting, rows: ServedRows) -> None:
        from click.testing import CliRunner

        from driftmeter.cli.app import app

        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            times = [rows.times[0] + dt.timedelta(milliseconds=row) for row in range(len(rows))]
            write(rows.frame().with_columns(pl.Series("at", times)), path)
            arguments = ["replay", str(path), "--url", server.url, "--model", MODEL, "--time", "at", "--keep-time"]
            done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output

    return Door(send)


ROWS: dict[str, Door] = {
    "rows, JSON": _posted("application/json", _rows),
    "rows, JSON in gzip": _posted(
        "application/json", lambda *rows: gzip.compress(_rows(*rows), 1), **{"content-encoding": "gzip"}
    ),
    "rows, JSON by columns": _posted("application/json", lambda *rows: as_json({"columns": _columns(*rows)})),
    "rows, msgpack": _posted(
        "application/msgpack", lambda *rows: msgspec.msgpack.encode({"rows": with_predictions(*rows)})
    ),
    "rows, packed msgpack": _posted("application/msgpack", _packed),
    "rows, Arrow stream": _posted("application/vnd.apache.arrow.stream", lambda *rows: _arrow(*rows, file=False)),
    "rows, Arrow file": _posted("application/vnd.apache.arrow.file", lambda *rows: _arrow(*rows, file=True)),
    "replay of CSV": _replayed(lambda frame, path: frame.write_csv(path), "rows.csv"),
    "replay of Parquet": _replayed(lambda frame, path: frame.write_parquet(path), "rows.parquet"),
}

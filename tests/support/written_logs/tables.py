"""Rows as the logs that are tables: Databricks' inference tables, Vertex AI's exports, Feast's logged features."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow import parquet

from tests.support.served_rows import FEATURES, ServedRows
from tests.support.written_logs.writing import Row, Writer, predictions, values_of, write_lines

_LEGACY = pa.schema(
    {
        "client_request_id": pa.string(),
        "databricks_request_id": pa.string(),
        "date": pa.date32(),
        "timestamp_ms": pa.int64(),
        "status_code": pa.int32(),
        "execution_time_ms": pa.int64(),
        "request": pa.string(),
        "response": pa.string(),
        "sampling_fraction": pa.float64(),
        "request_metadata": pa.map_(pa.string(), pa.string()),
    }
)
_GATEWAY = pa.schema(
    {
        "databricks_request_id": pa.string(),
        "request_date": pa.date32(),
        "client_request_id": pa.string(),
        "request_time": pa.timestamp("us", "UTC"),
        "status_code": pa.int32(),
        "sampling_fraction": pa.float64(),
        "execution_duration_ms": pa.int64(),
        "request": pa.string(),
        "response": pa.string(),
        "logging_error_codes": pa.list_(pa.string()),
        "served_entity_id": pa.string(),
        "requester": pa.string(),
    }
)
_VERTEX = pa.schema(
    {
        "endpoint": pa.string(),
        "deployed_model_id": pa.string(),
        "logging_time": pa.timestamp("us", "UTC"),
        "request_id": pa.decimal128(38, 9),
        "request_payload": pa.list_(pa.string()),
        "response_payload": pa.list_(pa.string()),
    }
)


def _bodies(number: int, features: list[Row]) -> Row:
    """Return the four forms of a request, one after another."""
    columns = {name: [row[name] for row in features] for name in FEATURES}
    return (
        {"dataframe_split": {"columns": list(FEATURES), "data": values_of(features)}},
        {"dataframe_records": features},
        {"instances": features, "client_request_id": "a"},
        {"inputs": columns, "params": {"x": 1}},
    )[number % 4]


def _databricks(rows: ServedRows) -> Iterator[Row]:
    for number, (features, answers, time) in enumerate(rows.batches(10)):
        answer = {**predictions(answers), "databricks_output": {"trace": None, "databricks_request_id": str(number)}}
        yield {
            "databricks_request_id": str(number),
            "timestamp_ms": int(time.timestamp() * 1000),
            "request_time": time,
            "date": time.date(),
            "request_date": time.date(),
            "status_code": 200,
            "execution_time_ms": 5,
            "sampling_fraction": 1.0,
            "request": json.dumps(_bodies(number, features)),
            "response": json.dumps(answer),
            "request_metadata": [("endpoint_name", "flights")],
            "logging_error_codes": [],
        }
        if number % 100 == 0:
            yield {
                "databricks_request_id": "x",
                "status_code": 400,
                "request": "{}",
                "response": '{"error_code": "BAD"}',
            }


def _of_schema(schema: pa.Schema) -> Writer:
    def write(folder: Path, rows: ServedRows) -> Path:
        records = list(_databricks(rows))
        half = len(records) // 2
        for part, name in ((records[:half], "part-0"), (records[half:], "part-1")):
            table = pa.Table.from_pylist([{key: record.get(key) for key in schema.names} for record in part], schema)
            parquet.write_table(table, folder / f"{name}.snappy.parquet")
        return folder

    return write


def as_delta(folder: Path, rows: ServedRows) -> Path:
    """Write a Delta table of one file, and its log."""
    records = list(_databricks(rows))
    names = [name for name in _GATEWAY.names if name != "logging_error_codes"]
    frame = pl.DataFrame([{name: record.get(name) for name in names} for record in records], infer_schema_length=None)
    file = folder / "table" / "part-0.snappy.parquet"
    file.parent.mkdir()
    frame.write_parquet(file)
    fields = [{"name": name, "type": "string", "nullable": True, "metadata": {}} for name in names]
    schema = json.dumps({"type": "struct", "fields": fields})
    actions = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {"metaData": {"id": "a", "format": {"provider": "parquet"}, "schemaString": schema, "partitionColumns": [],
                      "configuration": {}, "createdTime": 0}},
        {"add": {"path": file.name, "partitionValues": {}, "size": file.stat().st_size, "modificationTime": 0,
                 "dataChange": True}},
    ]  # fmt: skip
    write_lines(folder / "table" / "_delta_log" / f"{0:020}.json", actions)
    return folder / "table"


def unity(folder: Path, rows: ServedRows) -> Path:
    """Write the columns of 2026 as JSON lines, with a time as text."""
    renamed = {"invocation_id": "databricks_request_id", "event_time": "request_time"}
    names = (*renamed, "status_code", "request", "response")

    def records() -> Iterator[Row]:
        for record in _databricks(rows):
            named = {name: record.get(renamed.get(name, name)) for name in names}
            yield {**named, "event_time": str(named["event_time"])}

    return write_lines(folder / "table.jsonl", records())


def _vertex(rows: ServedRows, instance: Callable[[Row], Any]) -> Iterator[Row]:
    for number, (features, answers, time) in enumerate(rows.batches(6)):
        yield {
            "endpoint": "projects/1/locations/x/endpoints/2",
            "deployed_model_id": "3",
            "logging_time": time,
            "request_id": number,
            "request_payload": [json.dumps(instance(row)) for row in features],
            "response_payload": [json.dumps(answer) for answer in answers],
        }


def vertex(folder: Path, rows: ServedRows) -> Path:
    """Write an export as Parquet, with named values."""
    table = pa.Table.from_pylist(list(_vertex(rows, dict)), _VERTEX)
    parquet.write_table(table, folder / "export-0.parquet")
    return folder / "export-0.parquet"


def vertex_lines(folder: Path, rows: ServedRows) -> Path:
    """Write an export as JSON lines, with arrays of values, and a time as BigQuery writes it."""
    records = _vertex(rows, lambda row: [row[name] for name in FEATURES])
    return write_lines(
        folder / "export-0.json",
        ({**record, "logging_time": f"{record['logging_time']:%Y-%m-%d %H:%M:%S.%f} UTC"} for record in records),
    )


def feast(folder: Path, rows: ServedRows) -> Path:
    """Write the features of two views, with times and status. Feast logs no predictions: here they are a feature."""
    times = pa.array(rows.times, pa.timestamp("us", "UTC"))
    columns: dict[str, Any] = {"flight_id": list(range(len(rows)))}
    frame = rows.frame().to_arrow()
    for position, name in enumerate(frame.column_names):
        column = f"{'plane' if position % 2 else 'route'}__{name}"
        present = [1 if value is not None else 2 for value in frame[name].to_pylist()]
        columns |= {column: frame[name], f"{column}__timestamp": times}
        columns[f"{column}__status"] = pa.array(present, pa.int32())
    columns |= {
        "__log_timestamp": times,
        "__log_date": pa.array([dt.date(2026, 3, 1)] * len(rows), pa.date32()),
        "__request_id": [str(row) for row in range(len(rows))],
    }
    parquet.write_table(pa.table(columns), folder / "0.parquet")
    return folder


DATABRICKS: dict[str, Writer] = {
    "legacy": _of_schema(_LEGACY),
    "AI Gateway": _of_schema(_GATEWAY),
    "AI Gateway as Delta": as_delta,
    "2026": unity,
}
VERTEX: dict[str, Writer] = {"Parquet": vertex, "JSON lines": vertex_lines}
FEAST: dict[str, Writer] = {"": feast}

"""Rows as logs of JSON: plain lines, Azure's collector, BentoML's monitor, MLRun's events, Triton's trace."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.served_rows import FEATURES, NUMBERS, PREDICTION, ServedRows
from tests.support.written_logs.writing import Row, Writer, values_of, write_lines


def json_lines(folder: Path, rows: ServedRows) -> Path:
    """Write an object a row, with the prediction among its values."""
    pairs = zip(rows.features, rows.predictions, strict=True)
    return write_lines(folder / "rows.jsonl", ({**row, PREDICTION: answer} for row, answer in pairs))


def json_array(folder: Path, rows: ServedRows) -> Path:
    """Write one array over several lines, compressed."""
    pairs = zip(rows.features, rows.predictions, strict=True)
    text = json.dumps([{**row, PREDICTION: answer} for row, answer in pairs], indent=1)
    (folder / "rows.json.gz").write_bytes(gzip.compress(text.encode()))
    return folder / "rows.json.gz"


def rotated(folder: Path, rows: ServedRows) -> Path:
    """Write four files, as they are rotated, of which the older ones are compressed; the source is a pattern."""
    pairs = list(zip(rows.features, rows.predictions, strict=True))
    quarter = len(pairs) // 4
    for age in range(4):
        start = (3 - age) * quarter
        lines = [json.dumps({**row, PREDICTION: answer}) for row, answer in pairs[start : start + quarter]]
        content = "\n".join(lines).encode()
        name = "rows.log" if age == 0 else f"rows.log.{age}.gz"
        (folder / name).write_bytes(content if age == 0 else gzip.compress(content))
    return folder / "rows.log*"


def azure(folder: Path, rows: ServedRows) -> Path:
    """Write a folder for inputs and one for outputs: a line for each few rows, the outputs in another order."""
    for number, (features, answers, time) in enumerate(rows.batches(2_500)):
        hour = f"2026/03/01/{number:02}/instance-1.jsonl"
        starts = range(0, len(features), 5)
        batches = [(start, features[start : start + 5], answers[start : start + 5]) for start in starts]
        lines = [_azure(number, start, "model_inputs", batch, time) for start, batch, _ in batches]
        write_lines(folder / "flights" / "blue" / "model_inputs" / hour, lines)
        outputs = [
            _azure(number, start, "model_outputs", [{"p": value} for value in batch], time)
            for start, _, batch in batches
        ]
        random.Random(number).shuffle(outputs)
        write_lines(folder / "flights" / "blue" / "model_outputs" / hour, outputs)
    return folder / "flights"


def _azure(hour: int, start: int, collection: str, data: list[Row], time: Any) -> Row:
    return {
        "specversion": "1.0",
        "id": f"{collection}-{hour}-{start}",
        "source": "/subscriptions/0/onlineEndpoints/flights/deployments/blue",
        "type": f"azureml.inference.{collection}",
        "datacontenttype": "application/json",
        "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "data": data,
        "correlationid": f"{hour}-{start}",
        "xrequestid": f"{hour}-{start}",
        "modelversion": "default",
        "collectdatatype": "pandas.core.frame.DataFrame",
        "agent": "azureml-ai-monitoring/0.1.0b4",
        "contentrange": "bytes 0-6794/6795",
    }


def bentoml(folder: Path, rows: ServedRows) -> Path:
    """Write data and schema of two workers, one file rotated, with rows of another monitor in the second one's."""
    roles = [
        {"name": name, "role": "feature", "type": "numerical" if name in NUMBERS else "categorical"}
        for name in FEATURES
    ]
    roles.append({"name": "p", "role": "prediction", "type": "numerical"})
    meta = {"bento_name": "flights", "bento_version": "not available"}
    other = {"who": "alpha", "alpha_len": 5.0}
    half = len(rows) // 2
    for worker, name in ((1, "data.1.log.2026-03-01"), (2, "data.2.log")):
        base = folder / "monitoring" / "flights"
        write_lines(base / "schema" / f"schema.{worker}.log", [{"meta_data": meta, "columns": roles}])
        start = (worker - 1) * half
        lines: list[Row] = []
        for number in range(start, start + half):
            answer = rows.predictions[number]
            row = {**rows.features[number], "p": str(answer) if number % 3 else answer}  # numpy's are written as text
            lines.append({**row, **_bento_ids(rows, number)})
            if worker == 2 and number % 50 == 0:
                lines.append({**other, **_bento_ids(rows, number)})
        write_lines(base / "data" / name, lines)
    return folder / "monitoring" / "flights"


def _bento_ids(rows: ServedRows, number: int) -> Row:
    time = rows.times[number].replace(tzinfo=None)
    return {
        "timestamp": f"{time.isoformat()}.992931",
        "request_id": str(10**18 + number),
        "trace_id": str(10**38 + number),
    }


def mlrun(folder: Path, rows: ServedRows) -> Path:
    """Write an event a call."""
    return write_lines(folder / "stream.jsonl", _mlrun(rows))


def mlrun_batched(folder: Path, rows: ServedRows) -> Path:
    """Write events of several calls, as messages of Kafka."""
    names = ["request", "op", "resp", "when", "microsec", "metrics"]

    def messages() -> Iterator[Row]:
        calls = list(_mlrun(rows))
        for start in range(0, len(calls), 10):
            batch = [[call.get(name) for name in names] for call in calls[start : start + 10]]
            same = {
                name: calls[start][name] for name in ("class", "worker", "model", "version", "host", "function_uri")
            }
            yield {"topic": "stream", "key": None, "value": json.dumps({**same, "headers": names, "values": batch})}

    return write_lines(folder / "stream.jsonl", messages())


def _mlrun(rows: ServedRows) -> Iterator[Row]:
    for number, (features, answers, time) in enumerate(rows.batches(4)):
        yield {
            "class": "FlightModel",
            "worker": "0",
            "model": "flights",
            "version": "v1",
            "host": "pod-1",
            "function_uri": "project/serving",
            "request": {"id": str(number), "inputs": values_of(features)},
            "op": "infer",
            "resp": {"id": str(number), "model_name": "flights", "outputs": answers},
            "when": f"{time:%Y-%m-%d %H:%M:%S.%f}",
            "microsec": 1234,
        }


def triton(folder: Path, rows: ServedRows) -> Path:
    """Write a trace of calls, an ensemble's inner calls among them, whose array was not closed."""
    entries: list[Row] = []
    for number, (features, answers, _) in enumerate(rows.batches(8), 1):
        entries.append({"id": number, "model_name": "flights", "model_version": 1, "request_id": ""})
        entries.append({"id": number, "timestamps": [{"name": "REQUEST_START", "ns": 1_234_567 + number}]})
        for name in FEATURES:
            values = [row[name] for row in features]
            entries.append({"id": number, "activity": "TENSOR_QUEUE_INPUT", "tensor": _triton(name, values)})
        entries.append({"id": number, "activity": "TENSOR_BACKEND_OUTPUT", "tensor": _triton(PREDICTION, answers)})
        if number % 100 == 0:
            entries.append({"id": -number, "model_name": "step", "model_version": 1, "parent_id": number})
            entries.append({"id": -number, "activity": "TENSOR_QUEUE_INPUT", "tensor": _triton("x", [1.0])})
    (folder / "trace.json").write_text("[" + ",".join(json.dumps(entry) + "\n" for entry in entries))
    return folder / "trace.json"


def _triton(name: str, values: list[Any]) -> Row:
    numeric = name not in FEATURES or name in NUMBERS
    cells = [("nan" if value is None else f"{value:.6g}") if numeric else f'"{value}"' for value in values]
    return {"name": name, "data": ",".join(cells), "shape": f"{len(values)},1", "dtype": "FP64" if numeric else "BYTES"}


JSON_LINES: dict[str, Writer] = {"": json_lines, "an array": json_array, "rotated": rotated}
AZURE: dict[str, Writer] = {"": azure}
BENTOML: dict[str, Writer] = {"": bentoml}
MLRUN: dict[str, Writer] = {"": mlrun, "batched": mlrun_batched}
TRITON: dict[str, Writer] = {"": triton}

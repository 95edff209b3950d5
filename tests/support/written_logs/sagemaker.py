"""Rows as SageMaker's data capture, by the developer guide."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.served_rows import FEATURES, PREDICTION, ServedRows
from tests.support.written_logs.writing import Writer, instances, predictions, values_of, write_lines


def csv_text(features: list[dict[str, Any]]) -> str:
    """Return rows as CSV without a header; what is missing is an empty cell."""
    lines = (",".join("" if row[name] is None else str(row[name]) for name in FEATURES) for row in features)
    return "\n".join(lines) + "\n"


def capture(where: str, text: str, encoding: str, content_type: str) -> dict[str, Any]:
    """Return one side of what SageMaker captures."""
    data = base64.b64encode(text.encode()).decode() if encoding == "BASE64" else text
    return {"observedContentType": content_type, "mode": where, "data": data, "encoding": encoding}


def _sagemaker(
    folder: Path, rows: ServedRows, at_once: int, encoding: str, texts: Callable[[Any, Any], tuple[str, str]], kind: str
) -> Path:
    def record(number: int, features: Any, answers: Any, time: Any) -> dict[str, Any]:
        request, answer = texts(features, answers)
        return {
            "captureData": {
                "endpointInput": capture("INPUT", request, encoding, kind),
                "endpointOutput": capture("OUTPUT", answer, encoding, f"{kind}; charset=utf-8"),
            },
            "eventMetadata": {"eventId": f"event-{number}", "inferenceTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"},
            "eventVersion": "0",
        }

    every = [(number, *batch) for number, batch in enumerate(rows.batches(at_once))]
    half = len(every) // 2
    base = folder / "endpoint" / "AllTraffic" / "2026" / "03" / "01"
    write_lines(base / "00" / "00-12-345-a.jsonl", (record(*one) for one in every[:half]))
    write_lines(base / "01" / "00-12-345-b.jsonl", (record(*one) for one in every[half:]))
    return folder


def _as_csv(features: Any, answers: Any) -> tuple[str, str]:
    return csv_text(features), "\n".join(map(str, answers)) + "\n"


def _on_one_line(features: Any, answers: Any) -> tuple[str, str]:
    return csv_text(features), ",".join(map(str, answers))


def _as_instances(features: Any, answers: Any) -> tuple[str, str]:
    return json.dumps(instances(features)), json.dumps(predictions(answers))


def _as_json_lines(features: Any, answers: Any) -> tuple[str, str]:
    request = "\n".join(json.dumps({"features": values}) for values in values_of(features))
    return request, "\n".join(json.dumps({PREDICTION: answer, "model": "b"}) for answer in answers)


SAGEMAKER: dict[str, Writer] = {
    "csv": lambda folder, rows: _sagemaker(folder, rows, 1, "CSV", _as_csv, "text/csv"),
    "csv, 7 rows": lambda folder, rows: _sagemaker(folder, rows, 7, "CSV", _as_csv, "text/csv"),
    "answers on one line": lambda folder, rows: _sagemaker(folder, rows, 7, "CSV", _on_one_line, "text/csv"),
    "csv in base64": lambda folder, rows: _sagemaker(folder, rows, 1, "BASE64", _as_csv, "text/csv"),
    "json": lambda folder, rows: _sagemaker(folder, rows, 3, "JSON", _as_instances, "application/json"),
    "json lines": lambda folder, rows: _sagemaker(folder, rows, 3, "JSON", _as_json_lines, "application/jsonlines"),
    "json in base64": lambda folder, rows: _sagemaker(folder, rows, 1, "BASE64", _as_instances, "application/json"),
}

"""Rows as the log of each serving system, by the documented forms; `WRITERS` has every form that is read.

A writer takes an empty folder and rows, and returns the source to read. Where there are several ways to write a form,
there are several writers.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.served_rows import FEATURES, PREDICTION, ServedRows

Writer = Callable[[Path, ServedRows], Path]


def write_lines(path: Path, records: Iterator[Any]) -> Path:
    """Write JSON, an object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    return path


def json_lines(folder: Path, rows: ServedRows) -> Path:
    """Write an object a row, with the prediction among its values."""
    pairs = zip(rows.features, rows.predictions, strict=True)
    return write_lines(folder / "rows.jsonl", ({**row, PREDICTION: answer} for row, answer in pairs))


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
    values = [[row[name] for name in FEATURES] for row in features]
    return json.dumps({"instances": values}), json.dumps({"predictions": answers})


def _as_json_lines(features: Any, answers: Any) -> tuple[str, str]:
    request = "\n".join(json.dumps({"features": [row[name] for name in FEATURES]}) for row in features)
    return request, "\n".join(json.dumps({PREDICTION: answer, "model": "b"}) for answer in answers)


WRITERS: dict[str, dict[str, Writer]] = {
    "json-lines": {"": json_lines},
    "sagemaker": {
        "csv": lambda folder, rows: _sagemaker(folder, rows, 1, "CSV", _as_csv, "text/csv"),
        "csv, 7 rows": lambda folder, rows: _sagemaker(folder, rows, 7, "CSV", _as_csv, "text/csv"),
        "answers on one line": lambda folder, rows: _sagemaker(folder, rows, 7, "CSV", _on_one_line, "text/csv"),
        "csv in base64": lambda folder, rows: _sagemaker(folder, rows, 1, "BASE64", _as_csv, "text/csv"),
        "json": lambda folder, rows: _sagemaker(folder, rows, 3, "JSON", _as_instances, "application/json"),
        "json lines": lambda folder, rows: _sagemaker(folder, rows, 3, "JSON", _as_json_lines, "application/jsonlines"),
        "json in base64": lambda folder, rows: _sagemaker(folder, rows, 1, "BASE64", _as_instances, "application/json"),
    },
}
"""By form and way of writing it."""

"""What the writers of logs share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.support.served_rows import FEATURES, NUMBERS, PREDICTION, ServedRows

Writer = Callable[[Path, ServedRows], Path]
Row = dict[str, Any]


def write_lines(path: Path, records: Iterable[Any]) -> Path:
    """Write JSON, an object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    return path


def values_of(features: list[Row]) -> list[list[Any]]:
    """Return rows as arrays, in the order of the profile."""
    return [[row[name] for name in FEATURES] for row in features]


def instances(features: list[Row]) -> Row:
    """Return a request of V1."""
    return {"instances": values_of(features)}


def predictions(answers: list[float]) -> Row:
    """Return an answer of V1."""
    return {"predictions": answers}


def v2_request(features: list[Row]) -> Row:
    """Return a request of V2 with a tensor a feature, as MLServer's codec of pandas has it."""
    tensors = []
    for name in FEATURES:
        values = [row[name] for row in features]
        numeric = name in NUMBERS
        values = [float("nan") if numeric and value is None else value for value in values]
        kind = "FP64" if numeric else "BYTES"
        tensors.append({"name": name, "shape": [len(values), 1], "datatype": kind, "data": values})
    return {"id": "1", "inputs": tensors}


def v2_answer(answers: list[float]) -> Row:
    """Return an answer of V2."""
    tensor = {"name": PREDICTION, "shape": [len(answers)], "datatype": "FP64", "data": answers}
    return {"model_name": "flights", "id": "1", "outputs": [tensor]}

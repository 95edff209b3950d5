"""The rows of a request, and their predictions, in every form of body that docs/doors.md names."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.support.served_rows import FEATURES, PREDICTION
from tests.support.written_logs.writing import Row, instances, predictions, v2_answer, v2_request, values_of

Headers = dict[str, str]
JSON_TYPE = {"content-type": "application/json"}


@dataclass(frozen=True)
class Form:
    """How requests and answers are written: their bodies, and the headers of the request."""

    request: Callable[[list[Row]], tuple[bytes, Headers]]
    answer: Callable[[list[float]], bytes]


def as_json(content: Any) -> bytes:
    """Write JSON as Python does, NaN included."""
    return json.dumps(content).encode()


def binary(content: Row, key: str) -> tuple[bytes, Headers]:
    """Move the values of a V2 body behind its JSON, little-endian; None among texts is the word `None`."""
    tail, tensors = b"", []
    for tensor in content[key]:
        values = tensor["data"]
        if tensor["datatype"] == "BYTES":
            texts = [str(value).encode() for value in values]
            raw = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
        else:
            raw = np.array(values, "<f8").tobytes()
        described = {name: value for name, value in tensor.items() if name != "data"}
        tensors.append({**described, "parameters": {"binary_data_size": len(raw)}})
        tail += raw
    head = as_json({**content, key: tensors})
    return head + tail, {"inference-header-content-length": str(len(head))}


def one_tensor(features: list[Row]) -> Row:
    """Return a V2 request of a single tensor of texts, of shape [rows, columns]."""
    values = [str(value) for row in values_of(features) for value in row]
    shape = [len(features), len(FEATURES)]
    return {"inputs": [{"name": "input-0", "shape": shape, "datatype": "BYTES", "data": values}]}


def columns_of(features: list[Row]) -> dict[str, list[Any]]:
    """Return rows as columns."""
    return {name: [row[name] for row in features] for name in FEATURES}


def with_predictions(features: Sequence[Row], answers: Sequence[float]) -> list[Row]:
    """Return rows that have their prediction."""
    return [{**row, PREDICTION: answer} for row, answer in zip(features, answers, strict=True)]


def v2_with_predictions(features: list[Row], answers: list[float]) -> Row:
    """Return a V2 request one of whose tensors is the prediction."""
    request = v2_request(features)
    return {**request, "inputs": [*request["inputs"], *v2_answer(answers)["outputs"]]}


def _plain(request: Callable[[list[Row]], Any], answer: Callable[[list[float]], Any]) -> Form:
    return Form(lambda features: (as_json(request(features)), JSON_TYPE), lambda answers: as_json(answer(answers)))


def _split(features: list[Row]) -> Row:
    return {"dataframe_split": {"columns": list(FEATURES), "data": values_of(features)}}


def _seldon(features: list[Row]) -> Row:
    return {"data": {"names": list(FEATURES), "ndarray": values_of(features)}, "meta": {}}


def _seldon_answer(answers: list[float]) -> Row:
    return {"data": {"names": [], "tensor": {"shape": [len(answers), 1], "values": answers}}, "meta": {}}


def _v2_binary(features: list[Row]) -> tuple[bytes, Headers]:
    return binary(v2_request(features), "inputs")


def _v2_binary_answer(answers: list[float]) -> bytes:
    return binary(v2_answer(answers), "outputs")[0]


V1 = _plain(instances, predictions)
V2 = _plain(v2_request, v2_answer)
V2_BINARY = Form(_v2_binary, _v2_binary_answer)
SELDON = _plain(_seldon, _seldon_answer)
FORMS: dict[str, Form] = {
    "V1 arrays": V1,
    "V1 objects": _plain(lambda rows: {"instances": rows}, lambda scores: {"predictions": [[one] for one in scores]}),
    "V1 columns": _plain(lambda rows: {"inputs": columns_of(rows)}, lambda scores: {"outputs": scores}),
    "rows": _plain(lambda rows: rows, lambda scores: [{PREDICTION: one, "model": "b"} for one in scores]),
    "arrays": _plain(values_of, lambda scores: scores),
    "MLflow split": _plain(_split, predictions),
    "MLflow records": _plain(lambda rows: {"dataframe_records": rows}, predictions),
    "Seldon": SELDON,
    "Seldon jsonData": _plain(lambda rows: {"jsonData": rows}, _seldon_answer),
    "V2": V2,
    "V2 one tensor": _plain(one_tensor, v2_answer),
    "V2 binary": V2_BINARY,
    "V2 binary without its length": Form(lambda rows: (_v2_binary(rows)[0], {}), _v2_binary_answer),
    "V2 gzip": Form(
        lambda rows: (gzip.compress(_v2_binary(rows)[0], 1), {**_v2_binary(rows)[1], "content-encoding": "gzip"}),
        _v2_binary_answer,
    ),
    "V2 deflate": Form(
        lambda rows: (zlib.compress(as_json(v2_request(rows))), {"content-encoding": "deflate"}),
        lambda scores: as_json(v2_answer(scores)),
    ),
}

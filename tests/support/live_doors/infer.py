"""Requests of V2 to the metric server itself, with the prediction as one of the tensors."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import httpx

from tests.support.live_doors.bodies import (
    Headers,
    as_json,
    binary,
    v2_with_predictions,
    with_predictions,
)
from tests.support.live_doors.door import AT_ONCE, MODEL, Counting, Door
from tests.support.served_rows import ServedRows
from tests.support.written_logs.writing import Row

Write = Callable[[list[Row], list[float]], tuple[bytes, Headers]]
V2_REQUESTS = "anything that speaks V2"


def _infer(write: Write) -> Door:
    def send(server: Counting, rows: ServedRows) -> None:
        with httpx.Client(timeout=30) as client:
            for features, answers, _ in rows.batches(AT_ONCE):
                body, headers = write(features, answers)
                answer = client.post(f"{server.url}/v2/models/{MODEL}/infer", content=body, headers=headers)
                assert answer.json()["outputs"][0]["data"] == [len(features)], answer.text

    return Door(send, (V2_REQUESTS,))


def _binary(features: list[Row], answers: list[float]) -> tuple[bytes, Headers]:
    return binary(v2_with_predictions(features, answers), "inputs")


def _in_gzip(features: list[Row], answers: list[float]) -> tuple[bytes, Headers]:
    body, headers = _binary(features, answers)
    return gzip.compress(body, 1), {**headers, "content-encoding": "gzip"}


def _in_deflate(features: list[Row], answers: list[float]) -> tuple[bytes, Headers]:
    return zlib.compress(as_json(v2_with_predictions(features, answers))), {"content-encoding": "deflate"}


INFER: dict[str, Door] = {
    "infer, JSON": _infer(lambda *rows: (as_json(v2_with_predictions(*rows)), {})),
    "infer, binary": _infer(_binary),
    "infer, binary without its length": _infer(lambda *rows: (_binary(*rows)[0], {})),
    "infer, gzip": _infer(_in_gzip),
    "infer, deflate": _infer(_in_deflate),
    "infer, V1": _infer(lambda *rows: (as_json({"instances": with_predictions(*rows)}), {})),
}

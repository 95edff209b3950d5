"""Clients of V2 as their makers ship them: tritonclient and KServe's, over HTTP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np

from driftmeter.integrations.watch import RouteWatch
from driftmeter.payloads.body import read_request
from tests.integrations.serving import Answer, serve
from tests.support.live_doors.bodies import as_json, binary, columns_of
from tests.support.live_doors.door import AT_ONCE, MODEL, Counting, Door
from tests.support.live_doors.infer import V2_REQUESTS
from tests.support.live_doors.middleware import ASGI, all_read
from tests.support.served_rows import NUMBERS, PREDICTION, ServedRows, lateness, served_profile
from tests.support.written_logs.writing import Row, v2_answer

Ask = Callable[[str, list[Row], list[float] | None], list[float] | None]
"""Asks a server at a URL, with predictions among the tensors if there are any; returns the predictions that it gave."""


def arrays_of(features: list[Row], answers: list[float] | None) -> Iterator[tuple[str, str, Any]]:
    """Yield name, datatype and values of each tensor."""
    for name, values in columns_of(features).items():
        numeric = name in NUMBERS
        yield name, "FP64" if numeric else "BYTES", np.array(values, "f8" if numeric else object)
    if answers is not None:
        yield PREDICTION, "FP64", np.array(answers)


@contextmanager
def _model_server(server: Counting, *, binary_answers: bool) -> Iterator[str]:
    """Serve a model behind the ASGI middleware; yield its address."""

    def model(path: str, body: bytes) -> Answer:
        delays = read_request(body).named(None)["dep_delay"]
        missing = [delay is None or math.isnan(delay) for delay in delays]  # type: ignore[union-attr]
        late = [lateness(None if gone else delay) for gone, delay in zip(missing, delays, strict=True)]  # type: ignore[arg-type]
        answer = v2_answer(late)
        if not binary_answers:
            return Answer([as_json(answer)])
        content, headers = binary(answer, "outputs")
        return Answer([content], headers={"content-type": "application/octet-stream", **headers})

    with server.monitor(profile=served_profile()) as monitor:
        watch = RouteWatch(monitor, ["/v2/models/{name}/infer"])
        with serve("asgi", model, watch) as url:
            yield url
            all_read(watch, watch.stats()["requests"])


def _triton(url: str, features: list[Row], answers: list[float] | None, *, raw: bool, packed: str | None) -> Any:
    from tritonclient import http

    inputs = []
    for name, datatype, values in arrays_of(features, answers):
        tensor = http.InferInput(name, [len(values), 1], datatype)
        tensor.set_data_from_numpy(values.reshape(-1, 1), binary_data=raw)
        inputs.append(tensor)
    with http.InferenceServerClient(url.removeprefix("http://")) as client:
        result = client.infer(MODEL, inputs, request_compression_algorithm=packed)
        return result.as_numpy(PREDICTION if answers is None else "accepted").tolist()


def ask_by_kserve(url: str, features: list[Row], answers: list[float] | None, *, raw: bool) -> Any:
    """Ask by KServe's client, which must have a process to itself: what it registers, tritonclient registers too."""
    from kserve import InferenceRESTClient, InferInput, InferRequest
    from kserve.inference_client import RESTConfig

    inputs = []
    for name, datatype, values in arrays_of(features, answers):
        tensor = InferInput(name, [len(values)], datatype)
        tensor.set_data_from_numpy(values, binary_data=raw)
        inputs.append(tensor)

    async def ask() -> Any:
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        async with client:
            return await client.infer(url, InferRequest(MODEL, inputs), MODEL)

    wanted = PREDICTION if answers is None else "accepted"
    [output] = [one for one in asyncio.run(ask()).outputs if one.name == wanted]
    return output.as_numpy().tolist()


@cache
def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"))


def _kserve(*call: Any, raw: bool) -> Any:
    return _process().submit(ask_by_kserve, *call, raw=raw).result(120)


def _client(needs: str, ask: Ask, *, binary_answers: bool) -> Iterator[tuple[str, Door]]:
    """Yield a door by the middleware of a model server, and one by the metric server's own address."""

    def to_model(server: Counting, rows: ServedRows) -> None:
        with _model_server(server, binary_answers=binary_answers) as url:
            for features, answers, _ in rows.batches(AT_ONCE):
                assert ask(url, features, None) == answers

    def to_us(server: Counting, rows: ServedRows) -> None:
        for features, answers, _ in rows.batches(AT_ONCE):
            assert ask(server.url, features, answers) == [len(features)]

    yield "the middleware", Door(to_model, ASGI, needs)
    yield "infer", Door(to_us, (V2_REQUESTS,), needs)


_ASKS: dict[str, tuple[str, Ask]] = {
    **{
        f"tritonclient, {name}": ("tritonclient", lambda *call, how=how: _triton(*call, **how))
        for name, how in {
            "JSON": {"raw": False, "packed": None},
            "JSON in gzip": {"raw": False, "packed": "gzip"},
            "binary": {"raw": True, "packed": None},
            "binary in gzip": {"raw": True, "packed": "gzip"},
            "binary in deflate": {"raw": True, "packed": "deflate"},
        }.items()
    },
    "KServe's client, JSON": ("kserve", lambda *call: _kserve(*call, raw=False)),
    "KServe's client, binary": ("kserve", lambda *call: _kserve(*call, raw=True)),
}
CLIENTS: dict[str, Door] = {
    f"{name} to {where}": door
    for name, (needs, ask) in _ASKS.items()
    for where, door in _client(needs, ask, binary_answers="binary" in name)
}

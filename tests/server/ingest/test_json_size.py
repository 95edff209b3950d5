"""JSON that unfolds to more than its bytes say is refused before it is decoded."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from driftmeter.server.ingest.json_size import MOST_CONTAINERS, check_containers
from driftmeter.server.options import Settings
from driftmeter.server.problems import TooLargeError
from driftmeter.store.sqlite.store import SQLiteStore
from tests.server.harness import Client, running
from tests.server.samples import problem_of

MANY = MOST_CONTAINERS + 10
ROWS = b"[" + b",".join([b"[1]"] * MANY) + b"]"
BODIES = {
    "arrays": b'{"instances": ' + ROWS + b"}",
    "objects": b'{"instances": [' + b",".join([b"{}"] * MANY) + b"]}",
}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    store = SQLiteStore(None)
    engine = Engine(store)
    engine.register(Profile.fit(pl.DataFrame({"x": np.arange(50.0)}), model="one"))
    with running(engine, Settings()) as client:
        yield client
    store.close()


EVENT = {"ce-specversion": "1.0", "ce-type": "a.request", "ce-id": "1", "ce-source": "s"}
STRUCTURED = b'{"specversion": "1.0", "type": "a.request", "id": "1", "data": {"instances": ' + ROWS + b"}}"
REQUESTS = {
    "infer": ("/v2/models/one/infer", BODIES["arrays"], {}),
    "infer, objects": ("/v2/models/one/infer", BODIES["objects"], {}),
    "infer, gzip": ("/v2/models/one/infer", gzip.compress(BODIES["arrays"], 1), {}),
    "an event": ("/v1/models/one/events", BODIES["arrays"], EVENT),
    "an event, gzip": ("/v1/models/one/events", gzip.compress(BODIES["arrays"], 1), EVENT),
    "a structured event": ("/v1/models/one/events", STRUCTURED, {}),
    "rows": ("/v1/models/one/rows", b'{"rows": ' + ROWS + b"}", {"content-type": "application/json"}),
}


@pytest.mark.parametrize("door", REQUESTS)
def test_it_is_refused_with_413_before_it_takes_memory(door: str, client: Client) -> None:
    path, body, headers = REQUESTS[door]
    tracemalloc.start()
    answer = client.post(path, content=body, headers=headers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    problem = problem_of(answer, 413, "too_large")
    assert "at most 1,000,000 arrays and objects of JSON: fewer rows at once, or columns" in str(problem)
    assert peak < 40_000_000  # copies of the body itself, of 4 MB; decoded it would be 100 MB


def test_bytes_of_tensors_are_no_json() -> None:
    head = b'{"inputs": []}'
    tail = b"\0" + b"[" * (2 * MANY)
    check_containers(head + tail)
    check_containers(head + tail[1:], len(head))
    with pytest.raises(TooLargeError):
        check_containers(head + tail[1:])


def test_as_many_rows_as_are_allowed_count(client: Client) -> None:
    rows = 200_000
    body = json.dumps({"instances": [[1.0]] * rows}).encode()
    answer = client.post("/v2/models/one/infer", content=body)
    assert answer.json()["outputs"][0]["data"] == [rows]

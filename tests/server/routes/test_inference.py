"""Requests of the Open Inference Protocol V2 to a metric server, as real clients send them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.engine.engine import Engine
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from tests.payloads.messages import message
from tests.server.harness import NOW, Client
from tests.server.samples import problem_of
from tests.support.clocks import SetClock

COLUMNS: dict[str, list[Any]] = {
    "x": [float(number % 50) for number in range(400)],
    "s": [["aé", "b", "3"][number % 3] for number in range(400)],
}


@pytest.fixture
def engine(engine: Engine) -> Engine:
    engine.register(Profile.fit(pl.DataFrame(COLUMNS), model="named"))
    three = dict.fromkeys(("a", "b", "c"), COLUMNS["x"])
    engine.register(Profile.fit(pl.DataFrame(three), model="three"))
    return engine


def infer(client: Client, model: str, name: str) -> httpx.Response:
    headers, body = message(name)
    kept = {
        key: value for key, value in headers.items() if key in ("content-encoding", "inference-header-content-length")
    }
    return client.post(f"/v2/models/{model}/infer", headers=kept, content=body)


def counted(client: Client, clock: SetClock, model: str) -> Summary:
    engine = client.engine
    for _ in range(6):
        clock.now += 500
        engine.advance(model)
    record = engine.store.model(model)
    bins = engine.compiled(model).profile.bins
    slices = engine.store.recent(model, record.digest, record.frozen, WindowSetting(10**12, 0))
    return Summary.sum((part.summary for part in slices), bins)


def expected(client: Client, rows: list[dict[str, Any]], model: str) -> Summary:
    compiled = client.engine.compiled(model)
    summary: Summary = compiled.binner.observe(compiled.reader.read_records(rows)[0])
    return summary


def told(response: httpx.Response) -> dict[str, int]:
    assert response.status_code == 200, response.text
    return {output["name"]: output["data"][0] for output in response.json()["outputs"]}


@pytest.mark.parametrize("name", ["binary-nan", "deflate", "gzip", "json-gzip", "json-nan"])
def test_a_wide_tensor_of_tritonclient_is_a_row_however_it_is_sent(client: Client, clock: SetClock, name: str) -> None:
    response = infer(client, "three", f"tritonclient-2.73.0-v2-{name}")
    assert told(response) == {"accepted": 1, "rejected_rows": 0, "late": 0}
    assert counted(client, clock, "three") == expected(client, [{"a": 1.0, "b": None, "c": 3.0}], "three")


@pytest.mark.parametrize("name", ["binary", "mixed"])
def test_named_tensors_of_kserve_are_columns(client: Client, clock: SetClock, name: str) -> None:
    assert told(infer(client, "named", f"kserve-0.21.0-client-v2-{name}"))["accepted"] == 3
    rows: list[dict[str, Any]] = [{"x": 1.0, "s": "aé"}, {"x": None, "s": ""}, {"x": 3.0, "s": None}]
    assert counted(client, clock, "named") == expected(client, rows, "named")


def test_the_answer_is_one_of_the_protocol(client: Client) -> None:
    response = infer(client, "three", "tritonclient-2.73.0-v2-json-nan")
    digest = client.engine.store.model("three").digest
    assert response.json() == {
        "model_name": "three",
        "model_version": digest[:8],
        "id": "id1",
        "outputs": [
            {"name": name, "shape": [1], "datatype": "INT64", "data": [number]}
            for name, number in (("accepted", 1), ("rejected_rows", 0), ("late", 0))
        ],
    }


def test_any_version_is_counted_by_the_newest_profile(client: Client, clock: SetClock) -> None:
    _, body = message("tritonclient-2.73.0-v2-versioned-path")
    assert told(client.post("/v2/models/named/versions/3/infer", content=body))["accepted"] == 1
    assert counted(client, clock, "named") == expected(client, [{"x": 1}], "named")


def test_a_tensor_of_times_is_when_the_rows_happened(client: Client, clock: SetClock) -> None:
    tensors = [
        {"name": "x", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]},
        {"name": "timestamp", "shape": [2], "datatype": "FP64", "data": [NOW / 1000 + 0.5, NOW / 1000 + 120]},
    ]
    response = client.post("/v2/models/named/infer", content=json.dumps({"inputs": tensors}))
    assert told(response) == {"accepted": 1, "rejected_rows": 1, "late": 0}
    assert client.metric("driftmeter_rows_dropped_total") == {'{model="named",reason="future"}': 1}
    assert counted(client, clock, "named") == expected(client, [{"x": 1.0}], "named")


def test_large_binary_requests_count_like_small_ones(client: Client, clock: SetClock) -> None:
    x = np.arange(50_000) % 50 + 0.5
    head = json.dumps(
        {"inputs": [{"name": "x", "shape": [len(x)], "datatype": "FP64", "parameters": {"binary_data_size": x.nbytes}}]}
    ).encode()
    response = client.post(
        "/v2/models/named/infer",
        headers={"Inference-Header-Content-Length": str(len(head))},
        content=head + x.tobytes(),
    )
    assert told(response)["accepted"] == 50_000
    assert counted(client, clock, "named") == expected(client, [{"x": value} for value in x.tolist()], "named")


def test_a_width_or_names_that_do_not_fit_are_refused_with_what_was_expected(client: Client) -> None:
    problem = problem_of(infer(client, "named", "tritonclient-2.73.0-v2-json-nan"), 400, "unreadable")
    assert (problem["expected"], problem["got"]) == ("2 values a row (x, s)", "3")
    problem = problem_of(infer(client, "three", "kserve-0.21.0-client-v2-binary"), 400, "unreadable")
    assert (problem["expected"], problem["got"]) == ("some of the columns a, b, c", "x, s")
    problem_of(infer(client, "nope", "kserve-0.21.0-client-v2-binary"), 404, "unknown_model")


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ({"Content-Encoding": "br"}, 415, "unsupported_type"),
        ({"Inference-Header-Content-Length": "x"}, 400, "unreadable"),
        ({"Inference-Header-Content-Length": "1000"}, 400, "unreadable"),
    ],
)
def test_headers_that_cannot_be_are_refused(client: Client, headers: dict[str, str], status: int, slug: str) -> None:
    _, body = message("tritonclient-2.73.0-v2-json-nan")
    problem_of(client.post("/v2/models/three/infer", headers=headers, content=body), status, slug)


def test_a_model_is_described_by_the_columns_that_its_profile_watches(client: Client) -> None:
    described = client.get("/v2/models/named").json()
    assert described["inputs"] == [
        {"name": "x", "datatype": "FP64", "shape": [-1]},
        {"name": "s", "datatype": "BYTES", "shape": [-1]},
    ]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    problem_of(client.get("/v2/models/nope"), 404, "unknown_model")


@pytest.mark.parametrize("body", ['{"inputs": []}', '{"instances": []}', "[]"])
def test_an_empty_batch_is_no_rows_in_every_form(client: Client, body: str) -> None:
    response = client.post("/v2/models/three/infer", content=body)
    assert response.status_code == 200, response.text
    assert [output["data"] for output in response.json()["outputs"]] == [[0], [0], [0]]


@pytest.fixture
def scored(engine: Engine) -> str:
    engine.register(Profile.fit(pl.DataFrame({**COLUMNS, "p": COLUMNS["x"]}), model="scored", prediction="p"))
    return "scored"


def two_classes(query: str, client: Client, model: str) -> httpx.Response:
    inputs = [
        {"name": "x", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]},
        {"name": "p", "shape": [2, 2], "datatype": "FP64", "data": [7.0, 8.0, 9.0, 10.0]},
    ]
    return client.post(f"/v2/models/{model}/infer{query}", json={"inputs": inputs})


@pytest.mark.parametrize("of_class", ["1", "p[1]"])
def test_of_a_prediction_of_several_classes_one_counts(
    of_class: str, client: Client, clock: SetClock, scored: str
) -> None:
    assert two_classes(f"?of_class={of_class}", client, scored).status_code == 200
    rows = [{"x": 1.0, "p": 8.0}, {"x": 2.0, "p": 10.0}]
    assert counted(client, clock, scored) == expected(client, rows, scored)


@pytest.mark.parametrize("query", ["", "?of_class=2", "?of_class=yes"])
def test_a_prediction_of_several_classes_without_one_of_them_is_refused(
    query: str, client: Client, scored: str
) -> None:
    problem = problem_of(two_classes(query, client, scored), 400, "unreadable")
    assert "(?of_class=1 in the address)" in problem["expected"]
    assert problem["got"] == "x, p[0], p[1]" + (f", of_class {query[10:]}" if query else "")

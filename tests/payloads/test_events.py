from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.payloads.events import PayloadEvent, events_of
from driftmeter.payloads.status import is_status

BODY = {"instances": [[1.5, "Ulm"]]}
KSERVE = "org.kubeflow.serving.inference"
BINARY = {
    "Ce-Specversion": "1.0",
    "Ce-Id": "7",
    "Ce-Source": "http://localhost:9081/",
    "Ce-Type": f"{KSERVE}.request",
    "Ce-Time": "2026-11-27T11:07:07.37105825Z",
    "Ce-Inferenceservicename": "credit",
}


def event_of(headers: dict[str, str], body: bytes = json.dumps(BODY).encode()) -> PayloadEvent:
    (event,) = events_of(headers, body)
    return event


def structured(**changes: Any) -> dict[str, Any]:
    attributes = {name[3:].lower(): value for name, value in BINARY.items()}
    return {**attributes, "datacontenttype": "application/json; charset=utf-8", "data": BODY, **changes}


def essence(event: PayloadEvent) -> tuple[Any, ...]:
    table = event.table()
    return event.side, event.key, event.time, event.names, None if table is None else table.columns


@pytest.mark.parametrize("content_type", [None, "application/cloudevents+json; charset=UTF-8", "text/plain"])
@pytest.mark.parametrize(
    "content",
    [
        structured(),
        structured(specversion="0.3"),
        structured(data=json.dumps(BODY)),
        structured(data=base64.b64encode(json.dumps(BODY).encode()).decode(), datacontentencoding="base64"),
        {**structured(), "data": None, "data_base64": base64.b64encode(json.dumps(BODY).encode()).decode()},
        {
            **structured(),
            "data": None,
            "data_base64": base64.b64encode(gzip.compress(json.dumps(BODY).encode())).decode(),
        },
    ],
)
def test_all_modes_say_the_same(content: dict[str, Any], content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    binary = essence(event_of(BINARY))
    assert essence(event_of(headers, json.dumps(content).encode())) == binary
    assert essence(event_of(headers, gzip.compress(json.dumps(content).encode()))) == binary
    assert [essence(event) for event in events_of(headers, json.dumps([content] * 2).encode())] == [binary] * 2


@pytest.mark.parametrize(
    ("kind", "side"),
    [
        (f"{KSERVE}.request", "request"),
        (f"{KSERVE}.response", "answer"),
        ("io.kserve.inference.response", "answer"),
        ("io.seldon.serving.inference.request", "request"),
        ("request", "request"),
        ("response", "answer"),
        (None, "request"),
    ],
)
def test_the_end_of_the_type_says_the_side_or_else_the_body_does(kind: str | None, side: str) -> None:
    headers = {name: value for name, value in BINARY.items() if name != "Ce-Type"}
    event = event_of(headers if kind is None else {**headers, "Ce-Type": kind})
    assert (event.side, event.fault) == (side, None)
    answer = event_of({"Ce-Id": "7"}, b'{"predictions": [0.5]}')
    assert (answer.side, answer.table().columns) == ("answer", ([0.5],))  # type: ignore[union-attr]


def test_another_type_is_told_and_not_read() -> None:
    event = event_of({**BINARY, "Ce-Type": "io.seldon.serving.feedback"})
    with pytest.raises(InputError, match=r"ce-type: expected a type that ends in \.request or \.response"):
        event.table()


def test_seldon_joins_by_the_request_id_and_names_deployment_and_node() -> None:
    headers = {"Ce-Id": "1", "Ce-Requestid": "r", "Ce-Type": "io.seldon.serving.inference.response"}
    names = {"Ce-Modelid": "classifier", "Ce-Inferenceservicename": "credit", "Ce-Endpoint": "default"}
    event = event_of({**headers, **names}, b'{"data": {"names": ["y"], "ndarray": [[0.5]]}}')
    assert (event.key, event.names) == ("r", ("credit", "classifier"))


def test_old_headers_have_quotes_and_others_percent_signs() -> None:
    event = event_of({"CE-Type": f'"{KSERVE}.request"', "CE-InferenceService": '"credit"', "ce-id": "a%20b"})
    assert (event.names, event.key, event.fault) == (("credit",), "a b", None)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-27T11:07:07.37105825Z", 1_795_777_627_371),
        ("2026-11-27T11:07:07.371058251+01:00", 1_795_774_027_371),
        ("2026-11-27T11:07:07Z", 1_795_777_627_000),
        (None, None),
        ("", None),
    ],
)
def test_times_have_any_number_of_decimals_or_are_not_there(time: str | None, expected: int | None) -> None:
    headers = {name: value for name, value in BINARY.items() if name != "Ce-Time"}
    assert event_of(headers if time is None else {**headers, "Ce-Time": time}).time == expected


def test_a_time_that_cannot_be_read_is_a_fault() -> None:
    event = event_of({**BINARY, "Ce-Time": "yesterday"})
    assert event.fault is not None
    assert event.fault.field == "ce-time"


def test_the_length_of_the_json_is_found_in_what_the_agent_kept() -> None:
    for metadata in ('{"Inference-Header-Content-Length":["91"]}', '{"inference-header-content-length":"91"}'):
        assert event_of({**BINARY, "Ce-Metadata": metadata}).json_length == 91
    for metadata in ("{}", "[]", "no JSON", '{"Inference-Header-Content-Length":[]}', '{"X":["91"]}'):
        assert event_of({**BINARY, "Ce-Metadata": metadata}).json_length is None
    assert event_of({**BINARY, "Inference-Header-Content-Length": "4"}).json_length == 4


def test_only_the_same_event_has_the_same_identity() -> None:
    one = event_of(BINARY)
    assert event_of(dict(BINARY)).identity == one.identity
    others = [
        event_of({**BINARY, "Ce-Type": f"{KSERVE}.response"}),
        event_of({**BINARY, "Ce-Time": "2026-11-27T11:07:08Z"}),
        event_of({**BINARY, "Ce-Source": "x"}),
        event_of(BINARY, b'{"instances": [[2.5, "Ulm"]]}'),
    ]
    assert len({one.identity, *(other.identity for other in others)}) == 5
    assert event_of({"Ce-Type": f"{KSERVE}.request"}).identity is None


def test_one_bad_event_of_a_batch_does_not_hide_the_others() -> None:
    bad: list[Any] = [3, structured(type="x"), {**structured(), "data_base64": "%"}, structured(time="x")]
    events = events_of({}, json.dumps([*bad, structured()]).encode())
    assert [event.fault is None for event in events] == [False] * 4 + [True]
    fields = [event.fault.field for event in events if event.fault]
    assert fields == ["body[0]", "ce-type", "body[2].data", "ce-time"]


@pytest.mark.parametrize("body", [b"", b"{}", b"3", b"x", b'{"instances": []}'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        events_of({"content-type": "application/json"}, body)


@pytest.mark.parametrize("body", [b"", b" \n", gzip.compress(b"", mtime=0)])
def test_a_request_without_a_body_is_no_row(body: bytes) -> None:
    assert event_of(BINARY, body).table() is None
    assert event_of({}, json.dumps({**structured(), "data": None}).encode()).table() is None


STATUS = [
    {"ready": True},
    {"live": True},
    {"name": "credit", "ready": "True"},
    {"status": "alive"},
    {
        "name": "credit",
        "versions": ["1"],
        "platform": "sklearn",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}],
    },
    {"name": "triton", "version": "2", "extensions": ["binary_tensor_data"]},
    {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]},
]


@pytest.mark.parametrize("content", STATUS)
def test_answers_about_the_server_are_no_rows(content: dict[str, Any]) -> None:
    assert event_of({**BINARY, "Ce-Type": "response"}, json.dumps(content).encode()).table() is None
    assert event_of({}, json.dumps(structured(type="response", data=content)).encode()).table() is None


@pytest.mark.parametrize(
    "content", [{"ready": 0.5}, {"status": "denied"}, {"live": True, "y": 1}, [True], {"y": "ready"}]
)
def test_answers_that_only_look_like_it_are_rows(content: Any) -> None:
    assert not is_status(content)
    assert not is_status(json.dumps(content).encode())

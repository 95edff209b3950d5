"""What the clients and servers of real systems put on the wire, read as columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from driftmeter.payloads.body import read_answer, read_request
from driftmeter.payloads.events import events_of
from tests.payloads.messages import REAL, json_length, message

NAN = "nan"
REQUESTS = {
    "kserve-0.21.0-client-v2-binary-bytes-None": {"s": ["a", None]},
    "kserve-0.21.0-client-v2-binary": {"x": [1.0, NAN, 3.0], "s": ["aé", "", None]},
    "kserve-0.21.0-client-v2-json-bytes-None": {"s": ["a", None]},
    "kserve-0.21.0-client-v2-json-nan": {"x": [1.0, None, 3.0]},
    "kserve-0.21.0-client-v2-mixed": {"x": [1.0, None, 3.0], "s": ["aé", "", None]},
    "mlserver-1.7.1-client-pandas-codec": {"x": [1.5, None, 3.0], "s": ["a", "b", "a"], "b": [True, False, True]},
    "mlflow-3.18.0-client-Int64-null": {"I": [1, None, 3]},
    "mlflow-3.18.0-client-dataframe_split-nan": {"d": [1.5, NAN, math.inf]},
    "mlflow-3.18.0-client-datetime-NaT": {"t": ["2026-01-01T00:00:00.000001", "2026-01-02T03:04:05.678901", None]},
    "mlflow-3.18.0-client-numpy-inputs": [[1.0, 3.0], [NAN, 4.0]],
    "mlflow-3.18.0-client-string-missing-NaN": {"s": ["a", NAN, "é"]},
    "tritonclient-2.73.0-v2-binary-bytes-None": {"s": ["aé", None, "", b"\xff", "3", None]},
    "tritonclient-2.73.0-v2-binary-nan": [[1.0], [NAN], [3.0]],
    "tritonclient-2.73.0-v2-deflate": [[1.0], [NAN], [3.0]],
    "tritonclient-2.73.0-v2-gzip": [[1.0], [NAN], [3.0]],
    "tritonclient-2.73.0-v2-json-bytes-None": {"s": ["aé", None, "", "3"]},
    "tritonclient-2.73.0-v2-json-fp16": {"h": [1.5, 2.0]},
    "tritonclient-2.73.0-v2-json-gzip": [[1.0], [NAN], [3.0]],
    "tritonclient-2.73.0-v2-json-nan": [[1.0], [NAN], [3.0]],
    "tritonclient-2.73.0-v2-versioned-path": {"x": [1]},
}
ANSWERS = {
    "kserve-0.21.0-server-v2-binary-bytes-response": {"output-0": ["aé", "b"]},
    "kserve-0.21.0-server-v2-binary-response": {"output-0": [1.0, NAN, math.inf]},
    "kserve-0.21.0-server-v2-json-response": {"output-0": [1.0, None, None]},
    "mlflow-3.18.0-server-response-NaN": [[NAN]],
    "seldon-1.19.0-wrapper-response-object": {"t:0": [1], "t:1": [None], "t:2": ["x"]},
    "seldon-1.19.0-wrapper-response-strings": {"t:0": ["1"], "t:1": ["2.5"], "t:2": ["x"]},
    "seldon-1.19.0-wrapper-response-tensor-nan": {"t:0": [NAN], "t:1": [4.0]},
}
AGENT = "kserve-agent-0.20.0-ce-"
EVENTS = {
    f"{AGENT}request-gzip-labelled-json": ("request", [[1.0]]),
    f"{AGENT}request-health-empty": ("request", None),
    f"{AGENT}request-json": ("request", [[1.0]]),
    f"{AGENT}request-no-content-type": ("request", [[1.0]]),
    f"{AGENT}request-v2-binary-metadata-headers": ("request", {"x": [1.0]}),
    f"{AGENT}request-v2-binary": ("request", {"x": [1.0]}),
    f"{AGENT}request-v2-json-asks-binary": ("request", {"x": [1.0]}),
    f"{AGENT}response-binary-labelled-json": ("answer", {"y": [0.5]}),
    f"{AGENT}response-health": ("answer", None),
    f"{AGENT}response-json": ("answer", [[0.5]]),
    f"{AGENT}response-v2-binary": ("answer", {"y": [0.5]}),
    "kserve-0.21.0-server-v1-binary-ce-response": ("answer", [[0.5]]),
    "kserve-0.21.0-server-v1-structured-ce-response": ("answer", [[0.5]]),
    "kserve-0.21.0-server-v2-binary-ce-response-NaN": ("answer", {"y": [1.0, NAN, math.inf]}),
    "mlserver-1.7.1-server-v2-response": ("answer", {"y": [1.0, None, None]}),
}


def plain(table: Any) -> Any:
    """Return a table as lists, with NaN as a word, since it does not equal itself."""
    if table is None:
        return None
    columns = [column.tolist() if isinstance(column, np.ndarray) else column for column in table.columns]
    columns = [[NAN if value != value else value for value in column] for column in columns]
    assert all(len(column) == table.rows for column in columns)
    return columns if table.names is None else dict(zip(table.names, columns, strict=True))


def test_every_message_is_read() -> None:
    assert {*REQUESTS, *ANSWERS, *EVENTS} == {path.stem for path in REAL.glob("*.http")}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_columns_with_and_without_the_length_header(name: str) -> None:
    headers, body = message(name)
    assert plain(read_request(body, json_length=json_length(headers))) == REQUESTS[name]
    assert plain(read_request(body)) == REQUESTS[name]


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_columns_with_and_without_the_length_header(name: str) -> None:
    headers, body = message(name)
    assert plain(read_answer(body, json_length=json_length(headers))) == ANSWERS[name]
    assert plain(read_answer(body)) == ANSWERS[name]


@pytest.mark.parametrize("name", EVENTS)
def test_events_are_one_side_of_a_call(name: str) -> None:
    (event,) = events_of(*message(name))
    assert (event.side, plain(event.table())) == EVENTS[name]


@pytest.mark.parametrize("name", ["json", "v2-binary"])
def test_request_and_answer_of_the_agent_have_one_key_and_two_identities(name: str) -> None:
    (request,) = events_of(*message(f"{AGENT}request-{name}"))
    (answer,) = events_of(*message(f"{AGENT}response-{name}"))
    assert request.key == answer.key is not None
    assert request.identity != answer.identity
    assert request.names == answer.names == ("credit",)


def test_times_are_those_of_the_event_to_the_millisecond() -> None:
    (event,) = events_of(*message(f"{AGENT}request-json"))
    assert event.time == 1_795_777_627_371  # 2026-11-27T11:07:07.37105825Z, and not ce-recordedtime
    (event,) = events_of(*message("mlserver-1.7.1-server-v2-response"))
    assert (event.time, event.key, event.names) == (None, "q7", ("mlserver", "m"))

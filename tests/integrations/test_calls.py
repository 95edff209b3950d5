from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from driftmeter.client import Monitor
from driftmeter.errors import InputError
from driftmeter.integrations.calls import count_call, count_payloads, count_protobuf
from driftmeter.integrations.tables import predictions_in
from driftmeter.payloads.table import PayloadTable
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW, directly
from tests.client.tier import Tier
from tests.support.waiting import eventually
from tests.support.written_logs.messages import message

V2 = {
    "inputs": [
        {"name": name, "shape": [2], "datatype": datatype, "data": [ROW[name]] * 2}
        for name, datatype in {"age": "FP64", "amount": "FP64", "city": "BYTES", "member": "BOOL"}.items()
    ]
}
SCORES = {"outputs": [{"name": "output-0", "shape": [2, 1], "datatype": "FP64", "data": [0.25, 0.5]}]}


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (V2, SCORES),
        ({"instances": [list(ROW.values())] * 2}, {"predictions": [[0.25], [0.5]]}),
        ([ROW] * 2, [0.25, 0.5]),
    ],
    ids=["V2", "V1", "rows"],
)
def test_decoded_payloads_count_as_rows(
    request_: Any, answer: Any, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    count_payloads(monitor, request_, answer)
    count_payloads(monitor, request_)
    assert monitor.flush(20)
    scored = [{**ROW, "score": 0.25}, {**ROW, "score": 0.5}]
    assert tier.summary(profile) == directly(profile, [*scored, ROW, ROW])


CLASSES = {"outputs": [{"name": "p", "shape": [2, 2], "datatype": "FP64", "data": [0.75, 0.25, 0.5, 0.5]}]}


@pytest.mark.parametrize(("answer", "of_class"), [(SCORES, None), (CLASSES, 1)], ids=["a score", "two classes"])
def test_messages_of_protobuf_count_as_rows(
    answer: Any, of_class: int | None, tier: Tier, profile: Profile, monitor: Monitor
) -> None:
    count_protobuf(monitor, message(V2, "inputs"), message(answer, "outputs"), of_class)
    count_protobuf(monitor, message(V2, "inputs"))
    assert monitor.flush(20)
    scored = [{**ROW, "score": 0.25}, {**ROW, "score": 0.5}]
    assert tier.summary(profile) == directly(profile, [*scored, ROW, ROW])


def test_bytes_that_are_no_text_cost_no_other_feature_its_row(tier: Tier, profile: Profile, monitor: Monitor) -> None:
    count_protobuf(monitor, message(V2, "inputs").replace(b"Ulm", b"Ul\xff"))
    assert monitor.flush(20)
    assert tier.summary(profile) == directly(profile, [{**ROW, "city": b"Ul\xff"}] * 2)


@pytest.mark.parametrize("content", [b"", b"\x07", b"no protobuf", b"\x2a\xff\xff\xff\xff\x7f"])
def test_bytes_that_are_no_message_are_a_lost_row(content: bytes, monitor: Monitor) -> None:
    count_protobuf(monitor, content, content)
    assert monitor.stats()["dropped_invalid"] == 1


def test_rows_count_where_their_answer_cannot_be_read_and_the_log_says_so(
    tier: Tier, profile: Profile, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "driftmeter"):
        count_payloads(monitor, V2, {"outputs": []})
        assert monitor.flush(20)
        eventually(lambda: "predictions are not counted: answer" in caplog.text, "a warning")
    assert tier.summary(profile) == directly(profile, [ROW, ROW])


@pytest.mark.parametrize("request_", [None, 3, {"inputs": [{"name": "age"}]}, {"instances": [[1]]}, {"x": 1}])
def test_a_request_that_cannot_be_read_is_lost_and_named(request_: Any, monitor: Monitor) -> None:
    count_payloads(monitor, request_, {"outputs": []})
    assert monitor.stats()["dropped_invalid"] == 1
    assert monitor.unreadable()[""]["expected"]


def test_a_matrix_has_the_names_of_the_monitor_the_call_or_the_profile(tier: Tier, profile: Profile) -> None:
    matrix = np.array([[41.5, 20.0]] * 3)
    expected = [{"age": 41.5, "amount": 20.0, "score": 0.5}] * 3
    for columns, order in ((("age", "amount"), None), (None, ("age", "amount"))):
        with Monitor(tier.url, "m", profile, interval=0.05, columns=columns) as monitor:
            count_call(monitor, matrix, [0.5] * 3, order)
            assert monitor.flush(20)
    assert tier.summary(profile) == directly(profile, expected * 2)
    with Monitor(tier.url, "m", profile, interval=0.05) as monitor:
        count_call(monitor, matrix, None, None)  # of which the profile has four
        assert monitor.flush(20)
    assert monitor.stats()["dropped_invalid"] == 3


def test_a_class_that_the_answer_has_not_is_told() -> None:
    with pytest.raises(InputError, match=r"say which.*, got 2 values without names, of_class 2"):
        predictions_in(PayloadTable(([0.1], [0.9]), None, 1), 1, None, 2)

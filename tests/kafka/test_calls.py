"""Requests and answers of one partition count as the rows with their predictions, however they are read."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.counts.summary import Summary
from driftmeter.kafka.calls import READERS, CallDecoder
from driftmeter.kafka.forms import FormOptions, form_of
from driftmeter.kafka.metrics import ConsumerMetrics
from driftmeter.kafka.partition import Partition
from driftmeter.kafka.reading import RecordReading
from driftmeter.kafka.records import RecordRun, read_run
from driftmeter.kafka.resume import Resume, Snapshot
from driftmeter.timestamps import iso
from tests.client.samples import ROW
from tests.kafka.logs import START, PaneShelf
from tests.kafka.runs import COUNTING, expected

NOW = START + 10_000_000
READER = COUNTING.reader
LATENESS, PANE = COUNTING.timing.lateness, COUNTING.timing.pane


@dataclass(frozen=True)
class Event:
    """A message of a topic, as confluent-kafka has it."""

    headers_: Mapping[str, str]
    value_: bytes
    offset_: int
    key_: bytes | None = None

    def topic(self) -> str:
        return "calls"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.offset_

    def value(self) -> bytes:
        return self.value_

    def key(self) -> bytes | None:
        return self.key_

    def headers(self) -> list[tuple[str, bytes]]:
        return [(name, text.encode()) for name, text in self.headers_.items()]

    def timestamp(self) -> tuple[int, int]:
        return 1, START


def half(side: str, key: str, time: int, body: Any) -> tuple[dict[str, str], bytes]:
    """Return headers and value of a CloudEvent in binary mode, as Kafka's binding has them."""
    headers = {
        "ce_specversion": "1.0", "ce_type": f"org.kubeflow.serving.inference.{side}", "ce_id": key,
        "ce_source": "x", "ce_time": iso(time),
    }  # fmt: skip
    return headers, json.dumps(body).encode()


def calls_of(rng: random.Random, count: int) -> tuple[list[Event], list[dict[str, Any]]]:
    """Return messages, answers a while after their requests or before them, and the rows that they stand for."""
    planned: list[tuple[int, tuple[dict[str, str], bytes]]] = []
    rows = []
    for number in range(count):
        time = START + 1_000 * number - rng.randrange(4_000)
        row = {**ROW, "age": float(rng.randrange(20, 60))}
        given = {name: value for name, value in row.items() if name != "score"}
        planned.append((time, half("request", f"id-{number}", time, {"instances": [given]})))
        if rng.random() < 0.8:
            row["score"] = rng.random()
            later = time + rng.randrange(-500, 4_000)
            planned.append((later, half("response", f"id-{number}", time + 50, {"predictions": [row["score"]]})))
        rows.append(row)
    planned.sort(key=lambda item: item[0])
    return [Event(*message, 3 * offset) for offset, (_, message) in enumerate(planned)], rows


def total(shelf: PaneShelf) -> Summary:
    return Summary.sum([pane.summary for pane in shelf.panes.values()], COUNTING.profile.bins)


def deliver(partition: Partition, shelf: PaneShelf) -> None:
    for key in partition.unsent():
        pane = partition.pane(key)
        partition.acknowledge(pane, shelf.put(pane))
    partition.release()


@given(seed=st.integers(0, 2**32), count=st.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_however_often_calls_are_read_again_they_count_as_their_rows(seed: int, count: int) -> None:
    rng = random.Random(seed)
    events, rows = calls_of(rng, count)
    shelf, committed = PaneShelf(), Resume(Snapshot(0), 0)
    for _ in range(rng.randrange(4)):
        reading = RecordReading(FormOptions(form="cloudevents"), ConsumerMetrics(), None)
        partition = Partition("t-0", COUNTING, Resume.loads(committed.start.offset, committed.dumps()))
        left = [event for event in events if event.offset() >= committed.start.offset]
        for _ in range(rng.randrange(1, 6)):
            size = rng.randrange(1, 30)
            if left[:size]:
                reading.count(left[:size], partition, NOW)
            left = left[size:]
            deliver(partition, shelf)
            if rng.random() < 0.6 and (now := partition.resume()) is not None:
                committed = now
    reading = RecordReading(FormOptions(form="cloudevents"), ConsumerMetrics(), None)
    partition = Partition("t-0", COUNTING, Resume.loads(committed.start.offset, committed.dumps()))
    left = [event for event in events if event.offset() >= committed.start.offset]
    if left:
        reading.count(left, partition, NOW)
    partition.reread()
    reading.give_up(partition, NOW)
    deliver(partition, shelf)
    assert partition.generation == 0
    assert partition.totals.dropped == {}
    assert total(shelf) == expected(*rows)
    final = partition.resume()
    assert final is not None
    assert final.position == events[-1].offset() + 1


@given(seed=st.integers(0, 2**32), count=st.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_requests_that_are_given_up_while_nothing_comes_count_once(seed: int, count: int) -> None:
    rng = random.Random(seed)
    events, rows = calls_of(rng, count)
    shelf, committed = PaneShelf(), Resume(Snapshot(0), 0)
    for is_last in (False, False, True):
        reading = RecordReading(FormOptions(form="cloudevents"), ConsumerMetrics(), None)
        partition = Partition("t-0", COUNTING, Resume.loads(committed.start.offset, committed.dumps()))
        left = [event for event in events if event.offset() >= committed.start.offset]
        while left:
            size = rng.randrange(1, 30)
            reading.count(left[:size], partition, NOW)
            left = left[size:]
            deliver(partition, shelf)
            if rng.random() < 0.3 and not partition.rereading:
                reading.give_up(partition, NOW)
                deliver(partition, shelf)
                committed = partition.resume(idle=True) or committed
                if not is_last:
                    break  # it is killed, and its last commit is that of an idle partition
        committed = partition.resume() or committed
    reading.reread(partition, NOW)
    reading.give_up(partition, NOW)
    deliver(partition, shelf)
    assert total(shelf).rows == len(rows)


def decoded(form: str, messages: Sequence[tuple[Mapping[str, str], bytes]], topic: str = "t", key: bytes = b"k") -> Any:
    run = RecordRun(
        topic, range(len(messages)), [value for _, value in messages], stamp=lambda position: START + position,
        headers=lambda position: messages[position][0], key=lambda position: key,
    )  # fmt: skip
    decoder = CallDecoder(READERS[form], READER, FormOptions().rule(READER.names), LATENESS, PANE)
    made = decoder.decode(run)
    return run, decoder, made, read_run(run, made, READER, FormOptions().rule(READER.names))


def test_a_seldon_message_is_joined_by_its_key() -> None:
    names = list(ROW)
    request = {"data": {"names": names, "ndarray": [[ROW[name] for name in names]]}}
    messages: list[tuple[dict[str, str], bytes]] = [
        ({"seldon-infer-type": "request"}, json.dumps(request).encode()),
        ({"seldon-infer-type": "response"}, json.dumps({"data": {"names": ["score"], "ndarray": [[0.5]]}}).encode()),
        ({"type": "io.seldon.serving.feedback"}, b"{}"),
    ]
    run, decoder, made, read = decoded("seldon", messages)
    assert form_of(run, FormOptions()) == "seldon"
    assert (made.bad, made.without_rows, decoder.waiting) == ([], 1, None)
    assert COUNTING.count(read.rows.rows) == expected({**ROW, "score": 0.5})
    assert (read.rows.origin, read.rows.offsets.tolist(), read.rows.times.tolist()) == (0, [1], [START])


def test_an_object_of_the_logger_of_kserve_is_joined_by_its_id() -> None:
    def logged(kind: str, body: Any) -> bytes:
        encoded = base64.b64encode(json.dumps(body).encode()).decode()
        return json.dumps({"reqType": kind, "id": "7", "bytes": encoded, "occurrenceTime": iso(START + 5)}).encode()

    messages: list[tuple[dict[str, str], bytes]] = [
        ({}, logged("response", {"predictions": [0.5]})),
        ({}, logged("request", {"instances": [ROW]})),
        ({}, b"[]"),
    ]
    run, _, made, read = decoded("kserve", messages)
    assert form_of(run, FormOptions()) == "kserve"
    assert [one.position for one in made.bad] == [2]
    assert COUNTING.count(read.rows.rows) == expected({**ROW, "score": 0.5})
    assert read.rows.times.tolist() == [START + 5]


@pytest.mark.parametrize("binary", [True, False])
def test_a_cloud_event_is_known_by_headers_or_its_json(binary: bool) -> None:
    headers, value = half("request", "1", START, {"instances": [ROW]})
    if not binary:
        attributes = {name.removeprefix("ce_"): text for name, text in headers.items()}
        headers, value = {}, json.dumps({**attributes, "data": json.loads(value)}).encode()
    run, decoder, _, _ = decoded("cloudevents", [(headers, value)])
    assert form_of(run, FormOptions()) == "cloudevents"
    assert decoder.waiting == 0


def test_an_answer_of_another_number_of_rows_is_bad_and_its_request_counts() -> None:
    request = half("request", "1", START, {"instances": [ROW]})
    messages = [request, half("response", "1", START, {"predictions": [1, 2]})]
    _, decoder, made, read = decoded("cloudevents", messages)
    assert [one.position for one in made.bad] == [1]
    assert decoder.waiting is None
    assert COUNTING.count(read.rows.rows) == expected(ROW)


def test_a_request_counts_without_its_answer_before_its_pane_ends() -> None:
    end = START + PANE + LATENESS
    times = (START, end - 1, end)
    messages = [half("request", str(number), time, {"instances": [ROW]}) for number, time in enumerate(times)]
    _, decoder, _, read = decoded("cloudevents", messages)
    assert read.rows.times.tolist() == [START]
    assert (read.rows.offsets.tolist(), decoder.waiting) == ([2], 1)

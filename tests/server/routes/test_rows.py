from __future__ import annotations

import gzip
import threading
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError
from driftmeter.server.options import Settings
from tests.server.harness import NOW, STREAM, Client, arrow_bytes, running
from tests.server.samples import ROWS, counted, problem_of
from tests.support.clocks import SetClock


def test_rows_are_counted_in_their_pane(client: Client, clock: SetClock, reader: Reader, binner: Binner) -> None:
    answer = client.rows(ROWS)
    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 2,
        "rejected_rows": 0,
        "rejected": [],
        "unreadable": {},
        "late": 0,
        "ignored": 0,
        "duplicate": False,
    }
    assert counted(client, clock) == binner.observe(reader.read_records(ROWS["rows"])[0])


def test_a_bad_row_and_an_unreadable_value_are_named_and_the_others_count(
    client: Client, clock: SetClock, reader: Reader
) -> None:
    rows = [{"amount": 1.0, "extra": 1}, {"amount": "x"}, {"amount": 2.0, "timestamp": NOW / 1000 + 300}]
    answer = client.rows({"rows": rows}).json()
    assert (answer["accepted"], answer["rejected_rows"], answer["ignored"]) == (2, 1, 1)
    assert answer["unreadable"] == {"amount": 1}
    assert answer["rejected"][0] == {"row": 1, "field": "amount", "expected": "a number", "got": "text ('x')"}
    assert answer["rejected"][1]["field"] == "timestamp"
    assert client.metric("driftmeter_rows_total") == {'{model="shop"}': 2}
    assert client.metric("driftmeter_rows_dropped_total") == {'{model="shop",reason="future"}': 1}
    assert client.engine.sources("shop").coverage == pytest.approx(2 / 3)
    summary = counted(client, clock)
    amount, part = next(iter(reader.profile.slices()))
    assert (amount.name, summary.rows) == ("amount", 2)
    assert summary.counts[part][amount.grid.special["unreadable"]] == 1


def test_more_unreadable_values_than_a_hundred_are_only_counted(client: Client) -> None:
    answer = client.rows({"columns": {"amount": ["x"] * 250 + [1]}}).json()
    assert (answer["accepted"], answer["rejected_rows"], len(answer["rejected"])) == (251, 0, 100)
    assert answer["unreadable"] == {"amount": 250}


def test_a_batch_with_a_key_counts_once(client: Client, clock: SetClock) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first, second = client.rows(ROWS, headers=headers), client.rows(ROWS, headers=headers)
    assert (first.json()["duplicate"], second.json()["duplicate"]) == (False, True)
    assert second.json()["accepted"] == 2
    assert client.metric("driftmeter_rows_total") == {'{model="shop"}': 2}
    assert counted(client, clock).rows == 2


def test_a_key_that_stood_for_another_batch_is_refused(client: Client, clock: SetClock) -> None:
    headers = {"Idempotency-Key": "order-1"}
    client.rows(ROWS, headers=headers)
    problem = problem_of(client.rows({"rows": [{}]}, headers=headers), 422, "key_conflict")
    assert problem["where"] == "Idempotency-Key"
    assert counted(client, clock).rows == 2


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_has_a_sensible_length(client: Client, key: str) -> None:
    problem_of(client.rows(ROWS, headers={"Idempotency-Key": key}), 400, "unreadable")


def test_late_rows_are_reported_and_in_no_window(client: Client, clock: SetClock) -> None:
    client.rows(ROWS)
    client.pass_time(clock, 3_000)
    answer = client.rows({**ROWS, "timestamp": NOW / 1000}).json()
    assert (answer["accepted"], answer["late"]) == (2, 2)
    assert client.metric("driftmeter_rows_late_total") == {'{model="shop"}': 2}
    assert counted(client, clock).rows == 2


def test_a_watermark_closes_the_panes_of_a_log_whichever_server_hears_it(engine: Engine) -> None:
    log = {"source": "topic-0"}
    with running(engine) as one, running(engine) as other:
        batch = {"rows": [{"amount": 1.0}], "timestamp": 100, "watermark": 100}
        assert one.rows(batch, params=log).json()["accepted"] == 1
        table = arrow_bytes(pa.table({"amount": [1.0], "timestamp": [101.0]}))
        answer = other.rows(table, STREAM, params={**log, "watermark": "1970-01-01T00:01:41Z"})
        assert answer.json()["accepted"] == 1
        assert engine.store.freeze("shop") == 101_000
        assert one.rows({"watermark": 110}, params=log).json()["accepted"] == 0
        assert engine.store.freeze("shop") == 110_000
        problem_of(one.rows(ROWS, params={"watermark": "soon"}), 400, "unreadable")
        problem_of(one.rows(ROWS, params={"source": ""}), 400, "unreadable")
    assert [record.source for record in engine.store.sources("shop")] == ["log:topic-0"]


def test_each_process_is_a_source_of_its_own(engine: Engine) -> None:
    with running(engine) as one, running(engine) as other:
        one.rows(ROWS)
        other.rows(ROWS)
    assert len({record.source for record in engine.store.sources("shop")}) == 2


def test_bodies_of_every_size_and_form_count_alike(
    client: Client, clock: SetClock, binner: Binner, reader: Reader
) -> None:
    amounts = np.random.default_rng(3).normal(size=200_000)
    packed = msgspec.msgpack.encode({"columns": {"amount": amounts.tobytes()}})
    assert len(packed) > 1_000_000
    assert client.rows(packed, "application/msgpack").json()["accepted"] == 200_000
    assert client.rows(arrow_bytes(pa.table({"amount": amounts})), STREAM).json()["accepted"] == 200_000
    zipped = gzip.compress(msgspec.json.encode({"columns": {"amount": amounts[:1000].tolist()}}))
    assert client.rows(zipped, headers={"Content-Encoding": "gzip"}).json()["accepted"] == 1_000
    once = binner.observe(reader.read_columns({"amount": amounts})[0])
    start = binner.observe(reader.read_columns({"amount": amounts[:1000]})[0])
    assert counted(client, clock) == once + once + start


def test_nan_in_json_is_refused_with_the_way_out_and_taken_on_request(client: Client) -> None:
    body = b'{"rows": [{"amount": NaN}, {"amount": Infinity}]}'
    problem = problem_of(client.rows(body), 400, "unreadable")
    assert (problem["where"], problem["got"]) == ("body, byte 20", "NaN")
    assert "?nan=null" in problem["expected"]
    assert client.rows(body, params={"nan": "null"}).json()["accepted"] == 2
    problem_of(client.rows(body, params={"nan": "maybe"}), 400, "unreadable")


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status", "slug"),
    [
        (b"{", "application/json", {}, 400, "unreadable"),
        (b"ARROW1\x00\x00", "application/vnd.apache.arrow.file", {}, 400, "unreadable"),
        (b"{}", "text/plain", {}, 415, "unsupported_type"),
        (b"{}", "application/json", {"Content-Encoding": "br"}, 415, "unsupported_type"),
        (b"{}", "application/json", {"Content-Encoding": "gzip"}, 400, "unreadable"),
        (gzip.compress(b"{}", mtime=0)[:-4], "application/json", {"Content-Encoding": "gzip"}, 400, "unreadable"),
        (gzip.compress(b" " * 6_000_000), "application/json", {"Content-Encoding": "gzip"}, 413, "too_large"),
        (b" " * 6_000_000, "application/json", {}, 413, "too_large"),
    ],
)
def test_a_request_that_cannot_be_read_changes_nothing(
    client: Client, clock: SetClock, body: bytes, content_type: str, headers: dict[str, str], status: int, slug: str
) -> None:
    client.rows(ROWS)
    problem_of(client.rows(body, content_type, headers=headers), status, slug)
    assert client.metric("driftmeter_rejected_requests_total") == {f'{{reason="{slug}"}}': 1}
    assert client.rows(ROWS).status_code == 200
    assert counted(client, clock).rows == 4


def test_a_body_that_does_not_say_its_length_is_cut_off_at_the_limit(client: Client) -> None:
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 100_000

    answer = client.post("/v1/models/shop/rows", content=endless(), headers={"Content-Type": "application/json"})
    problem_of(answer, 413, "too_large")
    assert taken <= 52


def test_rows_of_too_many_panes_at_once_are_too_large(client: Client) -> None:
    times = np.arange(0, 100_000_000, 500, dtype="<i8")
    body = {"columns": {"timestamp": {"dtype": "<i8", "data": times.tobytes()}}}
    problem = problem_of(client.rows(msgspec.msgpack.encode(body), "application/msgpack"), 413, "too_large")
    assert problem["where"] == "timestamp"


def test_an_unknown_model_is_named_with_the_known_ones(client: Client) -> None:
    answer = client.post("/v1/models/nope/rows", json=ROWS)
    assert problem_of(answer, 404, "unknown_model")["detail"] == "unknown model 'nope'; known: shop"
    assert "nope" not in client.get("/metrics").text


def test_a_store_that_is_away_is_503_with_retry_after_and_nothing_is_lost(
    client: Client, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(writes: object) -> Any:
        raise StoreUnavailableError("the disk is gone")

    client.rows(ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(client.engine.store, "commit", away)
        patch.setattr(client.engine.store, "ping", lambda: away(()))
        answer = client.rows(ROWS)
        assert problem_of(answer, 503, "unavailable")["detail"] == "the disk is gone"
        assert answer.headers["retry-after"] == "1"
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.rows(ROWS).status_code == 200
    assert counted(client, clock).rows == 4


def test_a_fault_of_the_server_says_nothing_of_its_inside(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: str) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(client.engine, "compiled", broken)
    assert "secret" not in problem_of(client.rows(ROWS), 500, "internal")["detail"]
    assert client.metric("driftmeter_rejected_requests_total") == {'{reason="internal"}': 1}


def test_bodies_in_flight_are_bounded_by_their_bytes(engine: Engine) -> None:
    with running(engine, Settings(max_in_flight=1_000)) as client:
        assert client.rows(ROWS).status_code == 200
        answer = client.rows({"rows": [{"amount": 1.0}] * 100})
        assert problem_of(answer, 503, "overloaded")["where"] == "bodies"
        zipped = gzip.compress(msgspec.json.encode({"rows": [{"amount": 1.0}] * 100}))
        problem_of(client.rows(zipped, headers={"Content-Encoding": "gzip"}), 503, "overloaded")
        assert client.rows(ROWS).status_code == 200
        assert client.context.in_flight.held == 0


def test_tables_of_a_profile_are_compiled_on_a_thread(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    compiled = client.engine.compiled

    def watched(*of: Any) -> Any:
        threads.append(threading.current_thread().name)
        return compiled(*of)

    monkeypatch.setattr(client.engine, "compiled", watched)
    client.context.compiled_profiles.clear()
    client.rows(ROWS)
    client.rows(ROWS)
    assert [name.startswith("driftmeter-lookup") for name in threads] == [True]


def test_too_many_waiting_writes_are_told_to_come_again(engine: Engine) -> None:
    with running(engine, Settings(max_waiting=1)) as client:
        nothing: Any = (None, None)
        client.context.committer._waiting.append(nothing)
        answer = client.rows(ROWS)
        client.context.committer._waiting.clear()
        assert problem_of(answer, 503, "overloaded")["got"] == "1"
        assert answer.headers["retry-after"] == "1"

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import threading
import time
import zlib
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError
from driftmeter.panes import codec
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.server import usable
from driftmeter.server.options import Settings
from tests.server.harness import NOW, STREAM, Client, Clock, arrow_bytes, running

ROWS = {"rows": [{"amount": 12.5, "city": "Ulm"}, {"amount": None, "city": "Bonn"}]}


def counted(client: Client, clock: Clock, digest: str | None = None) -> Summary:
    """Return all that is in the windows of `shop`, once everything is closed."""
    client.pass_time(clock, 3_000)
    engine = client.engine
    record = engine.store.model("shop")
    bins = engine.compiled("shop", digest).profile.bins
    slices = engine.store.recent("shop", digest or record.digest, record.frozen, WindowSetting(10**12, 0))
    return Summary.sum((each.summary for each in slices), bins)


def problem_of(answer: Any, status: int, slug: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:driftmeter:problem:{slug}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


def pane_of(profile: Profile, rows: int, sequence: int = 1, start: int = NOW, **changes: Any) -> Pane:
    reader, binner = Reader(profile), Binner(profile)
    summary = binner.observe(reader.read_records([{"amount": float(i)} for i in range(rows)])[0])
    pane = Pane(profile.digest, start, 1_000, "sdk/1", sequence, summary, SourceTotals(rows, rows))
    return replace(pane, **changes)


def put(client: Client, pane: Pane, start: int | None = None, source: str = "sdk%2F1") -> Any:
    start = pane.start if start is None else start
    return client.put(f"/v1/models/shop/panes/{start}/{source}", content=encode_pane(pane))


# --- rows


def test_rows_are_counted_in_their_pane(client: Client, clock: Clock, reader: Reader, binner: Binner) -> None:
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
    client: Client, clock: Clock, reader: Reader
) -> None:
    rows = [{"amount": 1.0, "extra": 1}, {"amount": "x"}, {"amount": 2.0, "timestamp": NOW / 1000 + 300}]
    found = client.rows({"rows": rows}).json()
    assert (found["accepted"], found["rejected_rows"], found["ignored"]) == (2, 1, 1)
    assert found["unreadable"] == {"amount": 1}
    assert found["rejected"][0] == {"row": 1, "field": "amount", "expected": "a number", "got": "text ('x')"}
    assert found["rejected"][1]["field"] == "timestamp"
    assert client.metric("driftmeter_rows_total") == {'{model="shop"}': 2}
    assert client.metric("driftmeter_rows_dropped_total") == {'{model="shop",reason="future"}': 1}
    assert client.engine.sources("shop").coverage == pytest.approx(2 / 3)
    summary = counted(client, clock)
    amount, part = next(iter(reader.profile.slices()))
    assert (amount.name, summary.rows) == ("amount", 2)
    assert summary.counts[part][amount.grid.special["unreadable"]] == 1


def test_more_unreadable_values_than_a_hundred_are_only_counted(client: Client) -> None:
    found = client.rows({"columns": {"amount": ["x"] * 250 + [1]}}).json()
    assert (found["accepted"], found["rejected_rows"], len(found["rejected"])) == (251, 0, 100)
    assert found["unreadable"] == {"amount": 250}


def test_a_batch_with_a_key_counts_once(client: Client, clock: Clock) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first, second = client.rows(ROWS, headers=headers), client.rows(ROWS, headers=headers)
    assert (first.json()["duplicate"], second.json()["duplicate"]) == (False, True)
    assert second.json()["accepted"] == 2
    assert client.metric("driftmeter_rows_total") == {'{model="shop"}': 2}
    assert counted(client, clock).rows == 2


def test_a_key_that_stood_for_another_batch_is_refused(client: Client, clock: Clock) -> None:
    headers = {"Idempotency-Key": "order-1"}
    client.rows(ROWS, headers=headers)
    problem = problem_of(client.rows({"rows": [{}]}, headers=headers), 422, "key_conflict")
    assert problem["where"] == "Idempotency-Key"
    assert counted(client, clock).rows == 2


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_has_a_sensible_length(client: Client, key: str) -> None:
    problem_of(client.rows(ROWS, headers={"Idempotency-Key": key}), 400, "unreadable")


def test_late_rows_are_reported_and_in_no_window(client: Client, clock: Clock) -> None:
    client.rows(ROWS)
    client.pass_time(clock, 3_000)
    found = client.rows({**ROWS, "timestamp": NOW / 1000}).json()
    assert (found["accepted"], found["late"]) == (2, 2)
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
    assert [each.source for each in engine.store.sources("shop")] == ["log:topic-0"]


def test_each_process_is_a_source_of_its_own(engine: Engine) -> None:
    with running(engine) as one, running(engine) as other:
        one.rows(ROWS)
        other.rows(ROWS)
    assert len({each.source for each in engine.store.sources("shop")}) == 2


def test_bodies_of_every_size_and_form_count_alike(
    client: Client, clock: Clock, binner: Binner, reader: Reader
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
        (gzip.compress(b"{}")[:-4], "application/json", {"Content-Encoding": "gzip"}, 400, "unreadable"),
        (gzip.compress(b" " * 6_000_000), "application/json", {"Content-Encoding": "gzip"}, 413, "too_large"),
        (b" " * 6_000_000, "application/json", {}, 413, "too_large"),
    ],
)
def test_a_request_that_cannot_be_read_changes_nothing(
    client: Client, clock: Clock, body: bytes, content_type: str, headers: dict[str, str], status: int, slug: str
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
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
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


# --- panes


def test_a_pane_is_counted_and_its_answer_has_what_a_source_must_know(
    client: Client, clock: Clock, profile: Profile
) -> None:
    answer = put(client, pane_of(profile, 5))
    assert answer.json() == {
        "late": 0,
        "digest": profile.digest,
        "pane_ms": 1_000,
        "lateness_ms": 0,
        "time_ms": NOW,
    }
    assert counted(client, clock) == pane_of(profile, 5).summary


def test_a_pane_sent_twice_or_out_of_order_changes_nothing(client: Client, clock: Clock, profile: Profile) -> None:
    for rows in (3, 7, 7, 5):
        assert put(client, pane_of(profile, rows, sequence=rows)).status_code == 200
    assert client.metric("driftmeter_rows_total") == {'{model="shop"}': 7}
    assert counted(client, clock) == pane_of(profile, 7).summary


def test_a_pane_after_the_freeze_changes_nothing_and_is_reported(
    client: Client, clock: Clock, profile: Profile
) -> None:
    put(client, pane_of(profile, 4))
    before = counted(client, clock)
    verdict = client.get("/v1/models/shop/verdict").content
    for _ in range(2):
        answer = put(client, pane_of(profile, 9, sequence=2))
        assert (answer.status_code, answer.json()["late"]) == (200, 5)
    assert client.metric("driftmeter_rows_late_total") == {'{model="shop"}': 5}
    assert counted(client, clock) == before
    assert client.get("/v1/models/shop/verdict").content == verdict


def test_unreadable_values_are_listed_by_source_and_counted_once_by_feature(client: Client, profile: Profile) -> None:
    family = "driftmeter_values_unreadable_total"
    for sequence, values in ((1, 2), (3, 5), (2, 3), (3, 5)):
        totals = SourceTotals(5 * sequence, 5 * sequence, {}, {"amount": values})
        assert put(client, pane_of(profile, 5, sequence, totals=totals)).status_code == 200
    client.rows({"rows": [{"amount": "dear"}, {"amount": 12.5}]})
    sources = {each["source"]: each for each in client.get("/v1/models/shop/sources").json()["sources"]}
    assert sources["sdk/1"]["unreadable"] == {"amount": 5}
    assert [each["unreadable"] for name, each in sources.items() if name != "sdk/1"] == [{"amount": 1}]
    assert client.metric(family) == {'{feature="amount",model="shop"}': 6.0}


def test_a_pane_of_an_unknown_profile_is_404(client: Client, profile: Profile) -> None:
    problem = problem_of(put(client, pane_of(profile, 1, digest="f" * 32)), 404, "unknown_profile")
    assert profile.digest in problem["detail"]


def test_a_pane_whose_address_is_another_is_refused(client: Client, profile: Profile) -> None:
    problem_of(put(client, pane_of(profile, 1), start=NOW + 1_000), 422, "mismatch")
    problem_of(put(client, pane_of(profile, 1), source="other"), 422, "mismatch")
    answer = client.put("/v1/models/shop/panes/soon/sdk%2F1", content=encode_pane(pane_of(profile, 1)))
    problem_of(answer, 422, "mismatch")


def test_a_pane_from_the_future_is_refused_and_counted(client: Client, profile: Profile) -> None:
    put(client, pane_of(profile, 1, start=NOW + 60_000))
    problem_of(put(client, pane_of(profile, 1, start=NOW + 61_000)), 422, "future")
    assert client.metric("driftmeter_rejected_requests_total") == {'{reason="future"}': 1}


def test_a_pane_whose_counts_cannot_be_is_refused(client: Client, clock: Clock, profile: Profile) -> None:
    good = pane_of(profile, 5).summary
    wrapped = good.counts.copy()
    wrapped[0:3] += [2**62, 2**62, 2**63 - 1]
    for summary in (
        Summary(6, good.counts),
        Summary(5, good.counts[:-1]),
        Summary(5, wrapped),
        Summary(2**50, good.counts),
    ):
        problem_of(put(client, pane_of(profile, 5, summary=summary)), 400, "unreadable")
    problem_of(put(client, pane_of(profile, 5, source="s" * 201), source="s" * 201), 400, "unreadable")
    assert counted(client, clock).rows == 0


@pytest.mark.parametrize("cut", [0, 3, 7, 40, 200, -1])
def test_a_truncated_pane_is_unreadable(client: Client, profile: Profile, cut: int) -> None:
    answer = client.put(f"/v1/models/shop/panes/{NOW}/sdk%2F1", content=encode_pane(pane_of(profile, 5))[:cut])
    problem_of(answer, 400, "unreadable")


def test_a_pane_of_another_version_says_which_is_read(client: Client, profile: Profile) -> None:
    body = bytearray(encode_pane(pane_of(profile, 5)))
    body[3] = 9
    answer = client.put(f"/v1/models/shop/panes/{NOW}/sdk%2F1", content=bytes(body))
    assert problem_of(answer, 400, "unreadable")["got"] == "version 9"


def test_rows_and_panes_of_a_retired_profile_stay_apart(client: Client, clock: Clock, profile: Profile) -> None:
    put(client, pane_of(profile, 5))
    other = Profile.fit(pl.DataFrame({"amount": [1.0, 2.0, 3.0]}), model="shop")
    assert client.put("/v1/models/shop/profile", content=other.dumps()).status_code == 201
    answer = put(client, pane_of(profile, 6, sequence=2))
    assert answer.json()["digest"] == other.digest
    client.rows({"rows": [{"amount": 1.0}]})
    assert counted(client, clock, other.digest).rows == 1
    old = client.get("/v1/models/shop/verdict", params={"profile": profile.digest}).json()
    assert (old["profile"], old["rows"]) == (profile.digest, 6)


def test_a_new_profile_takes_over_when_it_has_held_most_rows_for_three_panes(
    client: Client, clock: Clock, profile: Profile
) -> None:
    other = Profile.fit(pl.DataFrame({"amount": [1.0, 2.0, 3.0]}), model="shop")
    client.rows({"rows": [{"amount": 1.0}] * 3})
    client.pass_time(clock, 1_000)
    assert client.put("/v1/models/shop/profile", content=other.dumps()).status_code == 201
    served = []
    for _ in range(4):
        client.rows({"rows": [{"amount": 1.0}] * 3})
        served.append(client.get("/v1/models/shop/verdict").json()["profile"])
        both = [client.get("/v1/models/shop/verdict", params={"profile": each.digest}) for each in (profile, other)]
        assert [each.json()["profile"] for each in both] == [profile.digest, other.digest]
        client.pass_time(clock, 1_000)
    assert served == [profile.digest] * 3 + [other.digest]
    (listed,) = client.get("/v1/models").json()["models"]
    assert (listed["digest"], listed["newest"]) == (other.digest, other.digest)
    deadline = time.monotonic() + 10
    while client.metric("driftmeter_window_rows") != {'{model="shop"}': 3.0 * 4}:  # as the next round sees it
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "changes",
    [{"source": "log:topic"}, {"length": 50, "start": NOW - 50}, {"length": 99, "start": 99}],
)
def test_a_pane_that_would_get_in_the_way_of_others_is_refused(
    client: Client, profile: Profile, changes: dict[str, Any]
) -> None:
    pane = pane_of(profile, 5, **changes)
    problem_of(put(client, pane, source=pane.source), 422, "bad_pane")
    assert put(client, pane_of(profile, 5, length=100)).status_code == 200


def test_a_sequence_that_a_store_could_not_count_on_from_is_refused(client: Client, profile: Profile) -> None:
    pane = pane_of(profile, 5, sequence=2**62)
    assert problem_of(put(client, pane), 400, "unreadable")["where"] == "pane.sequence"


def test_a_pane_of_more_bins_than_its_profile_is_refused_before_it_inflates(
    client: Client, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = encode_pane(pane_of(profile, 5, summary=Summary(5, np.zeros(3_000_000, np.int64))))
    monkeypatch.setattr(codec, "decode_counts", lambda *_: pytest.fail("inflated"))
    problem = problem_of(client.put(f"/v1/models/shop/panes/{NOW}/sdk%2F1", content=body), 400, "unreadable")
    assert (problem["where"], problem["got"]) == ("counts", "3000000")
    for change in ({"digest": 5}, {"bins": "many"}):
        text = json.dumps({"digest": profile.digest, "bins": 3_000_000, **change}).encode()
        rest = text + zlib.compress(b"")
        body = struct.pack("<3sBII", b"DMP", 1, len(text), zlib.crc32(rest)) + rest
        problem_of(client.put(f"/v1/models/shop/panes/{NOW}/sdk%2F1", content=body), 400, "unreadable")


def test_bodies_in_flight_are_bounded_by_their_bytes(engine: Engine) -> None:
    with running(engine, Settings(max_in_flight=1_000)) as client:
        assert client.rows(ROWS).status_code == 200
        answer = client.rows({"rows": [{"amount": 1.0}] * 100})
        assert problem_of(answer, 503, "overloaded")["where"] == "bodies"
        zipped = gzip.compress(msgspec.json.encode({"rows": [{"amount": 1.0}] * 100}))
        problem_of(client.rows(zipped, headers={"Content-Encoding": "gzip"}), 503, "overloaded")
        assert client.rows(ROWS).status_code == 200
        assert client.app.state.context.in_flight.held == 0


def test_tables_of_a_profile_are_compiled_on_a_thread(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    compiled = client.engine.compiled

    def watched(*of: Any) -> Any:
        threads.append(threading.current_thread().name)
        return compiled(*of)

    monkeypatch.setattr(client.engine, "compiled", watched)
    client.app.state.context.warm.clear()
    client.rows(ROWS)
    client.rows(ROWS)
    assert [name.startswith("driftmeter-lookup") for name in threads] == [True]


# --- profiles


def test_a_profile_is_registered_once_and_read_back(client: Client) -> None:
    profile = Profile.fit(pl.DataFrame({"x": [1.0, 2.0]}), model="new one")
    path = "/v1/models/new%20one/profile"
    first, second = client.put(path, content=profile.dumps()), client.put(path, content=profile.dumps())
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == {
        "model": "new one",
        "digest": profile.digest,
        "pane_ms": 1_000,
        "lateness_ms": 0,
        "time_ms": NOW,
    }
    found = client.get(path)
    assert Profile.loads(found.content) == profile
    names = ("Driftmeter-Digest", "Driftmeter-Time", "Driftmeter-Pane", "Driftmeter-Lateness")
    assert [found.headers[name] for name in names] == [profile.digest, str(NOW), "1000", "0"]


def test_a_profile_of_another_model_version_or_content_is_refused(client: Client, profile: Profile) -> None:
    other = profile.dumps().replace(b'"version":2', b'"version":7')
    altered = profile.dumps().replace(b'"rows":600', b'"rows":601')
    assert "version 7" in problem_of(client.put("/v1/models/shop/profile", content=other), 422, "bad_profile")["detail"]
    problem_of(client.put("/v1/models/shop/profile", content=altered), 422, "bad_profile")
    problem_of(client.put("/v1/models/shop/profile", content=b"pickle"), 422, "bad_profile")
    problem_of(client.put("/v1/models/cafe/profile", content=profile.dumps()), 422, "mismatch")
    problem_of(client.get("/v1/models/cafe/profile"), 404, "unknown_model")
    assert client.get("/v1/models/shop/profile").headers["Driftmeter-Digest"] == profile.digest


def altered(profile: Profile, **changes: Any) -> bytes:
    """Return a profile whose first feature is another, under a digest of its own."""
    content = profile.to_json()
    del content["digest"]
    first, *rest = content["features"]
    content["features"] = [{**first, **changes}, *rest]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return json.dumps({**content, "digest": hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}).encode()


def test_a_profile_that_could_not_be_judged_is_refused_and_the_active_one_stays(
    client: Client, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    surrogate = altered(profile, name="half \ud800")
    problem_of(client.put("/v1/models/shop/profile", content=surrogate), 422, "bad_profile")
    for name in ("Reader", "Binner", "Judge"):
        with monkeypatch.context() as patch:
            patch.setattr(usable, name, lambda *_: 1 / 0)
            other = Profile.fit(pl.DataFrame({"x": [1.0, 2.0]}), model="shop")
            found = problem_of(client.put("/v1/models/shop/profile", content=other.dumps()), 422, "bad_profile")
            assert "ZeroDivisionError" in found["detail"]
    assert client.get("/v1/models/shop/profile").headers["Driftmeter-Digest"] == profile.digest
    assert client.engine.store.digests("shop") == [profile.digest]


def test_a_deleted_model_is_gone_with_its_metrics(client: Client) -> None:
    client.rows(ROWS)
    assert client.request("DELETE", "/v1/models/shop").status_code == 204
    problem_of(client.rows(ROWS), 404, "unknown_model")
    problem_of(client.request("DELETE", "/v1/models/shop"), 404, "unknown_model")
    assert client.metric("driftmeter_rows_total") == {}


def test_too_many_waiting_writes_are_told_to_come_again(engine: Engine) -> None:
    with running(engine, Settings(max_waiting=1)) as client:
        client.app.state.context.committer._waiting.append((None, None))
        answer = client.rows(ROWS)
        client.app.state.context.committer._waiting.clear()
        assert problem_of(answer, 503, "overloaded")["got"] == "1"
        assert answer.headers["retry-after"] == "1"

"""The same rows through every door, whole or in a thousand pieces: one verdict, byte for byte."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
import urllib3

from driftmeter import Monitor, Profile
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.engine.engine import Engine
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.server.options import Settings
from driftmeter.server.run import Server, make_server
from driftmeter.store.sqlite.store import SQLiteStore
from tests.support.clocks import SetClock
from tests.support.ports import free_port
from tests.support.waiting import eventually

START = 1_700_000_000_000
TIMING = Timing(pane=10_000, lateness=60_000)
ROWS = 3_000
HTTP = urllib3.PoolManager(retries=False, timeout=30.0, maxsize=16)


@dataclass
class Tier:
    """Two metric servers, with real HTTP and one SQLite file, on a clock that the test sets."""

    urls: list[str]
    monitors: list[Engine]
    clock: SetClock

    def post(self, body: bytes, content_type: str, *, server: int = 0, key: str | None = None) -> dict[str, Any]:
        headers = {"Content-Type": content_type, **({"Idempotency-Key": key} if key else {})}
        answer = HTTP.request("POST", f"{self.urls[server]}/v1/models/m/rows", body=body, headers=headers)
        assert answer.status == 200, answer.data
        receipt: dict[str, Any] = answer.json()
        assert receipt["rejected_rows"] == 0, receipt
        assert receipt["late"] == 0, receipt
        return receipt

    def settle(self) -> bytes:
        """Let time pass until all is closed; return the verdict, which both servers must give."""
        for _ in range(20):
            self.clock.now += 10_000
            for monitor in random.sample(self.monitors, 2):
                monitor.advance("m")
        first, second = (HTTP.request("GET", f"{url}/v1/models/m/verdict").data for url in self.urls)
        assert first == second
        return first


@pytest.fixture
def tier_of(profile: Profile, tmp_path: Path) -> Iterator[Callable[..., Tier]]:
    running: list[tuple[Server, threading.Thread, Engine]] = []

    def make(registered: Profile = profile) -> Tier:
        clock = SetClock(START + 45_000)
        path = tmp_path / f"store-{len(running)}.sqlite"
        tier = Tier([], [], clock)
        for _ in range(2):
            monitor = Engine(SQLiteStore(path, clock=clock), timing=TIMING)
            monitor.register(registered)
            port = free_port()
            server = make_server(monitor, Settings(port=port))
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            running.append((server, thread, monitor))
            tier.urls.append(f"http://127.0.0.1:{port}")
            tier.monitors.append(monitor)
            eventually(partial(getattr, server, "started"), "the server")
        return tier

    yield make
    for server, thread, monitor in running:
        server.should_exit = True
        thread.join(20.0)
        monitor.store.close()


def make_rows(seed: int, count: int, shift: float = 0.0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "income": None if rng.random() < 0.05 else round(float(rng.lognormal(8, 1)), 2),
            "age": int(rng.integers(18, 90)),
            "ratio": float(np.float32(rng.normal() + shift)),
            "city": rng.choice(["Ulm", "Bonn", "Köln", "Trier"]).item() if rng.random() > 0.02 else None,
            "member": bool(rng.random() < 0.3),
            "branch": int(rng.integers(1, 5)),
            "rate": rng.choice([0.1, 0.2, 0.7]).item(),
        }
        for _ in range(count)
    ]


def table_of(rows: list[dict[str, Any]], times: list[int] | None = None) -> pa.Table:
    schema = pa.schema(
        {
            "income": pa.float64(),
            "age": pa.int64(),
            "ratio": pa.float32(),
            "city": pa.dictionary(pa.int32(), pa.string()),
            "member": pa.bool_(),
            "branch": pa.int64(),
            "rate": pa.float32(),
        }
    )
    table = pa.Table.from_pylist(rows, schema=schema)
    if times is not None:
        table = table.append_column("timestamp", pa.array(times, pa.timestamp("ms", tz="UTC")))
    return table


@pytest.fixture(scope="module")
def profile() -> Profile:
    kinds = {"branch": "categorical", "rate": "categorical"}
    return Profile.fit(table_of(make_rows(0, 10_000)), model="m", kinds=kinds, independent=True)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    shifted = make_rows(1, ROWS, shift=0.3)
    for row in range(0, ROWS, 20):  # more new cities than a sample holds
        shifted[row]["city"] = f"Neu {row // 20 % 12}"
    return shifted


@pytest.fixture(scope="module")
def times() -> list[int]:
    return [START + int(offset) for offset in np.random.default_rng(2).integers(0, 40_000, ROWS)]


def stamped(rows: list[dict[str, Any]], times: list[int]) -> list[dict[str, Any]]:
    return [
        {**row, "timestamp": dt.datetime.fromtimestamp(time / 1000, dt.UTC).isoformat()}
        for row, time in zip(rows, times, strict=True)
    ]


def as_json(rows: list[dict[str, Any]], times: list[int]) -> bytes:
    return json.dumps({"rows": stamped(rows, times)}).encode()


@pytest.fixture
def expected(tier_of: Callable[[], Tier], rows: list[dict[str, Any]], times: list[int]) -> bytes:
    """Return the verdict on one batch of JSON."""
    tier = tier_of()
    tier.post(as_json(rows, times), "application/json")
    verdict = tier.settle()
    document = json.loads(verdict)
    assert document["rows"] == ROWS
    drifting = {feature["feature"]: feature["why"] for feature in document["features"] if feature["drifting"]}
    assert [*drifting] == ["ratio", "city"]
    assert re.search(r"rose from 0 % to 5.0 % of the rows \('Neu \d+' 0.4 %, 'Neu", drifting["city"])
    return verdict


@pytest.mark.timeout(180)
def test_a_thousand_shuffled_batches_over_two_servers_each_sent_twice(
    expected: bytes, tier_of: Callable[[], Tier], rows: list[dict[str, Any]], times: list[int]
) -> None:
    tier = tier_of()
    order = np.random.default_rng(3).permutation(ROWS)
    batches = [[int(row) for row in part] for part in np.array_split(order, 1_000)]
    deliveries = [(number, batch) for number, batch in enumerate(batches) for _ in range(2)]
    random.Random(4).shuffle(deliveries)

    def deliver(delivery: tuple[int, list[int]]) -> bool:
        number, batch = delivery
        body = as_json([rows[row] for row in batch], [times[row] for row in batch])
        server = random.randrange(2)
        return bool(tier.post(body, "application/json", server=server, key=f"batch-{number}")["duplicate"])

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(deliver, deliveries)) == 1_000
    assert tier.settle() == expected


def test_arrow_msgpack_and_columns_of_json(
    expected: bytes, tier_of: Callable[[], Tier], rows: list[dict[str, Any]], times: list[int]
) -> None:
    arrow = tier_of()
    sink = pa.BufferOutputStream()
    table = table_of(rows, times)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=700)
    arrow.post(sink.getvalue().to_pybytes(), "application/vnd.apache.arrow.stream")
    assert arrow.settle() == expected

    columns = {name: [row[name] for row in stamped(rows, times)] for name in (*rows[0], "timestamp")}
    plain = tier_of()
    plain.post(json.dumps({"columns": columns}).encode(), "application/json", server=1)
    assert plain.settle() == expected

    packed = tier_of()
    packed.post(msgspec.msgpack.encode({"rows": stamped(rows, times)}), "application/msgpack")
    assert packed.settle() == expected


def as_event(row: dict[str, Any], time: int, number: int) -> dict[str, Any]:
    moment = dt.datetime.fromtimestamp(time / 1000, dt.UTC).isoformat()
    attributes = {"specversion": "1.0", "source": "agent", "type": "org.kubeflow.serving.inference.request"}
    return {**attributes, "id": str(number), "time": moment, "data": {"instances": [row]}}


@pytest.mark.timeout(180)
def test_cloud_events_in_shuffled_batches_over_two_servers_each_sent_twice(
    expected: bytes, tier_of: Callable[[], Tier], rows: list[dict[str, Any]], times: list[int]
) -> None:
    tier = tier_of()
    events = [as_event(row, time, number) for number, (row, time) in enumerate(zip(rows, times, strict=True))] * 2
    random.Random(5).shuffle(events)

    def deliver(batch: list[dict[str, Any]]) -> dict[str, int]:
        url = f"{random.choice(tier.urls)}/v1/models/m/events"
        answer = HTTP.request("POST", url, body=json.dumps(batch).encode())
        assert answer.status == 200, answer.data
        outcomes: dict[str, int] = answer.json()["outcomes"]
        return outcomes

    with ThreadPoolExecutor(8) as pool:
        batches = [events[first : first + 40] for first in range(0, len(events), 40)]
        told = sum(map(Counter, pool.map(deliver, batches)), Counter())
    assert told == {"rows": ROWS, "duplicate": ROWS}
    assert tier.settle() == expected


@pytest.mark.timeout(180)
def test_requests_and_answers_apart_in_any_order_over_two_servers_each_sent_twice(
    tier_of: Callable[..., Tier], rows: list[dict[str, Any]], times: list[int]
) -> None:
    kinds = {"branch": "categorical", "rate": "categorical"}
    reference = table_of(make_rows(0, 10_000))
    profile = Profile.fit(reference, model="m", prediction="city", kinds=kinds, independent=True)
    at_once, calls = tier_of(profile), [time for time in times[::3] for _ in range(3)]
    at_once.post(as_json(rows, calls), "application/json")
    expected = at_once.settle()
    assert json.loads(expected)["rows"] == ROWS

    tier, chance = tier_of(profile), random.Random(6)
    events = []
    for number, first in enumerate(range(0, ROWS, 3)):
        part = rows[first : first + 3]
        event = as_event({}, times[first], number)
        request = [{name: value for name, value in row.items() if name != "city"} for row in part]
        events.append({**event, "data": {"instances": request}})
        answer = {"predictions": [row["city"] for row in part]}
        events.append({**event, "type": "org.kubeflow.serving.inference.response", "data": answer})
    events *= 2
    chance.shuffle(events)

    def deliver(batch: list[dict[str, Any]]) -> dict[str, int]:
        answer = HTTP.request("POST", f"{chance.choice(tier.urls)}/v1/models/m/events", body=json.dumps(batch).encode())
        assert answer.status == 200, answer.data
        outcomes: dict[str, int] = answer.json()["outcomes"]
        return outcomes

    with ThreadPoolExecutor(8) as pool:
        batches = [events[first : first + 7] for first in range(0, len(events), 7)]
        told = sum(map(Counter, pool.map(deliver, batches)), Counter())
    assert told == {"rows": 1_000, "joined": told["joined"], "waiting": 1_000 - told["joined"], "duplicate": 2_000}
    assert told["joined"] > 100 < told["waiting"]
    assert tier.settle() == expected


def test_tensors_of_v2_in_json_and_in_binary(
    expected: bytes, tier_of: Callable[[], Tier], rows: list[dict[str, Any]], times: list[int]
) -> None:
    columns = {name: [row[name] for row in rows] for name in rows[0]} | {"timestamp": [time / 1000 for time in times]}
    datatypes = {"age": "INT64", "city": "BYTES", "member": "BOOL", "branch": "INT64"}
    named = [(name, values, datatypes.get(name, "FP64")) for name, values in columns.items()]
    described: list[dict[str, Any]] = [
        {"name": name, "shape": [ROWS, 1], "datatype": datatype} for name, _, datatype in named
    ]
    tail = []
    for (_, values, datatype), tensor in zip(named, described, strict=True):
        if datatype == "BYTES":
            texts = [str(value).encode() for value in values]
            raw = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
        else:
            dtype = {"INT64": "<i8", "BOOL": "?"}.get(datatype, "<f8")
            raw = np.array([np.nan if value is None else value for value in values], dtype).tobytes()
        tensor["parameters"] = {"binary_data_size": len(raw)}
        tail.append(raw)
    plain = [{**tensor, "parameters": {}, "data": columns[tensor["name"]]} for tensor in described]
    binary = json.dumps({"inputs": described}).encode() + b"".join(tail)
    for body in (json.dumps({"inputs": plain}).encode(), binary, gzip.compress(binary)):
        tier = tier_of()
        answer = HTTP.request("POST", f"{tier.urls[0]}/v2/models/m/infer", body=body)
        assert answer.status == 200, answer.data
        assert answer.json()["outputs"][0]["data"] == [ROWS]
        assert tier.settle() == expected


def test_panes_from_three_sdks_and_one_that_comes_after_the_freeze(
    expected: bytes, tier_of: Callable[[], Tier], rows: list[dict[str, Any]], times: list[int], profile: Profile
) -> None:
    tier = tier_of()
    monitors = [Monitor(tier.urls[number % 2], model="m", profile=profile) for number in range(3)]
    for number, (row, time) in enumerate(zip(rows, times, strict=True)):
        monitors[number % 3].observe(row, timestamp=time / 1000)
    for monitor in monitors:
        assert monitor.flush(timeout=20.0)
        monitor.close()
    assert tier.settle() == expected

    typed, _, _ = Reader(profile).read_records(rows[:250])
    summary = Binner(profile).observe(typed)
    pane = Pane(profile.digest, START, 10_000, "straggler", 1, summary, SourceTotals(250, 250))
    url = f"{tier.urls[0]}/v1/models/m/panes/{START}/straggler"
    for _ in range(2):
        answer = HTTP.request("PUT", url, body=encode_pane(pane))
        assert answer.status == 200, answer.data
        assert answer.json()["late"] == 250
    assert tier.settle() == expected
    (straggler,) = [source for source in tier.monitors[0].store.sources("m") if source.source == "straggler"]
    assert straggler.late == 250

"""Texts of unseen categories: from raw rows and panes to the verdict, or nowhere where the model wants none."""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.unseen import NO_TEXTS
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from tests.server.harness import NOW, STREAM, Client, arrow_bytes
from tests.server.samples import counted, problem_of, put_pane
from tests.support.clocks import SetClock

CITIES = ["Ulm", "zz", "zz", "EV\u202e"]
SAMPLE = {"city": {"EV\ufffd": 1, "zz": 2}}


def pane_with(profile: Profile, cities: list[str]) -> Pane:
    rows, _, _ = Reader(profile).read_records([{"city": city} for city in cities])
    return Pane(
        profile.digest, NOW, 1_000, "sdk/1", 1, Binner(profile).observe(rows), SourceTotals(len(cities), len(cities))
    )


def send_json(client: Client, profile: Profile) -> Any:
    return client.rows({"rows": [{"city": city} for city in CITIES]})


def send_msgpack(client: Client, profile: Profile) -> Any:
    body = msgspec.msgpack.encode({"columns": {"city": CITIES}})
    return client.post("/v1/models/shop/rows", content=body, headers={"Content-Type": "application/msgpack"})


def send_arrow(client: Client, profile: Profile) -> Any:
    table = pa.table({"city": pa.array(CITIES).dictionary_encode()})
    return client.post("/v1/models/shop/rows", content=arrow_bytes(table), headers={"Content-Type": STREAM})


def send_pane(client: Client, profile: Profile) -> Any:
    return put_pane(client, pane_with(profile, CITIES))


@pytest.mark.parametrize("send", [send_json, send_msgpack, send_arrow, send_pane])
def test_every_door_gives_the_same_texts_and_none_where_the_model_wants_none(
    client: Client, clock: SetClock, profile: Profile, send: Any
) -> None:
    assert send(client, profile).status_code == 200
    with_texts = counted(client, clock)
    assert with_texts.unseen.counts == SAMPLE
    assert client.put("/v1/models/shop/settings", json={"unseen_texts": False}).status_code == 200
    client.pass_time(clock, 3_000)
    if send is send_pane:
        start = clock.now // 1_000 * 1_000
        pane = pane_with(profile, CITIES)
        answer = put_pane(client, Pane(pane.digest, start, 1_000, "sdk/1", 2, pane.summary, pane.totals))
        assert answer.json()["unseen_texts"] is False
    else:
        assert send(client, profile).status_code == 200
    assert client.get("/v1/models/shop/profile").headers["Driftmeter-Unseen-Texts"] == "false"
    both = counted(client, clock)
    assert (both.rows, both.unseen.counts) == (8, SAMPLE)  # those of before


def test_a_pane_with_texts_of_no_rows_is_refused(client: Client, clock: SetClock, profile: Profile) -> None:
    pane = pane_with(profile, CITIES)
    lying = Pane(pane.digest, NOW, 1_000, "sdk/1", 1, pane_with(profile, ["Ulm"] * 4).summary, pane.totals)
    object.__setattr__(lying.summary, "unseen", pane.summary.unseen)
    problem = problem_of(put_pane(client, lying), 400, "unreadable")
    assert "0 rows of unseen texts in 'city'" in problem["detail"]
    assert counted(client, clock).unseen is NO_TEXTS

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.panes import codec
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from tests.server.harness import NOW, Client
from tests.server.samples import counted, pane_of, problem_of, put_pane
from tests.support.clocks import SetClock


def test_a_pane_is_counted_and_its_answer_has_what_a_source_must_know(
    client: Client, clock: SetClock, profile: Profile
) -> None:
    answer = put_pane(client, pane_of(profile, 5))
    assert answer.json() == {
        "late": 0,
        "digest": profile.digest,
        "pane_ms": 1_000,
        "lateness_ms": 0,
        "unseen_texts": True,
        "time_ms": NOW,
    }
    assert counted(client, clock) == pane_of(profile, 5).summary


def test_a_pane_sent_twice_or_out_of_order_changes_nothing(client: Client, clock: SetClock, profile: Profile) -> None:
    for rows in (3, 7, 7, 5):
        assert put_pane(client, pane_of(profile, rows, sequence=rows)).status_code == 200
    assert client.metric("driftmeter_rows_total") == {'{model="shop"}': 7}
    assert counted(client, clock) == pane_of(profile, 7).summary


def test_a_pane_after_the_freeze_changes_nothing_and_is_reported(
    client: Client, clock: SetClock, profile: Profile
) -> None:
    put_pane(client, pane_of(profile, 4))
    before = counted(client, clock)
    verdict = client.get("/v1/models/shop/verdict").content
    for _ in range(2):
        answer = put_pane(client, pane_of(profile, 9, sequence=2))
        assert (answer.status_code, answer.json()["late"]) == (200, 5)
    assert client.metric("driftmeter_rows_late_total") == {'{model="shop"}': 5}
    assert counted(client, clock) == before
    assert client.get("/v1/models/shop/verdict").content == verdict


def test_unreadable_values_are_listed_by_source_and_counted_once_by_feature(client: Client, profile: Profile) -> None:
    family = "driftmeter_values_unreadable_total"
    for sequence, values in ((1, 2), (3, 5), (2, 3), (3, 5)):
        totals = SourceTotals(5 * sequence, 5 * sequence, {}, {"amount": values})
        assert put_pane(client, pane_of(profile, 5, sequence, totals=totals)).status_code == 200
    client.rows({"rows": [{"amount": "dear"}, {"amount": 12.5}]})
    sources = {source["source"]: source for source in client.get("/v1/models/shop/sources").json()["sources"]}
    assert sources["sdk/1"]["unreadable"] == {"amount": 5}
    assert [source["unreadable"] for name, source in sources.items() if name != "sdk/1"] == [{"amount": 1}]
    assert client.metric(family) == {'{feature="amount",model="shop"}': 6.0}


def test_a_pane_of_an_unknown_profile_is_404(client: Client, profile: Profile) -> None:
    problem = problem_of(put_pane(client, pane_of(profile, 1, digest="f" * 32)), 404, "unknown_profile")
    assert profile.digest in problem["detail"]


def test_a_pane_whose_address_is_another_is_refused(client: Client, profile: Profile) -> None:
    problem_of(put_pane(client, pane_of(profile, 1), start=NOW + 1_000), 422, "mismatch")
    problem_of(put_pane(client, pane_of(profile, 1), source="other"), 422, "mismatch")
    answer = client.put("/v1/models/shop/panes/soon/sdk%2F1", content=encode_pane(pane_of(profile, 1)))
    problem_of(answer, 422, "mismatch")


def test_a_pane_from_the_future_is_refused_and_counted(client: Client, profile: Profile) -> None:
    put_pane(client, pane_of(profile, 1, start=NOW + 60_000))
    problem_of(put_pane(client, pane_of(profile, 1, start=NOW + 61_000)), 422, "future")
    assert client.metric("driftmeter_rejected_requests_total") == {'{reason="future"}': 1}


def test_a_pane_whose_counts_cannot_be_is_refused(client: Client, clock: SetClock, profile: Profile) -> None:
    good = pane_of(profile, 5).summary
    wrapped = good.counts.copy()
    wrapped[0:3] += [2**62, 2**62, 2**63 - 1]
    for summary in (
        Summary(6, good.counts),
        Summary(5, good.counts[:-1]),
        Summary(5, wrapped),
        Summary(2**50, good.counts),
    ):
        problem_of(put_pane(client, pane_of(profile, 5, summary=summary)), 400, "unreadable")
    problem_of(put_pane(client, pane_of(profile, 5, source="s" * 201), source="s" * 201), 400, "unreadable")
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


@pytest.mark.parametrize(
    "changes",
    [{"source": "log:topic"}, {"length": 50, "start": NOW - 50}, {"length": 99, "start": 99}],
)
def test_a_pane_that_would_get_in_the_way_of_others_is_refused(
    client: Client, profile: Profile, changes: dict[str, Any]
) -> None:
    pane = pane_of(profile, 5, **changes)
    problem_of(put_pane(client, pane, source=pane.source), 422, "bad_pane")
    assert put_pane(client, pane_of(profile, 5, length=100)).status_code == 200


def test_a_sequence_that_a_store_could_not_count_on_from_is_refused(client: Client, profile: Profile) -> None:
    pane = pane_of(profile, 5, sequence=2**62)
    assert problem_of(put_pane(client, pane), 400, "unreadable")["where"] == "pane.sequence"


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

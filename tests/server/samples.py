"""Rows, panes and profiles for a metric server, ways to send them, and a check of its problems."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import httpx

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from tests.server.harness import NOW, Client
from tests.support.clocks import SetClock

ROWS: dict[str, list[dict[str, Any]]] = {"rows": [{"amount": 12.5, "city": "Ulm"}, {"amount": None, "city": "Bonn"}]}


def problem_of(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Check that an answer is a problem of that status and kind, and return it."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:driftmeter:problem:{slug}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


def counted(client: Client, clock: SetClock, digest: str | None = None) -> Summary:
    """Close all panes of `shop`, and return the sum of all its slices."""
    client.pass_time(clock, 3_000)
    engine = client.engine
    record = engine.store.model("shop")
    bins = engine.compiled("shop", digest).profile.bins
    slices = engine.store.recent("shop", digest or record.digest, record.frozen, WindowSetting(10**12, 0))
    return Summary.sum((part.summary for part in slices), bins)


def pane_of(profile: Profile, rows: int, sequence: int = 1, start: int = NOW, **changes: Any) -> Pane:
    """Return a pane of the source `sdk/1` with so many rows."""
    reader, binner = Reader(profile), Binner(profile)
    summary = binner.observe(reader.read_records([{"amount": float(i)} for i in range(rows)])[0])
    pane = Pane(profile.digest, start, 1_000, "sdk/1", sequence, summary, SourceTotals(rows, rows))
    return replace(pane, **changes)


def put_pane(client: Client, pane: Pane, start: int | None = None, source: str = "sdk%2F1") -> httpx.Response:
    """Put a pane to the model `shop`, under its own address unless another is given."""
    start = pane.start if start is None else start
    return client.put(f"/v1/models/shop/panes/{start}/{source}", content=encode_pane(pane))


def altered_profile(profile: Profile, **changes: Any) -> bytes:
    """Return a profile, as bytes, whose first feature is changed, with the digest that belongs to it."""
    content = profile.to_json()
    del content["digest"]
    first, *rest = content["features"]
    content["features"] = [{**first, **changes}, *rest]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return json.dumps({**content, "digest": hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}).encode()

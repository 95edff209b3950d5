"""The short way of panes and rows must answer as Starlette's own layers do."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from driftmeter.engine.engine import Engine
from driftmeter.panes.codec import encode_pane
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.server.application import Application
from driftmeter.store.sqlite.store import SQLiteStore
from tests.server.harness import NOW, Client, running
from tests.server.samples import ROWS, pane_of, put_pane
from tests.support.clocks import SetClock

PANES = f"/v1/models/shop/panes/{NOW}"
FAMILIES = ("driftmeter_rejected_requests_total", "driftmeter_rows_total", "driftmeter_request_duration_seconds_count")


@pytest.fixture
def clients(profile: Profile) -> Iterator[tuple[Client, httpx.AsyncClient]]:
    """A client of the application, and one that goes through the layers of Starlette alone."""
    engine = Engine(SQLiteStore(None, clock=SetClock(NOW)), timing=Timing(1_000, 0))
    engine.register(profile)
    with running(engine) as client:
        layers = httpx.ASGITransport(partial(Starlette.__call__, client.app), raise_app_exceptions=False)
        yield client, httpx.AsyncClient(transport=layers, base_url="http://metric-server")
    engine.store.close()


@pytest.fixture
def requests(profile: Profile) -> list[tuple[str, str, dict[str, Any]]]:
    pane = encode_pane(pane_of(profile, 5))
    ahead = encode_pane(replace(pane_of(profile, 5), start=NOW + 86_400_000))
    return [
        ("PUT", f"{PANES}/sdk%2F1", {"content": pane}),
        ("PUT", f"{PANES}/sdk%2F1", {"content": gzip.compress(pane), "headers": {"Content-Encoding": "gzip"}}),
        ("PUT", f"{PANES}/sdk%2F1", {"content": pane, "headers": {"Content-Encoding": "br"}}),
        ("PUT", f"{PANES}/sdk%2F1?a=b", {"content": pane}),
        ("PUT", f"{PANES}/other", {"content": pane}),
        ("PUT", f"{PANES}/a%0Ab", {"content": pane}),
        ("PUT", f"{PANES}/", {"content": pane}),
        ("PUT", PANES, {"content": pane}),
        ("PUT", f"{PANES}/sdk%2F1", {"content": pane[:-3]}),
        ("PUT", f"{PANES}/sdk%2F1", {"content": b""}),
        ("PUT", f"/v1/models/shop/panes/{NOW + 86_400_000}/sdk%2F1", {"content": ahead}),
        ("PUT", f"/v1/models/nobody/panes/{NOW}/sdk%2F1", {"content": pane}),
        ("POST", f"{PANES}/sdk%2F1", {"content": pane}),
        ("POST", "/v1/models/shop/rows", {"json": ROWS}),
        ("POST", "/v1/models/shop/rows?nan=x", {"json": ROWS}),
        ("POST", "/v1/models/shop/rows", {"content": b"{"}),
        ("POST", "/v1/models/shop/rows/", {"json": ROWS}),
        ("PUT", "/v1/models/shop/rows", {"json": ROWS}),
    ]


def test_every_request_gets_the_answer_of_the_layers(
    clients: tuple[Client, httpx.AsyncClient], requests: list[tuple[str, str, dict[str, Any]]]
) -> None:
    client, layers = clients

    def counted() -> dict[str, float]:
        return {name + labels: value for name in FAMILIES for labels, value in client.metric(name).items()}

    client.request("PUT", f"{PANES}/sdk%2F1", content=requests[0][2]["content"])  # its rows count once
    for method, path, options in requests:
        before = counted()
        ours = client.request(method, path, **options)
        between = counted()
        theirs = client.through(layers, method, path, **options)
        after = counted()
        assert (ours.status_code, ours.content, ours.headers) == (theirs.status_code, theirs.content, theirs.headers), (
            path
        )
        names = between.keys() | after.keys()
        growth = {name: between.get(name, 0) - before.get(name, 0) for name in names if "/metrics" not in name}
        assert growth == {name: after.get(name, 0) - between.get(name, 0) for name in growth}, path


def test_panes_and_rows_take_the_short_way(client: Client, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    layers = Starlette.__call__

    async def note(app: Starlette, scope: Any, *channels: Any) -> None:
        taken.append(scope["path"])
        await layers(app, scope, *channels)

    monkeypatch.setattr(Starlette, "__call__", note)
    assert isinstance(client.app, Application)
    assert put_pane(client, pane_of(profile, 5)).status_code == 200
    assert client.rows(ROWS).status_code == 200
    assert taken == []
    client.get("/healthz")
    assert taken == ["/healthz"]


def test_a_fault_of_the_server_is_a_problem_and_goes_on_to_the_log_of_uvicorn(
    client: Client, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.engine, "now", lambda: 1 / 0)
    raising = httpx.ASGITransport(client.app)
    with pytest.raises(ZeroDivisionError):
        client.through(
            httpx.AsyncClient(transport=raising, base_url="http://metric-server"),
            *("PUT", f"{PANES}/sdk%2F1"),
            content=encode_pane(pane_of(profile, 5)),
        )
    answer = put_pane(client, pane_of(profile, 5))
    assert (answer.status_code, answer.json()["detail"]) == (500, "see the server's log")

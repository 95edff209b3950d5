"""Each route is asked once: the client of these tests checks that the answer fits what the table declares."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from starlette.routing import Match

from driftmeter.panes.codec import encode_pane
from driftmeter.profile.profile import Profile
from driftmeter.server.routes.table import OPERATIONS
from tests.server.contract import assert_shape, operation_of
from tests.server.harness import NOW, Client
from tests.server.samples import ROWS, pane_of
from tests.server.traffic import drift
from tests.support.clocks import SetClock

MODEL = "/v1/models/shop"
EVENT = {"ce-id": "7", "ce-type": "request", "ce-inferenceservicename": "shop"}
BODY = b'{"inputs": [{"name": "amount", "shape": [1], "datatype": "FP64", "data": [12.5]}]}'


def requests(profile: Profile, incident: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return a request that succeeds for each route; of those that delete a model the last."""
    return [
        ("POST", f"{MODEL}/rows", {"json": ROWS}),
        ("PUT", f"{MODEL}/panes/{NOW}/sdk%2F1", {"content": encode_pane(pane_of(profile, 5))}),
        ("PUT", f"{MODEL}/profile", {"content": profile.dumps()}),
        *(
            ("POST", path, {"headers": EVENT, "content": BODY})
            for path in (f"{MODEL}/events", "/", "/consumer/kserve/v2")
        ),
        ("POST", "/v2/models/shop/infer", {"content": BODY}),
        ("POST", "/v2/models/shop/versions/3/infer", {"content": BODY}),
        ("GET", "/v2/models/shop", {}),
        ("GET", "/v2/health/live", {}),
        ("GET", "/v2/health/ready", {}),
        ("GET", "/v1/models", {}),
        ("GET", f"{MODEL}/profile", {}),
        ("GET", f"{MODEL}/profile/from-live", {"params": {"since": "0"}}),
        ("GET", f"{MODEL}/profile/summary", {}),
        ("GET", f"{MODEL}/verdict", {}),
        ("GET", f"{MODEL}/overview", {}),
        ("GET", f"{MODEL}/trends", {}),
        ("GET", f"{MODEL}/features/amount", {}),
        ("GET", f"{MODEL}/features/amount", {"params": {"at": NOW / 1000 + 3}}),
        ("GET", f"{MODEL}/features/amount/timeline", {}),
        ("GET", f"{MODEL}/history", {}),
        ("GET", f"{MODEL}/sources", {}),
        ("GET", f"{MODEL}/incidents", {}),
        ("POST", f"{MODEL}/incidents/{incident}/acknowledge", {"json": {"note": "seen"}}),
        ("GET", f"{MODEL}/report", {}),
        ("GET", f"{MODEL}/settings", {}),
        ("PUT", f"{MODEL}/settings", {"json": {"features": {"amount": {"tolerance": 0.5, "pages": False}}}}),
        ("DELETE", f"{MODEL}/settings", {}),
        ("POST", f"{MODEL}/expected", {"json": {"feature": "amount", "for": "1h", "note": "new currency"}}),
        ("GET", f"{MODEL}/expected", {}),
        ("DELETE", f"{MODEL}/expected", {"params": {"feature": "amount"}}),
        ("GET", "/metrics", {}),
        ("GET", "/healthz", {}),
        ("GET", "/readyz", {}),
        ("DELETE", MODEL, {}),
    ]


def test_each_route_answers_what_the_table_declares(client: Client, clock: SetClock, profile: Profile) -> None:
    drift(client, clock)
    (incident,) = client.get(f"{MODEL}/incidents").json()["incidents"]
    asked = {"get_events"}  # the answer never ends: a real server is asked in test_run
    for method, path, options in requests(profile, incident["id"]):
        answer = client.request(method, path, **options)
        operation = operation_of(method, answer.request.url.path)
        assert operation is not None
        assert answer.status_code in operation.answers, answer.text
        asked.add(operation.handler.__name__)
    unasked = {operation.handler.__name__ for operation in OPERATIONS} - asked
    assert not unasked, "add a request to each of them to `requests`, before the model is deleted"


def test_an_answer_of_another_shape_would_be_noticed() -> None:
    health = operation_of("GET", "/healthz")
    assert health is not None
    declared = health.answers[200]["application/json"]
    assert_shape(b'{"status":"ok"}', declared)
    for wrong in (b'{"status":"well"}', b"{}", b'{"status":"ok","since":0}'):
        with pytest.raises((msgspec.ValidationError, AssertionError)):
            assert_shape(wrong, declared)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.handler.__name__)
def test_a_route_takes_its_method_alone(operation: Any) -> None:
    path = operation.template.replace("{", "").replace("}", "")
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"):
        match, _ = operation.route().matches({"type": "http", "method": method, "path": path, "headers": []})
        assert match is (Match.FULL if method == operation.method else Match.PARTIAL)


def test_the_routes_of_most_traffic_are_matched_first() -> None:
    assert [operation.handler.__name__ for operation in OPERATIONS[:2]] == ["post_rows", "put_pane"]

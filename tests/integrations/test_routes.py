from __future__ import annotations

from typing import Any

import pytest

from driftmeter.errors import InputError
from driftmeter.integrations.routes import RouteTable, WatchedRoute


def test_a_route_may_be_a_path_alone_with_its_rows_or_with_predictions_too() -> None:
    both = WatchedRoute(rows="$.data", predictions="$.scores[*]")
    routes = RouteTable({"/auto": None, "/rows": "$.data", "/both": both})
    assert routes.find("/auto") == WatchedRoute()
    assert routes.find("/rows") == WatchedRoute(rows="$.data")
    assert routes.find("/both") is both
    assert routes.find("/both/") is routes.find("/") is None
    assert RouteTable(["/auto"]).find("/auto") == WatchedRoute()


def test_a_name_in_braces_stands_for_one_part_of_a_path() -> None:
    routes = RouteTable(["/v1/models/{model}:predict", "/v2/models/{model}/versions/{version}/infer", "/a.b"])
    for path in ("/v1/models/credit:predict", "/v2/models/a b/versions/7/infer", "/a.b"):
        assert routes.find(path) is not None
    for path in ("/v1/models/a/b:predict", "/v1/models/:predict", "/v2/models/a/infer", "/aXb"):
        assert routes.find(path) is None


@pytest.mark.parametrize(
    ("routes", "field"),
    [
        ("/predict", "routes"),
        (None, "routes"),
        ({}, "routes"),
        (["predict"], "routes"),
        ([3], "routes"),
        ({"/predict": 3}, "routes['/predict']"),
        ({"/predict": "instances"}, "rows"),
    ],
)
def test_what_is_no_route_is_refused_at_once(routes: Any, field: str) -> None:
    with pytest.raises(InputError) as caught:
        RouteTable(routes)
    assert caught.value.field == field

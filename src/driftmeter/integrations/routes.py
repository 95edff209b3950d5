"""The routes of a model server whose rows are counted: where each has its rows, and where its predictions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.integrations.json_path import JsonPath
from driftmeter.payloads.table import OfClass

ROUTE = "a path such as /predict or /models/{name}/infer"
_NAME = re.compile(r"\{[^{}/]*\}")


@dataclass(frozen=True)
class WatchedRoute:
    """Where a route has its rows and its predictions, as JSON paths.

    Without `rows`, the form of the body says where they are: the Open Inference Protocol V2 and V1, MLflow's and
    Seldon's bodies, or plain rows. At `rows` is a row, or an array of rows; each is an object, or an array of values
    in the order of the monitor's columns, or else of the profile's. `predictions` is the same for the answer, of which
    each row has one value: the only one, or the one under the name of the profile's prediction column. Of answers with
    a probability for each class, `of_class` says which one is the prediction: its position from 0, or its name.
    """

    rows: str | None = None
    predictions: str | None = None
    of_class: OfClass | None = None

    def __post_init__(self) -> None:
        """Raise InputError on a path that is none, and on a class that is neither a position nor a name."""
        of_class = self.of_class
        if of_class is not None and not (type(of_class) is int and of_class >= 0) and not (isinstance(of_class, str)):
            raise InputError("of_class", "a position from 0, or a name", describe(of_class))
        self.paths  # noqa: B018 - they are read here

    @cached_property
    def paths(self) -> tuple[JsonPath | None, JsonPath | None]:
        """The paths of rows and predictions."""
        rows = None if self.rows is None else JsonPath.parse(self.rows, "rows")
        return rows, None if self.predictions is None else JsonPath.parse(self.predictions, "predictions")


Routes = Mapping[str, WatchedRoute | str | None] | Iterable[str]
"""Routes by path, each with a WatchedRoute, the path of its rows, or None; or the paths alone."""


class RouteTable:
    """Finds the route of a request; a `{name}` in its path stands for one part of a path."""

    def __init__(self, routes: Routes) -> None:
        """Read the routes; raises InputError where one is no path, or leads to something else than a WatchedRoute."""
        if isinstance(routes, str) or not isinstance(routes, Iterable):
            raise InputError("routes", "a mapping of paths, such as {'/predict': '$.instances[*]'}", describe(routes))
        given = dict(routes) if isinstance(routes, Mapping) else dict.fromkeys(routes)
        if not given:
            raise InputError("routes", "at least one route", "none")
        self._plain: dict[str, WatchedRoute] = {}
        self._patterns: list[tuple[re.Pattern[str], WatchedRoute]] = []
        for path, route in given.items():
            if not isinstance(path, str) or not path.startswith("/"):
                raise InputError("routes", ROUTE, describe(path))
            if not isinstance(route, WatchedRoute):
                if route is not None and not isinstance(route, str):
                    raise InputError(f"routes[{path!r}]", "a WatchedRoute, or the path of the rows", describe(route))
                route = WatchedRoute(route)
            if _NAME.search(path):
                parts = map(re.escape, _NAME.split(path))
                self._patterns.append((re.compile("[^/]+".join(parts)), route))
            else:
                self._plain[path] = route

    def find(self, path: str) -> WatchedRoute | None:
        """Return the route of a path, or None where its requests are not looked at.

        >>> RouteTable(["/models/{name}/infer"]).find("/models/m/infer")
        WatchedRoute(rows=None, predictions=None, of_class=None)
        """
        found = self._plain.get(path)
        if found is None and self._patterns:
            for pattern, route in self._patterns:
                if pattern.fullmatch(path):
                    return route
        return found

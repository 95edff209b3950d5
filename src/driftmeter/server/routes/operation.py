"""Operation: one method of one path, as the table of routes declares it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]
"""Plain functions run on a thread, since they wait for the store; coroutines run on the event loop."""
Content = Mapping[str, Any]
"""Media types and the type of what they carry: any that msgspec describes, or `str` or `bytes` if it is no JSON."""

JSON_TYPE = "application/json"


class AnyText(PathConvertor):
    """Convert the rest of a path, line breaks included; paths name it `anything`."""

    regex = r"[\s\S]*"


register_url_convertor("anything", AnyText())


@dataclass(frozen=True)
class Operation:
    """One method of one path: its handler, its inputs, its answers, and the problems it may answer with.

    `answers` and `problems` are by status. `query`, `headers` and `answer_headers` are structs with a field for each
    parameter or header. `path` is written as Starlette reads it, with convertors, such as `anything`.
    """

    method: Literal["GET", "PUT", "POST", "DELETE"]
    path: str
    handler: Handler
    tag: Literal["write", "read", "operate"]
    summary: str
    answers: Mapping[int, Content]
    problems: tuple[int, ...] = ()
    query: type[msgspec.Struct] | None = None
    headers: type[msgspec.Struct] | None = None
    answer_headers: type[msgspec.Struct] | None = None
    body: Content = field(default_factory=dict)
    body_required: bool = True

    @property
    def template(self) -> str:
        """The path without convertors, as people and OpenAPI write it.

        >>> Operation("GET", "/features/{name:path}", print, "read", "", {}).template
        '/features/{name}'
        """
        return re.sub(r"{(\w+):\w+}", r"{\1}", self.path)

    @property
    def description(self) -> str:
        """What the handler's docstring says."""
        return inspect.getdoc(self.handler) or ""

    def route(self) -> Route:
        """Return the route that Starlette matches."""
        return route_of(self.method, self.path, self.handler)


def route_of(method: str, path: str, handler: Handler) -> Route:
    """Return a route of one method alone, where Starlette would add HEAD to GET.

    >>> route_of("GET", "/healthz", print).methods
    {'GET'}
    """
    route = Route(path, handler, methods=[method])
    route.methods = {method}
    return route

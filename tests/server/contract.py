"""What the table of routes promises of requests and answers, checked on real ones."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
from starlette.routing import Match

from driftmeter.server.problems import PROBLEM_TYPE, Problem
from driftmeter.server.routes.operation import JSON_TYPE, Operation
from driftmeter.server.routes.rows import RowsBody
from driftmeter.server.routes.table import OPERATIONS

_ROUTES = [(operation, operation.route()) for operation in OPERATIONS]
_UNDECLARED = {400, 405, 500, 503}
"""Problems that any route may answer: the client left, or used another method; the server failed, or is too busy."""


def operation_of(method: str, path: str) -> Operation | None:
    """Return the operation that takes a request; None where no operation does."""
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    return next((operation for operation, route in _ROUTES if route.matches(scope)[0] is Match.FULL), None)


def check_answer(answer: httpx.Response) -> None:
    """Check that the answer to a request has a declared status, type and shape, and no more than that."""
    request = answer.request
    operation = operation_of(request.method, request.url.path)
    media = answer.headers.get("content-type")
    if media == PROBLEM_TYPE:
        if request.method != "HEAD":
            assert_shape(answer.content, Problem)
        declared = {404} if operation is None else set(operation.problems)
        assert answer.status_code in declared | _UNDECLARED, f"{operation}: undeclared problem {answer.text}"
    elif operation is not None:
        _check_success(operation, answer, media)


def _check_success(operation: Operation, answer: httpx.Response, media: str | None) -> None:
    content = operation.answers[answer.status_code]
    if not content:
        assert (answer.content, media) == (b"", None)
        return
    assert media is not None
    declared = next(type_ for name, type_ in content.items() if media.startswith(name))
    if declared is not str:
        assert_shape(answer.content, declared)
    if operation.answer_headers is not None:
        assert all(name in answer.headers for name in operation.answer_headers.__struct_encode_fields__)
    body = operation.body.get(JSON_TYPE)
    if body not in (None, RowsBody, bytes) and answer.request.content:  # rows are read one by one: some may be wrong
        msgspec.json.decode(answer.request.content, type=body)


def assert_shape(content: bytes, type_: Any) -> None:
    """Assert that JSON fits a type, and holds nothing that the type does not know."""
    value = msgspec.json.decode(content, type=type_)
    assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(content)

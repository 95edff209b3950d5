"""Errors as `application/problem+json` (RFC 9457): one table says which error is which status.

ParameterError             a parameter of the query is absent or cannot be read
RequestError
├── TooLargeError          more than the server takes at once
├── UnsupportedMediaError  the server reads no such content type or encoding
├── MismatchError          the address and the content name different things
├── FutureError            the pane is from a clock that is far ahead
├── BadPaneError           the pane would get in the way of others
├── KeyConflictError       the idempotency key was used for another batch
├── NotFoundError          the model has no such feature or incident
└── OverloadedError        too many writes wait for the store, or too many bodies are held
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from driftmeter.errors import (
    DriftmeterError,
    InputError,
    ProfileError,
    StoreError,
    StoreUnavailableError,
    UnknownModelError,
    UnknownProfileError,
)

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER = 1
"""Seconds after which a client may try again."""


class ParameterError(DriftmeterError):
    """A parameter of the query is absent or cannot be read."""

    def __init__(self, where: str, sentence: str, got: str) -> None:
        """Keep the parameter's name and the value that came, for the fields `where` and `got` of the problem."""
        super().__init__(f"{where}: {sentence}")
        self.where, self.got = where, got[:60]


class RequestError(InputError):
    """A request is refused for a reason that only HTTP has."""


class TooLargeError(RequestError):
    """The body, compressed or decompressed, or what it decodes to, exceeds the limit."""


class UnsupportedMediaError(RequestError):
    """This route does not read this content type or encoding."""


class MismatchError(RequestError):
    """The address and the content name different things."""


class FutureError(RequestError):
    """The pane starts further ahead than any working clock can be."""


class BadPaneError(RequestError):
    """The pane is readable, but its source or its length is not allowed."""


class KeyConflictError(RequestError):
    """The idempotency key was used for another batch."""


class NotFoundError(RequestError):
    """The model has no feature, incident or mark of that name."""


class OverloadedError(RequestError):
    """More writes wait for the store, or more bodies are held, than the server allows."""


@dataclass(frozen=True)
class ProblemKind:
    """A kind of problem: its status, its slug, which is also the label `reason` of a metric, and its fixed title."""

    status: int
    slug: str
    title: str


class Problem(msgspec.Struct):
    """Why a request was refused (RFC 9457)."""

    type: Annotated[str, Meta(description="A URN that ends with the slug of the kind of problem.")]
    title: str
    status: int
    detail: str
    where: Annotated[str, Meta(description="What is at fault: a field, a parameter, a header.")] | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    got: str | UnsetType = UNSET


INTERNAL = ProblemKind(500, "internal", "The server failed")
KINDS: tuple[tuple[type[Exception], ProblemKind], ...] = (
    (ParameterError, ProblemKind(422, "bad_parameter", "A parameter cannot be read")),
    (TooLargeError, ProblemKind(413, "too_large", "The request is too large")),
    (UnsupportedMediaError, ProblemKind(415, "unsupported_type", "This content type is not read here")),
    (MismatchError, ProblemKind(422, "mismatch", "The address and the content disagree")),
    (FutureError, ProblemKind(422, "future", "The pane is ahead of the server's clock")),
    (BadPaneError, ProblemKind(422, "bad_pane", "The pane cannot be used")),
    (KeyConflictError, ProblemKind(422, "key_conflict", "The idempotency key stood for another batch")),
    (NotFoundError, ProblemKind(404, "not_found", "Not found")),
    (OverloadedError, ProblemKind(503, "overloaded", "Too much is waiting")),
    (UnknownModelError, ProblemKind(404, "unknown_model", "Unknown model")),
    (UnknownProfileError, ProblemKind(404, "unknown_profile", "Unknown profile")),
    (ProfileError, ProblemKind(422, "bad_profile", "The profile cannot be used")),
    (InputError, ProblemKind(400, "unreadable", "The request cannot be read")),
    (StoreUnavailableError, ProblemKind(503, "unavailable", "The store is away")),
    (StoreError, ProblemKind(500, "store", "The store failed")),
)
KIND_BY_STATUS = {
    404: ProblemKind(404, "not_found", "Not found"),
    405: ProblemKind(405, "method_not_allowed", "This method is not allowed here"),
}


def kind_of(error: Exception) -> ProblemKind:
    """Look an error up in the table; an error that is not in it is the server's fault."""
    return next((kind for cls, kind in KINDS if isinstance(error, cls)), INTERNAL)


def problem_response(
    kind: ProblemKind,
    detail: str,
    *,
    where: str | UnsetType = UNSET,
    expected: str | UnsetType = UNSET,
    got: str | UnsetType = UNSET,
) -> Response:
    """Write a problem; the parts that are unset are left out."""
    content = Problem(f"urn:driftmeter:problem:{kind.slug}", kind.title, kind.status, detail, where, expected, got)
    headers = {"Retry-After": str(RETRY_AFTER)} if kind.status == 503 else None
    return Response(msgspec.json.encode(content), status_code=kind.status, headers=headers, media_type=PROBLEM_TYPE)


def error_response(error: Exception) -> Response:
    """Write an error as a problem; an internal error reveals nothing."""
    kind = kind_of(error)
    if kind is INTERNAL:
        return problem_response(kind, "see the server's log")
    if isinstance(error, InputError):
        return problem_response(kind, str(error), where=error.field, expected=error.expected, got=error.got)
    if isinstance(error, ParameterError):
        return problem_response(kind, str(error), where=error.where, got=error.got)
    return problem_response(kind, str(error.args[0]) if error.args else kind.title)

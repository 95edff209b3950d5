"""Errors as `application/problem+json` (RFC 9457): one table says which error is which status.

RequestError
├── TooLargeError          more than the server takes at once
├── UnsupportedMediaError  a content type or encoding that is not read here
├── MismatchError          the address says one thing, the content another
├── FutureError            a pane from a clock that is far ahead
├── BadPaneError           a pane that would get in the way of others
├── KeyConflictError       an idempotency key that stood for another batch
├── NotFoundError          the model has no such feature or incident
└── OverloadedError        too many writes wait for the store, or too many bodies are held
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from driftmeter.errors import (
    InputError,
    ProfileError,
    StoreError,
    StoreUnavailableError,
    UnknownModelError,
    UnknownProfileError,
)

RETRY_AFTER = 1
"""Seconds after which a refused write may come again."""


class RequestError(InputError):
    """A request is refused for a reason of HTTP's own."""


class TooLargeError(RequestError):
    """The body, inflated or not, or what it would unfold to, is beyond the limit."""


class UnsupportedMediaError(RequestError):
    """The content type or encoding is none that this route reads."""


class MismatchError(RequestError):
    """The URL and the content name different things."""


class FutureError(RequestError):
    """A pane starts further ahead than any working clock would say."""


class BadPaneError(RequestError):
    """The pane is readable, and would be mistaken for another, or could not be replaced, or is too short."""


class KeyConflictError(RequestError):
    """The idempotency key was used for another batch."""


class NotFoundError(RequestError):
    """The model has nothing of that name."""


class OverloadedError(RequestError):
    """More writes wait for the store, or more bodies come at once, than the server holds."""


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its status, a slug that is also the label `reason`, a title that never varies."""

    status: int
    slug: str
    title: str


INTERNAL = Kind(500, "internal", "The server failed")
KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (TooLargeError, Kind(413, "too_large", "The request is too large")),
    (UnsupportedMediaError, Kind(415, "unsupported_type", "This content type is not read here")),
    (MismatchError, Kind(422, "mismatch", "The address and the content disagree")),
    (FutureError, Kind(422, "future", "The pane is ahead of the server's clock")),
    (BadPaneError, Kind(422, "bad_pane", "The pane cannot be used")),
    (KeyConflictError, Kind(422, "key_conflict", "The idempotency key stood for another batch")),
    (NotFoundError, Kind(404, "not_found", "Not found")),
    (OverloadedError, Kind(503, "overloaded", "Too much is waiting")),
    (UnknownModelError, Kind(404, "unknown_model", "Unknown model")),
    (UnknownProfileError, Kind(404, "unknown_profile", "Unknown profile")),
    (ProfileError, Kind(422, "bad_profile", "The profile cannot be used")),
    (InputError, Kind(400, "unreadable", "The request cannot be read")),
    (StoreUnavailableError, Kind(503, "unavailable", "The store is away")),
    (StoreError, Kind(500, "store", "The store failed")),
)
OF_STATUS = {
    404: Kind(404, "not_found", "Not found"),
    405: Kind(405, "method_not_allowed", "This method is not allowed here"),
    422: Kind(422, "bad_parameter", "A parameter cannot be read"),
}


def kind_of(error: Exception) -> Kind:
    """Look an error up in the table; what is not in it is the server's fault."""
    return next((kind for cls, kind in KINDS if isinstance(error, cls)), INTERNAL)


def problem(
    kind: Kind,
    detail: str,
    *,
    where: str | None = None,
    expected: str | None = None,
    got: str | None = None,
) -> Response:
    """Write a problem; the parts that are None are left out."""
    parts = {"where": where, "expected": expected, "got": got}
    content = {
        "type": f"urn:driftmeter:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        **{name: value for name, value in parts.items() if value is not None},
    }
    headers = {"Retry-After": str(RETRY_AFTER)} if kind.status == 503 else None
    return Response(
        msgspec.json.encode(content), status_code=kind.status, headers=headers, media_type="application/problem+json"
    )


def problem_of(error: Exception) -> Response:
    """Write an error as a problem; an error that is the server's own fault says nothing of its inside."""
    kind = kind_of(error)
    if kind is INTERNAL:
        return problem(kind, "see the server's log")
    if isinstance(error, InputError):
        return problem(kind, str(error), where=error.field, expected=error.expected, got=error.got)
    return problem(kind, str(error.args[0]) if error.args else kind.title)

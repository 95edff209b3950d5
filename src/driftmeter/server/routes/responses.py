"""Responses with JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from driftmeter.server.routes.operation import JSON_TYPE

_encoder = msgspec.json.Encoder()


def json_response(content: Any, status: int = 200) -> Response:
    """Encode an answer as JSON: a struct, a dictionary, or whatever else msgspec encodes."""
    return Response(_encoder.encode(content), status_code=status, media_type=JSON_TYPE)

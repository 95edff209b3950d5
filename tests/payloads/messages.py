"""Messages of real programs, as they were on the wire: tests/payloads/real/README.md says of which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from driftmeter.data.columns import Column, Dictionary

REAL = Path(__file__).parent / "real"


def message(name: str) -> tuple[dict[str, str], bytes]:
    """Return the headers, with lower-case names, and the body of a message, out of its chunks."""
    head, _, body = (REAL / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    lines = [line.partition(":") for line in head.decode().split("\r\n")[1:]]
    headers = {name.lower(): value.strip() for name, _, value in lines}
    return headers, _joined(body) if headers.get("transfer-encoding") == "chunked" else body


def json_length(headers: dict[str, str]) -> int | None:
    length = headers.get("inference-header-content-length")
    return None if length is None else int(length)


def plain(column: Column) -> list[Any]:
    """Return a column as a list."""
    assert not isinstance(column, Dictionary)
    return column.tolist() if isinstance(column, np.ndarray) else column


def _joined(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        body, chunks = body + rest[:length], rest[length + 2 :] if length else b""
    return body

"""Which bodies are read on the event loop: those that unfold to so little that a thread would take longer.

Bytes alone do not tell: a few kilobytes of Arrow or of empty objects are a hundred thousand rows. The check takes 7 us
(msgpack) or 13 us (Arrow) of a batch of 1,000 rows by 30 features, and saves 40 us for a change of threads; the slowest
1 MB of hostile msgpack takes 6 ms (bench/guards.py).
"""

from __future__ import annotations

import struct

import pyarrow as pa

from driftmeter.server.ingest import arrow
from driftmeter.server.ingest.arrow_messages import Message
from driftmeter.server.ingest.media import Media
from driftmeter.server.ingest.packed import decode_packed, most_rows_of

_VALUES = 150_000
"""Rows times columns: about as many as are read in two milliseconds."""
_TEXT = 64_000
"""Bytes of a body of single values: each costs much more than one of a packed column."""
_BYTES = 1_000_000
_MOST_MESSAGES = 16


def is_small(media: Media, body: bytes, columns: int) -> bool:
    """Return whether a body, valid or not, surely unfolds to little for a profile of `columns` columns."""
    if len(body) > _BYTES:
        return False
    most_rows = _VALUES // max(1, columns)
    if media == "json":
        return len(body) <= _TEXT and body.count(b",") < most_rows
    if media == "msgpack":
        if len(body) <= min(_TEXT, most_rows):
            return True
        packed = decode_packed(body)
        return packed is not None and most_rows_of(packed) <= most_rows
    return _arrow_rows(body, media) <= most_rows


def _arrow_rows(body: bytes, framing: arrow.Framing) -> float:
    """Return how many rows and values of dictionaries Arrow IPC says it holds.

    Returns infinity if it also holds much else.
    """
    rows = 0
    try:
        for number, message in enumerate(arrow.messages(body, framing)):
            rows += message.length
            if number == _MOST_MESSAGES or message.length < 0 or _is_large(message):
                return float("inf")
    except (pa.ArrowException, OSError, struct.error):
        return len(body) > _TEXT and float("inf")  # reading refuses it before anything is unfolded
    return rows


def _is_large(message: Message) -> bool:
    # any number of views may point at one long text
    return message.metadata > _TEXT or message.inflated > 4 * _BYTES or message.has_views

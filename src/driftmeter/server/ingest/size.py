"""Which bodies are read right on the event loop: those that unfold to so little that a thread would take longer.

Bytes alone do not tell: a few kilobytes of Arrow or of empty objects are a hundred thousand rows.
"""

from __future__ import annotations

import struct
from itertools import islice

import pyarrow as pa

from driftmeter.server.ingest import arrow
from driftmeter.server.ingest.media import Media

_VALUES = 150_000
"""Rows times columns: about as many as are read in two milliseconds."""
_TEXT = 64_000
"""Bytes of a body of single values: each costs much more than one of a packed column."""
_BYTES = 1_000_000
_MESSAGES = 16
_ENTRIES = 2_000
_LENGTHS = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDE: ">H"}


def is_small(media: Media, body: bytes, columns: int) -> bool:
    """Say whether a body, sound or not, surely unfolds to little for a profile of that many columns."""
    if len(body) > _BYTES:
        return False
    most_rows = _VALUES // max(1, columns)
    if media == "json":
        return len(body) <= _TEXT and body.count(b",") < most_rows
    if media == "msgpack":
        return len(body) <= min(_TEXT, most_rows) or _packed_rows(body) <= most_rows
    return _arrow_rows(body, media) <= most_rows


def _arrow_rows(body: bytes, framing: arrow.Framing) -> float:
    """Return the rows, with the values of dictionaries, that Arrow IPC says it holds; infinity where it says
    much else too."""
    rows = 0
    try:
        for number, message in enumerate(islice(arrow.messages(body, framing), _MESSAGES + 1)):
            rows += message.length
            if number == _MESSAGES or message.metadata > _TEXT or message.inflated > 4 * _BYTES or message.length < 0:
                return float("inf")
            if message.has_views:  # any number of them may point at one long text
                return float("inf")
    except (pa.ArrowException, OSError, struct.error):
        return len(body) > _TEXT and float("inf")  # it will be refused before anything is unfolded
    return rows


def _packed_rows(body: bytes) -> float:
    """Return the rows that a body of packed columns holds at most; infinity where it is anything else."""
    try:
        return _Walk(body).rows()
    except (struct.error, IndexError, KeyError, ValueError):
        return float("inf")


class _Walk:
    """A walk over msgpack that steps across packed columns, and gives up on all but them."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def rows(self) -> float:
        rows = 0.0
        for _ in range(self._map()):
            key = self._text()
            if key == b"columns":
                rows = max((self._column() for _ in range(self._map())), default=0.0)
            else:
                self._time()
        return rows if self._at == len(self._body) else float("inf")

    def _column(self) -> float:
        self._text()
        if self._body[self._at] != 0x82:
            return self._raw(0xC4, 0xC5, 0xC6) / 8
        self._at += 1
        length, size = 0, 1
        for _ in range(2):
            if self._text() == b"dtype":
                size = int(self._text()[-1:])
            else:
                length = self._raw(0xC4, 0xC5, 0xC6)
        return length / size

    def _map(self) -> int:
        """Return the number of entries of the map here, and step into it."""
        code = self._body[self._at]
        entries = code & 0x0F if code & 0xF0 == 0x80 else self._length(0xDE)
        if code & 0xF0 == 0x80:
            self._at += 1
        if entries > _ENTRIES:
            raise ValueError(entries)
        return entries

    def _text(self) -> bytes:
        code = self._body[self._at]
        if code & 0xE0 == 0xA0:
            length = code & 0x1F
            self._at += 1
        else:
            length = self._length(0xD9, 0xDA, 0xDB)
        self._at += length
        return self._body[self._at - length : self._at]

    def _raw(self, *codes: int) -> int:
        length = self._length(*codes)
        self._at += length
        return length

    def _length(self, *codes: int) -> int:
        code = self._body[self._at]
        if code not in codes:
            raise ValueError(code)
        form = _LENGTHS[code]
        (length,) = struct.unpack_from(form, self._body, self._at + 1)
        self._at += 1 + struct.calcsize(form)
        return int(length)

    def _time(self) -> None:
        """Step across a number, a text or null."""
        code = self._body[self._at]
        widths = {0xC0: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
        if code < 0x80 or code >= 0xE0:
            self._at += 1
        elif code in widths:
            self._at += 1 + widths[code]
        else:
            self._text()

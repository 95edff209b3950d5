"""Rows of the same keys, from JSON or msgpack straight into columns, without a dictionary for each row."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from driftmeter.types import Floats

_MOST_DECODERS = 512
"""A profile takes up to four: rows with times and without, JSON and msgpack."""
_Decoder = msgspec.json.Decoder[Any] | msgspec.msgpack.Decoder[Any]
_decoders: dict[tuple[bool, tuple[str, ...]], _Decoder | None] = {}


@dataclass(frozen=True)
class Alike:
    """A batch of rows, each a struct of the values in the order of the names asked for; an absent value is None."""

    rows: Sequence[Any]
    width: int
    timestamp: Any
    watermark: Any

    def columns(self) -> list[list[Any]]:
        """Return the values of each name."""
        if not self.rows:
            return [[] for _ in range(self.width)]
        return list(map(list, zip(*map(msgspec.structs.astuple, self.rows), strict=True)))

    def numbers(self) -> Floats | None:
        """Return all values, shape (rows, names); None unless all are floats, integers and booleans that float64 holds.

        Each row is packed for itself: that is faster than to make columns of Python's values.
        """
        numbers = np.empty((len(self.rows), self.width))
        pack, size = struct.Struct(f"{self.width}d").pack_into, 8 * self.width
        try:
            for position, row in enumerate(self.rows):
                pack(numbers.data, position * size, *msgspec.structs.astuple(row))
        except (struct.error, OverflowError):
            return None
        return numbers


def decode_alike(msgpack: bool, body: bytes, names: tuple[str, ...]) -> Alike | None:
    """Decode a batch `{"rows": [...]}` whose rows have no other keys than `names`.

    Returns None for any other body, valid or not, and if msgspec refuses a name.

    >>> decode_alike(False, b'{"rows": [{"a": 1}, {"b": null}]}', ("a", "b")).columns()
    [[1, None], [None, None]]
    """
    if (msgpack, names) not in _decoders:
        # making a decoder takes longer than reading a batch without it: no decoder is ever replaced
        if len(_decoders) >= _MOST_DECODERS:
            return None
        _decoders[msgpack, names] = _decoder_of(msgpack, names)
    decoder = _decoders[msgpack, names]
    if decoder is None:
        return None
    try:
        batch = decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return None
    return Alike(batch.rows, len(names), batch.timestamp, batch.watermark)


def row_type(names: Sequence[str], *, forbid_others: bool = True) -> type[Any] | None:
    """Return a struct of the values under some keys, in the order of the names; None if msgspec refuses a name.

    With `forbid_others` a row that has other keys is refused, else they are skipped.
    """
    # a column may be called anything, a field of a Struct may not: fields are numbered, and renamed
    fields = [f"column_{position}" for position in range(len(names))]
    try:
        return msgspec.defstruct(
            "Row",
            [(field, Any, None) for field in fields],
            rename=dict(zip(fields, names, strict=True)),
            forbid_unknown_fields=forbid_others,
            gc=False,
        )
    except ValueError:
        # msgspec writes names into JSON unescaped, so it refuses names with a quote, a backslash or a control
        # character, even for msgpack
        return None


def _decoder_of(msgpack: bool, names: tuple[str, ...]) -> _Decoder | None:
    row = row_type(names)
    if row is None:
        return None
    batch = msgspec.defstruct(
        "Batch",
        [("rows", list[row]), ("timestamp", Any, None), ("watermark", Any, None)],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
    )
    return msgspec.msgpack.Decoder(batch) if msgpack else msgspec.json.Decoder(batch)

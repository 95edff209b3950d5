"""Rows that are all alike, from JSON or msgpack straight into columns: no dictionary is made for any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

_MOST_DECODERS = 256
_Decoder = msgspec.json.Decoder[Any] | msgspec.msgpack.Decoder[Any]
_decoders: dict[tuple[bool, tuple[str, ...]], _Decoder | None] = {}


@dataclass(frozen=True)
class Alike:
    """A batch of rows as columns, in the order of the names asked for; an absent value is None."""

    columns: list[list[Any]]
    rows: int
    timestamp: Any
    watermark: Any


def decode_alike(msgpack: bool, body: bytes, names: tuple[str, ...]) -> Alike | None:
    """Decode a batch `{"rows": [...]}` whose rows have no keys but `names`; None on anything else, right or wrong,
    and where a name is none that a field may have.

    >>> decode_alike(False, b'{"rows": [{"a": 1}, {"b": null}]}', ("a", "b")).columns
    [[1, None], [None, None]]
    """
    if (msgpack, names) not in _decoders:
        # making one takes longer than reading a batch without it: none is ever thrown out for another
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
    rows = batch.rows
    columns = list(map(list, zip(*map(msgspec.structs.astuple, rows), strict=True))) if rows else [[] for _ in names]
    return Alike(columns, len(rows), batch.timestamp, batch.watermark)


def _decoder_of(msgpack: bool, names: tuple[str, ...]) -> _Decoder | None:
    # the fields' own names are numbers, since a column may be called anything
    fields = [f"column_{position}" for position in range(len(names))]
    try:
        row = msgspec.defstruct(
            "Row",
            [(field, Any, None) for field in fields],
            rename=dict(zip(fields, names, strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
    except ValueError:
        # msgspec writes names into JSON as they are, so that it refuses any with a quote, a backslash or a control
        # character, for msgpack too
        return None
    batch = msgspec.defstruct(
        "Batch",
        [("rows", list[row]), ("timestamp", Any, None), ("watermark", Any, None)],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
    )
    return msgspec.msgpack.Decoder(batch) if msgpack else msgspec.json.Decoder(batch)

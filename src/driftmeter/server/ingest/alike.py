"""Rows of the same keys, from JSON or msgpack straight into columns, without a dictionary for each row."""

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

    columns: list[tuple[Any, ...]]
    rows: int
    timestamp: Any
    watermark: Any


def decode_alike(msgpack: bool, body: bytes, names: tuple[str, ...]) -> Alike | None:
    """Decode a batch `{"rows": [...]}` whose rows have no other keys than `names`.

    Returns None for any other body, valid or not, and if msgspec refuses a name.

    >>> decode_alike(False, b'{"rows": [{"a": 1}, {"b": null}]}', ("a", "b")).columns
    [(1, None), (None, None)]
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
    rows = batch.rows
    columns = list(zip(*map(msgspec.structs.astuple, rows), strict=True)) if rows else [() for _ in names]
    return Alike(columns, len(rows), batch.timestamp, batch.watermark)


def _decoder_of(msgpack: bool, names: tuple[str, ...]) -> _Decoder | None:
    # a column may be called anything, a field of a Struct may not: fields are numbered, and renamed
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
        # msgspec writes names into JSON unescaped, so it refuses names with a quote, a backslash or a control
        # character, even for msgpack
        return None
    batch = msgspec.defstruct(
        "Batch",
        [("rows", list[row]), ("timestamp", Any, None), ("watermark", Any, None)],  # type: ignore[valid-type]
        forbid_unknown_fields=True,
    )
    return msgspec.msgpack.Decoder(batch) if msgpack else msgspec.json.Decoder(batch)

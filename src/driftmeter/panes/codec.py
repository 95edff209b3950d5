"""The wire format of panes and counts: versioned, compressed, and checked before use.

A pane is `DMP`, a version byte, the length of a JSON header and the CRC-32 of all that follows, each as 32 bits
little-endian, the header, and the counts: zlib over the bytes of little-endian 64-bit integers, all lowest bytes
first. Small counts leave all but one or two of these planes zero, so that 30 features take two to four kilobytes.
"""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import NO_TEXTS, UnseenTexts
from driftmeter.errors import CodecError
from driftmeter.panes.pane import Pane
from driftmeter.panes.totals import MOST_ROWS, SourceTotals
from driftmeter.profile.profile import MOST_BINS
from driftmeter.timestamps import DAY, LATEST
from driftmeter.types import JSON, Counts

MAGIC = b"DMP"
VERSION = 1
_HEAD = struct.Struct("<3sBII")
_LARGEST = 2**63 - 1
MOST_SEQUENCE = 2**62 - 1
"""The largest sequence: stores still have to add to it in 64 bits."""


def encode_counts(counts: Counts) -> bytes:
    """Compress counts of at least 0, shape (bins,).

    >>> decode_counts(encode_counts(np.array([0, 3, 700])), 3).tolist()
    [0, 3, 700]
    """
    planes = counts.astype("<u8").view(np.uint8).reshape(-1, 8).T
    return zlib.compress(planes.tobytes(), 6)


def decode_counts(data: bytes, bins: int) -> Counts:
    """Decompress exactly `bins` counts to an array of shape (bins,); raises CodecError on anything else.

    At most one byte more than these counts is inflated, whatever `data` holds.
    """
    if not 0 <= bins <= MOST_BINS:
        raise CodecError("counts", f"at most {MOST_BINS} bins", str(bins))
    inflate = zlib.decompressobj()
    try:
        planes = inflate.decompress(data, 8 * bins + 1)
    except zlib.error as error:
        raise CodecError("counts", "zlib data", str(error)) from error
    if len(planes) != 8 * bins or not inflate.eof or inflate.unused_data:
        got = "truncated data" if len(planes) <= 8 * bins else "more than that"
        raise CodecError("counts", f"{bins} counts of 8 bytes", got)
    if not bins:
        return np.zeros(0, np.int64)
    filled, empty = 8, bytes(bins)  # planes up to the last with anything but zeros: mostly one or two of the eight
    while filled > 1 and planes.endswith(empty, 0, filled * bins):
        filled -= 1
    rows = np.frombuffer(planes, np.uint8).reshape(8, bins)
    if filled == 8 and rows[7].max() > 0x7F:
        raise CodecError("counts", "counts below 2**63", "a larger one")
    counts: Counts = rows[0].astype(np.int64)
    for plane in range(1, filled):
        counts |= rows[plane].astype(np.int64) << 8 * plane
    return counts


def encode_texts(texts: UnseenTexts) -> bytes:
    """Write a sample of unseen texts as JSON in UTF-8; no texts are no bytes, equal samples equal ones.

    >>> decode_texts(encode_texts(UnseenTexts.of({"city": {"Köln": 3}}))).counts
    {'city': {'Köln': 3}}
    """
    if not texts:
        return b""
    # names of features may hold half a surrogate pair; json.loads reads it back
    return json.dumps(texts.to_json(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decode_texts(data: bytes | None) -> UnseenTexts:
    """Read what `encode_texts` wrote; None has no texts. Raises CodecError on anything else."""
    if not data:
        return NO_TEXTS
    try:
        return UnseenTexts.from_json(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise CodecError("unseen texts", "texts by feature, with their rows", str(error)) from error


def encode_pane(pane: Pane) -> bytes:
    """Serialise a pane."""
    header = {
        "digest": pane.digest,
        "start": pane.start,
        "length": pane.length,
        "source": pane.source,
        "sequence": pane.sequence,
        "rows": pane.summary.rows,
        "bins": pane.summary.counts.size,
        "totals": pane.totals.to_json(),
        "watermark": pane.watermark,
        # left out where they have their default, so that older panes keep their bytes
        **({"final": True} if pane.final else {}),
        **({"acknowledged": pane.acknowledged} if pane.acknowledged else {}),
        **({"unseen": pane.summary.unseen.to_json()} if pane.summary.unseen else {}),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    content = text + encode_counts(pane.summary.counts)
    return _HEAD.pack(MAGIC, VERSION, len(text), zlib.crc32(content)) + content


def decode_pane(data: bytes) -> Pane:
    """Read a pane; raises CodecError that names what is wrong with the bytes."""
    if len(data) < _HEAD.size or data[:3] != MAGIC:
        raise CodecError("pane", "a driftmeter pane", f"{len(data)} bytes starting {data[:8]!r}")
    _, version, length, checksum = _HEAD.unpack_from(data)
    if version != VERSION:
        raise CodecError("pane", f"version {VERSION} of the format", f"version {version}")
    content = data[_HEAD.size :]
    if zlib.crc32(content) != checksum:
        raise CodecError("pane", f"content of the checksum {checksum}", f"{len(content)} bytes of another")
    text, body = content[:length], content[length:]
    try:
        header = json.loads(text)
        watermark = header["watermark"]
        counts = decode_counts(body, _integer(header, "bins", MOST_BINS))
        unseen = UnseenTexts.from_json(header["unseen"]) if "unseen" in header else NO_TEXTS
        pane = Pane(
            digest=_text(header, "digest"),
            start=_integer(header, "start", LATEST),
            length=_integer(header, "length", DAY),
            source=_text(header, "source"),
            sequence=_integer(header, "sequence", MOST_SEQUENCE),
            summary=Summary(_integer(header, "rows", _LARGEST), counts, unseen),
            totals=SourceTotals.from_json(header["totals"]),
            watermark=None if watermark is None else _integer(header, "watermark", LATEST),
            final=_boolean(header, "final"),
            acknowledged=_integer(header, "acknowledged", MOST_ROWS) if "acknowledged" in header else 0,
        )
    except CodecError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise CodecError("pane", "a complete header", f"{type(error).__name__}: {error}") from error
    if pane.length == 0 or pane.start % pane.length:
        raise CodecError("pane", "a start that is a multiple of the length", f"{pane.start} / {pane.length}")
    if pane.acknowledged > pane.totals.counted:
        raise CodecError("pane.acknowledged", f"at most the {pane.totals.counted} rows counted", str(pane.acknowledged))
    return pane


def header_of(data: bytes) -> bytes | None:
    """Return the JSON header of a pane, unchecked; None where `data` is no pane of this version.

    A server reads the profile's digest and the number of bins from it before it inflates the counts.
    """
    if len(data) < _HEAD.size:
        return None
    magic, version, length, _ = _HEAD.unpack_from(data)
    return data[_HEAD.size : _HEAD.size + length] if (magic, version) == (MAGIC, VERSION) else None


def _integer(header: JSON, name: str, most: int) -> int:
    value = header[name]
    if type(value) is not int or not 0 <= value <= most:
        raise CodecError(f"pane.{name}", f"an integer from 0 to {most}", repr(value)[:40])
    return value


def _boolean(header: JSON, name: str) -> bool:
    value = header.get(name, False)
    if not isinstance(value, bool):
        raise CodecError(f"pane.{name}", "true or false", repr(value)[:40])
    return value


def _text(header: JSON, name: str) -> str:
    value = header[name]
    if not isinstance(value, str) or not value:
        raise CodecError(f"pane.{name}", "a text", repr(value)[:40])
    value.encode()  # half a surrogate pair can't be stored
    return value

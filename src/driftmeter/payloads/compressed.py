"""Compressed bodies: gzip and zlib, known by their first bytes, since the header that names them is often lost."""

from __future__ import annotations

import zlib

from driftmeter.errors import InputError

MOST_BYTES = 64 << 20
"""The most bytes that a body may inflate to unless a caller says otherwise."""
_GZIP_MAGIC = b"\x1f\x8b"
_ANY_HEADER = 47
"""The wbits of zlib for a header of gzip or zlib, and a window of 32 kB."""
_MOST_MEMBERS = 16


def is_compressed(body: bytes) -> bool:
    """Say whether bytes begin as gzip or zlib does; no object or array of JSON does.

    >>> is_compressed(zlib.compress(b"{}")), is_compressed(b'{"instances": []}'), is_compressed(b"")
    (True, False, False)
    """
    if body[:2] == _GZIP_MAGIC:
        return True
    # RFC 1950: the method is 8, the window at most 7, and the first two bytes are a multiple of 31
    return len(body) > 2 and body[0] & 15 == 8 and body[0] >> 4 <= 7 and int.from_bytes(body[:2], "big") % 31 == 0


def inflate(body: bytes, most: int = MOST_BYTES, field: str = "body") -> bytes:
    """Return a body inflated to at most `most` bytes if it is gzip or zlib, else as it is.

    Raises InputError, at `field`, if it inflates to more, if it is cut off, and if something is after it.
    """
    if not is_compressed(body):
        return body
    pieces, size, members, rest = list[bytes](), 0, 0, body
    while rest:
        members += 1
        if members > _MOST_MEMBERS:
            raise InputError(field, f"gzip of at most {_MOST_MEMBERS} members", "more")
        member = zlib.decompressobj(_ANY_HEADER)
        try:
            piece = member.decompress(rest, most - size + 1)
        except zlib.error as error:
            raise InputError(field, "gzip or zlib", str(error)) from error
        size += len(piece)
        if size > most:
            raise InputError(field, f"at most {most} bytes after decompression", "more")
        if not member.eof:
            raise InputError(field, "gzip or zlib", "truncated data")
        pieces.append(piece)
        rest = member.unused_data.lstrip(b"\0")
    return b"".join(pieces)

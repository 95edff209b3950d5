"""The first bytes of compressed content, without the rest."""

from __future__ import annotations

import zlib

_TABLES = 400
"""Bytes that zlib may write before the content: its own head and the codes of the first block."""


def compressed_head(length: int) -> int:
    """Return how many compressed bytes are enough to read the first `length` bytes of any content."""
    return 2 * length + _TABLES


def inflated_head(compressed: bytes) -> bytes:
    """Return as much of the content as the first compressed bytes hold.

    >>> content = b"".join(b"%d," % (number**3) for number in range(5_000))
    >>> head = inflated_head(zlib.compress(content)[: compressed_head(100)])
    >>> content.startswith(head), 100 <= len(head) < 2_000
    (True, True)
    """
    return zlib.decompressobj().decompress(compressed)

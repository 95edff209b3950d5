"""The encoding of a text file: by its byte order mark, or UTF-8; and the line where it is not UTF-8."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from driftmeter.data.files.dialect import HEAD
from driftmeter.errors import InputError

_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8"))  # fmt: skip
_BLOCK = 1 << 22


@dataclass(frozen=True)
class TextEncoding:
    """The encoding of a file, its beginning as text, whether it has an odd number of quotes, its bytes uncompressed."""

    encoding: str
    head: str
    odd_quotes: bool
    size: int


def encoding_of(path: Path, asked: str | None) -> TextEncoding:
    """Read through a text file, which may be compressed; `asked` is the encoding that the user gave, if any.

    Raises InputError with the line of the first byte that is not UTF-8, and an encoding to try.
    """
    import pyarrow as pa

    encoding = _checked(asked)
    line, quotes, size, head = 1, 0, 0, b""
    with pa.input_stream(str(path), compression="detect") as stream:
        block = stream.read(_BLOCK)
        head = block[:HEAD]
        if encoding is None:
            encoding = next((name for mark, name in _MARKS if block.startswith(mark)), "utf-8")
        check = codecs.getincrementaldecoder("utf-8")() if encoding == "utf-8" else None
        if check is not None and b"\0" in head:
            hints = {b"\0" in head[:1]: "utf-16-be", b"\0" in head[1:2]: "utf-16-le"}
            hint = f"; try --encoding {hints[True]}" if True in hints else ""
            raise InputError(str(path), "text in UTF-8", f"bytes that are zero{hint}")
        while block:
            quotes += block.count(b'"')
            size += len(block)
            if check is not None:
                waiting = len(check.getstate()[0])
                try:
                    check.decode(block)
                except UnicodeDecodeError as error:
                    raise _not_utf8(path, error, block, waiting, line) from error
                line += block.count(b"\n")
            block = stream.read(_BLOCK)
        if check is not None:
            try:
                check.decode(b"", final=True)
            except UnicodeDecodeError as error:
                raise _not_utf8(path, error, b"", 0, line) from error
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    return TextEncoding(encoding, text.removeprefix("\ufeff"), bool(quotes % 2), size)


def _checked(asked: str | None) -> str | None:
    if asked is None:
        return None
    try:
        "".encode(asked)  # raises LookupError on codecs of bytes too, such as hex
        return codecs.lookup(asked).name
    except LookupError as error:
        raise InputError("--encoding", "an encoding that Python knows, such as latin-1 or utf-16", asked) from error


def _not_utf8(path: Path, error: UnicodeDecodeError, block: bytes, waiting: int, line: int) -> InputError:
    byte = error.object[error.start]
    line += block.count(b"\n", 0, max(0, error.start - waiting))
    return InputError(str(path), "UTF-8", f"byte 0x{byte:02x} in line {line}; try --encoding latin-1")

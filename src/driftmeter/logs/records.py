"""Records: the JSON objects of a file, a line each or as the elements of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.logs.sources import LogFile
from driftmeter.logs.tally import RecordTally
from driftmeter.payloads.json_text import read_json

LONGEST = 1 << 28
"""Bytes of a line, or of a document over several lines, that is read at all."""
_STEP = 256
"""Lines between two reports of progress."""

Record = dict[str, Any]
Progress = Callable[[int], None]
"""Gets the bytes of a file that were read since it was called."""


def no_progress(read: int) -> None:
    """Ignore how many bytes were read."""


def records_of(file: LogFile, tally: RecordTally, progress: Progress = no_progress) -> Iterator[tuple[str, Record]]:
    """Yield each object of a file with its place, such as `a.jsonl:17`; empty lines are none.

    The file has an object or an array of objects a line, or is one such document over several lines. `tally` counts
    each record, and as unreadable what is no object or no JSON.
    """
    document = _document_of(file)
    if document is not None:
        progress(file.size)
        yield from _objects(document, f"{file.relative}:1", tally)
        return
    with file.open() as (stream, told):
        reported = 0
        for number, line in enumerate(_lines(file, stream), 1):
            if number % _STEP == 0:
                position = told()
                progress(position - reported)
                reported = position
            if line.isspace():
                continue
            where = f"{file.relative}:{number}"
            try:
                content = read_json(line, "record")
            except InputError as error:
                tally.records += 1
                tally.reject(where, error)
                continue
            if type(content) is dict:
                tally.records += 1
                yield where, content
            else:
                yield from _objects(content, where, tally)
        progress(max(file.size - reported, 0))


def _objects(content: Any, where: str, tally: RecordTally) -> Iterator[tuple[str, Record]]:
    elements = content if type(content) is list else [content]
    for position, element in enumerate(elements):
        tally.records += 1
        place = where if element is content else f"{where}[{position}]"
        if type(element) is dict:
            yield place, element
        else:
            tally.reject(place, InputError("record", "an object", describe(element)))


def _document_of(file: LogFile) -> Any:
    """Return what a file over several lines holds as one document, None where it has a record a line."""
    with file.open() as (stream, _):
        first = b""
        for first in _lines(file, stream):
            if not first.isspace():
                break
        begin = first.strip()
        if begin[:1] != b"[" and begin != b"{":
            return None
        try:
            read_json(begin)
            return None
        except InputError:
            text = first + stream.read(LONGEST)
    for whole in (text, text.rstrip().rstrip(b",") + b"]"):  # Triton closes its array when it ends
        try:
            return read_json(whole)
        except InputError:
            continue
    return None


def _lines(file: LogFile, stream: Any) -> Iterator[bytes]:
    while line := stream.readline(LONGEST):
        if len(line) == LONGEST:
            raise InputError(file.address, f"lines of less than {LONGEST >> 20} MB", "a longer one")
        yield line

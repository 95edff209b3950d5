"""Sampling: the beginning of a source, by which its form is recognised."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import islice

from driftmeter.data.files.endings import ARROW, PARQUET, is_delimited
from driftmeter.errors import DriftmeterError, InputError
from driftmeter.logs.protocol import LogSample
from driftmeter.logs.reading import is_tabular
from driftmeter.logs.records import records_of
from driftmeter.logs.sources import LogFile
from driftmeter.logs.tally import RecordTally

_FILES, _RECORDS = 5, 20
_HEAD = 1 << 16


def sample_of(files: Sequence[LogFile]) -> LogSample:
    """Return the first records of the first files that hold any, or else the names of the first table's columns."""
    looked = [file.relative for file in files[:_FILES]]
    fault = None
    for file in files[:_FILES]:
        if is_tabular(file.relative):
            names = _names_of(file)
            if names:
                return LogSample((), frozenset(names), tuple(looked))
            continue
        try:
            records = tuple(record for _, record in islice(records_of(file, RecordTally()), _RECORDS))
        except InputError as error:
            fault = error
            continue
        if records:
            return LogSample(records, frozenset(), tuple(looked))
    return LogSample(files=tuple(looked), fault=fault)


def head_of(file: LogFile) -> bytes:
    """Return the first bytes of a file as they lie there."""
    with file.raw() as stream:
        return stream.read(_HEAD)


def _names_of(file: LogFile) -> list[str]:
    """Return the names of a table's columns; none where they cannot be read: whoever reads the table will say why."""
    import pyarrow as pa
    from pyarrow import parquet

    name = file.relative.lower()
    try:
        if is_delimited(name):
            with file.open() as (stream, _):
                text = stream.read(_HEAD).decode("utf-8-sig", "replace")
            return next(csv.reader(io.StringIO(text)), [])
        with file.raw() as raw:
            if name.endswith(PARQUET):
                return list(parquet.read_schema(pa.PythonFile(raw, mode="r")).names)
            if name.endswith(ARROW):
                return list(pa.ipc.open_file(pa.PythonFile(raw, mode="r")).schema.names)
    except (DriftmeterError, pa.ArrowException, OSError, csv.Error, ValueError):
        pass
    return []

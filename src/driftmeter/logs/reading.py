"""Reading: what a form of logs is given to read: the records of a source's files, and where to count and to tell."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any

from driftmeter.data.files.batches import read_batches
from driftmeter.data.files.endings import ARROW, PARQUET, is_delimited
from driftmeter.errors import InputError
from driftmeter.logs.columns import LogColumns
from driftmeter.logs.records import Progress, Record, no_progress, records_of
from driftmeter.logs.sources import LogFile, is_local
from driftmeter.logs.tally import RecordTally


def is_tabular(name: str) -> bool:
    """Say whether a file is a table by its name: CSV, Parquet or Arrow.

    >>> is_tabular("a/b.parquet"), is_tabular("a/b.jsonl.gz")
    (True, False)
    """
    return name.lower().endswith((*PARQUET, *ARROW)) or is_delimited(name)


@dataclass
class LogReading:
    """The files of a source, its columns as the profile has them, and the tally of its records."""

    source: str
    files: list[LogFile]
    columns: LogColumns
    say: Callable[[str], None]
    progress: Progress = no_progress
    tally: RecordTally = field(default_factory=RecordTally)
    truth: list[LogFile] = field(default_factory=list)
    """Files of ground truth that lie apart from the log."""
    notes: list[str] = field(default_factory=list)
    """Sentences that are told once all is read."""
    _told: set[str] = field(default_factory=set)

    def say_once(self, note: str) -> None:
        """Tell something of the log, the first time that it is met."""
        if note not in self._told:
            self._told.add(note)
            self.say(note)

    def records(self, columns: Collection[str] | None = None) -> Iterator[tuple[str, Record, LogFile]]:
        """Yield each record with its place and file: of JSON, or of a table with the named columns or all."""
        for path, file in self._tables():
            yield from self._rows(path, file, columns)
        for file in self.files:
            if not self._is_of_table(file):
                for where, record in records_of(file, self.tally, self.progress):
                    yield where, record, file

    def _tables(self) -> Iterator[tuple[Path, LogFile]]:
        """Yield what can be read as a table: files, or a Delta table as one."""
        if self.is_delta:
            yield Path(self.source), self.files[0]
            return
        with TemporaryDirectory() as folder:
            for file in self.files:
                if not is_tabular(file.relative):
                    continue
                path = Path(file.address)
                if not is_local(self.source):
                    path = Path(folder) / path.name
                    with file.raw() as content, path.open("wb") as copy:
                        copyfileobj(content, copy)
                yield path, file
                if not is_local(self.source):
                    path.unlink()

    def _is_of_table(self, file: LogFile) -> bool:
        return self.is_delta or is_tabular(file.relative)

    @property
    def is_delta(self) -> bool:
        """Whether the source is a Delta table."""
        return (Path(self.source) / "_delta_log").is_dir()

    def batches(self, columns: Collection[str] | None = None) -> Iterator[tuple[str, Any, LogFile]]:
        """Yield the rows of tables as Arrow tables with the named columns, None for all, with their place and file."""
        for path, file in self._tables():
            read = 0
            texts = set() if columns is None else set(columns)
            for table in read_batches(path, columns, texts=texts, say=self.say).tables:
                yield f"{file.relative}:{read + 1}", table, file
                read += len(table)
            self.progress(file.size)

    def _rows(
        self, path: Path, file: LogFile, columns: Collection[str] | None
    ) -> Iterator[tuple[str, Record, LogFile]]:
        row = 0
        for table in read_batches(path, columns, texts=columns or (), say=self.say).tables:
            names = [name for name in table.column_names if columns is None or name in columns]
            for record in table.select(names).to_pylist():
                row += 1
                self.tally.records += 1
                yield f"{file.relative}:{row}", record, file
        self.progress(file.size)


def content_of(value: Any, field: str) -> Any:
    """Return JSON that is given as itself, or as its text. Raises InputError where the text is no JSON."""
    from driftmeter.payloads.json_text import read_json

    return read_json(value, field) if isinstance(value, str | bytes) else value


def time_of(value: Any) -> str | float | None:
    """Return the time of a record: a text, or seconds since the epoch; None where it is neither, nor a date-time."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def key_of(*parts: Any) -> str | None:
    """Return the key of a record, of the first of some parts that is a text or a number; None where none is.

    >>> key_of(None, 17), key_of([], {})
    ('17', None)
    """
    for part in parts:
        if isinstance(part, str | int) and part not in ("", None):
            return str(part)
    return None


def text_field(record: Record, name: str) -> str | None:
    """Return a field that should be a text; a number as its text, None where there is none.

    Raises InputError where it is an object or a list.
    """
    value = record.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise InputError(name, "a text", json.dumps(value, default=str)[:40])
    return str(value)

"""The protocol of a form of logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from driftmeter.errors import InputError
from driftmeter.logs.events import LogEvent
from driftmeter.logs.reading import LogReading
from driftmeter.logs.records import Record


@dataclass(frozen=True)
class LogSample:
    """The beginning of a source: its first records of JSON, or the names of a table's columns, and its files."""

    records: tuple[Record, ...] = ()
    names: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    """Paths below the source, of the files that were looked at."""
    fault: InputError | None = None
    """Why the last of them could not be read; None where they could."""

    def share_with(self, *keys: str) -> bool:
        """Say whether there are records, and all of them have all of these keys."""
        return bool(self.records) and all(set(keys) <= record.keys() for record in self.records)


class LogFormat(Protocol):
    """A form in which a serving system writes what its models are asked and answer."""

    @property
    def name(self) -> str:
        """The word of `--format`."""
        ...

    @property
    def title(self) -> str:
        """What messages call it."""
        ...

    def recognise(self, sample: LogSample) -> str | None:
        """Return on what grounds a source has this form, as the end of a sentence; None where it has not."""
        ...

    def read(self, reading: LogReading) -> Iterator[LogEvent]:
        """Yield the events of a source; count what cannot be read in the reading's tally."""
        ...

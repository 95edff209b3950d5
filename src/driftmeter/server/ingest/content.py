"""A body of rows taken apart: records or columns, and what it says of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from driftmeter.counts.rows import Reader, Rows
from driftmeter.data.columns import Column
from driftmeter.data.rejected import Rejected
from driftmeter.server.ingest.times import TIMESTAMP
from driftmeter.server.problems import TooLargeError
from driftmeter.types import Milliseconds

MOST_VALUES = 16_000_000
"""Most rows times features of one batch: a few bytes can stand for a million empty rows."""


@dataclass(frozen=True, kw_only=True)
class BatchTimes:
    """The times that a body states, each None if the body does not state it.

    `column` holds a value for each row; `default` is for rows without a time of their own.
    """

    column: Column | None = None
    default: Milliseconds | None = None
    watermark: Milliseconds | None = None


@dataclass(frozen=True, kw_only=True)
class Records:
    """Rows as objects: one dictionary a row, or something else, which is rejected."""

    records: list[Any]
    times: BatchTimes

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.records)

    def read(self, reader: Reader) -> tuple[Rows, list[Rejected], int]:
        """Return the typed rows, the values that could not be read, and how many values no feature takes."""
        rows, rejected, ignored = reader.read_records(self.records)
        if self.times.column is not None:
            ignored -= sum(type(record) is dict and TIMESTAMP in record for record in self.records)
        return rows, rejected, ignored


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Rows as columns of equal length; `ignored` counts values of columns that were left unread."""

    columns: dict[str, Column]
    rows: int
    times: BatchTimes = field(default_factory=BatchTimes)
    ignored: int = 0

    def read(self, reader: Reader) -> tuple[Rows, list[Rejected], int]:
        """Return the typed rows, the values that could not be read, and how many values no feature takes."""
        # rows without any column of the profile are rows all the same: all their values are missing
        columns = self.columns or {reader.names[0]: [None] * self.rows}
        rows, rejected, ignored = reader.read_columns(columns)
        return rows, rejected, ignored + self.ignored


Content = Records | Columns


def time_key(reader: Reader) -> str | None:
    """Return the key under which rows state their times, None if the profile has a feature of that name."""
    return None if TIMESTAMP in reader.names else TIMESTAMP


def check_rows(rows: int, reader: Reader) -> None:
    """Raise TooLargeError if a batch of `rows` rows holds more than MOST_VALUES values."""
    most = most_rows(reader)
    if rows > most:
        raise TooLargeError("body", f"at most {most} rows", str(rows))


def most_rows(reader: Reader) -> int:
    """Return how many rows one batch may have."""
    return MOST_VALUES // max(1, len(reader.names))

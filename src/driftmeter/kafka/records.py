"""Records: a run of them as a consumer gets it, of one partition, and what decoders make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from driftmeter.counts.rows import Reader, Rows
from driftmeter.data.columns import Column
from driftmeter.errors import InputError
from driftmeter.kafka.counting import Dropped, PartitionRows
from driftmeter.kafka.times import TimeRule
from driftmeter.profile import bin_names
from driftmeter.types import Milliseconds

INVALID = "invalid"
NO_TIME = -1
"""The time of a record that has none."""


def no_headers(position: int) -> Mapping[str, str]:
    """Return the headers of a record without any."""
    return {}


def no_key(position: int) -> bytes | None:
    """Return the key of a record without one."""
    return None


@dataclass(frozen=True)
class RecordRun:
    """Records of one partition, ascending by offset. A value of None is a tombstone: it deletes, and holds no rows.

    `stamp`, `headers` and `key` are asked by position; a stamp is in ms, NO_TIME where the record has none, and names
    of headers are in lower case.
    """

    topic: str
    offsets: Sequence[int]
    values: Sequence[bytes | None]
    stamp: Callable[[int], Milliseconds]
    headers: Callable[[int], Mapping[str, str]] = no_headers
    key: Callable[[int], bytes | None] = no_key

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.offsets)


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be read, by its position in the run, and why."""

    position: int
    reason: str


@dataclass(frozen=True)
class RowsPart:
    """Rows of some records: columns, or objects, and for each row the position of its record in the run.

    `times` has a value for each row; None stands for the times of the records. `typed` are the rows where the decoder
    has typed them already, and whether some value could not be read.
    """

    content: Mapping[str, Column] | list[Any]
    of_record: npt.NDArray[np.intp]
    times: Column | None = None
    typed: tuple[Rows, bool] | None = None


@dataclass
class DecodedRun:
    """What a decoder made of a run: rows, records that cannot be read, and how many hold no rows by what they are."""

    parts: list[RowsPart] = field(default_factory=list)
    bad: list[BadRecord] = field(default_factory=list)
    without_rows: int = 0
    origin: int | None = None
    """The first offset that the rows rest on, where that may be one of an earlier run."""


class RecordDecoder(Protocol):
    """Decodes records of one form."""

    def decode(self, run: RecordRun) -> DecodedRun:
        """Take a run apart; whatever a record holds, it costs only that record."""
        ...


@dataclass(frozen=True)
class ReadRun:
    """A run as rows to be counted, and the records that cannot be read, for the dead letters."""

    rows: PartitionRows
    bad: tuple[BadRecord, ...]


def read_run(run: RecordRun, decoded: DecodedRun, reader: Reader, rule: TimeRule) -> ReadRun:
    """Type the rows of a run and give each its time: of its field, or else of its record."""
    pieces: list[tuple[Rows, npt.NDArray[np.intp], npt.NDArray[np.int64]]] = []
    bad = list(decoded.bad)
    unreadable = False
    dropped: dict[int, int] = {}
    for part in decoded.parts:
        try:
            typed = part.typed or type_part(part, reader)
        except InputError as error:  # columns of different lengths
            bad += [BadRecord(position, str(error)) for position in np.unique(part.of_record).tolist()]
            continue
        rows, any_rejected = typed
        of_record = part.of_record[rows.index]
        times, faults = rule.read(part.times, len(part.of_record))
        times = times[rows.index]
        missing = np.flatnonzero(times == NO_TIME)
        times[missing] = [run.stamp(position) for position in of_record[missing].tolist()]
        usable = times != NO_TIME
        for position, reason in faults:
            usable[rows.index == position] = False
            record = int(part.of_record[position])
            dropped[record] = dropped.get(record, 0) + 1
            bad.append(BadRecord(record, reason))
        for record in of_record[times == NO_TIME].tolist():
            dropped[record] = dropped.get(record, 0) + 1
            bad.append(BadRecord(record, "timestamp: expected a time of the record, got none"))
        if not usable.all():
            kept = np.flatnonzero(usable)
            rows, of_record, times = rows.take(kept), of_record[kept], times[kept]
        unreadable = unreadable or any_rejected
        pieces.append((rows, of_record, times))
    by_record = {one.position: one.reason for one in reversed(bad)}
    offsets = np.array(run.offsets, np.int64)
    losses = tuple(Dropped(int(offsets[position]), INVALID, dropped.get(position, 1)) for position in sorted(by_record))
    if pieces:
        rows, of_record, times = _joined(pieces)
    else:
        rows, of_record, times = reader.read_records([])[0], np.empty(0, np.intp), np.empty(0, np.int64)
    batch = PartitionRows(rows, offsets[of_record], times, offsets, losses, unreadable, decoded.origin)
    return ReadRun(batch, tuple(BadRecord(*item) for item in sorted(by_record.items())))


def all_missing(rows: Rows, reader: Reader) -> npt.NDArray[np.intp]:
    """Return the positions of typed rows in which every column of the profile is missing."""
    missing = np.isnan(rows.numbers[:, : len(reader.numeric)]).all(axis=1)
    for position, feature in enumerate(reader.categorical):
        if missing.any():
            missing &= rows.codes[:, position] == feature.grid.special[bin_names.MISSING]
    return np.flatnonzero(missing)


def type_part(part: RowsPart, reader: Reader) -> tuple[Rows, bool]:
    """Return typed rows, and whether some value of them could not be read. Raises InputError on uneven columns."""
    if isinstance(part.content, list):
        rows, rejected, _ = reader.read_records(part.content)
    else:
        # rows without any column of the profile are rows all the same: all their values are missing
        columns = {name: column for name, column in part.content.items() if name in reader.names}
        rows, rejected, _ = reader.read_columns(columns or {reader.names[0]: [None] * len(part.of_record)})
    return rows, bool(rejected)


def _joined(
    pieces: list[tuple[Rows, npt.NDArray[np.intp], npt.NDArray[np.int64]]],
) -> tuple[Rows, npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Return all rows in the order of their records."""
    if len(pieces) == 1:
        return pieces[0]
    rows = Rows.join([rows for rows, _, _ in pieces])
    of_record = np.concatenate([records for _, records, _ in pieces])
    times = np.concatenate([times for _, _, times in pieces])
    order = np.argsort(of_record, kind="stable")
    if (order == np.arange(len(order))).all():
        return rows, of_record, times
    return rows.take(order), of_record[order], times[order]

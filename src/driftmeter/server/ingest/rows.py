"""Raw rows: from the bytes of a request to typed rows and their times. Pure, and the same for every form of body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from driftmeter.counts.rows import Reader, Rows
from driftmeter.data.rejected import Rejected
from driftmeter.engine.compiled import Compiled
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.watermark import MAX_AHEAD
from driftmeter.server.ingest import arrow
from driftmeter.server.ingest.content import BatchTimes, Columns, Content, most_rows, time_key
from driftmeter.server.ingest.media import Media
from driftmeter.server.ingest.objects import read_object
from driftmeter.server.ingest.times import TIMESTAMP, read_times
from driftmeter.server.problems import TooLargeError
from driftmeter.timestamps import iso
from driftmeter.types import Milliseconds

_MOST_COUNTS = 16_000_000
"""Most panes times bins of one batch: rows spread over years would make a pane each."""
MOST_NAMED = 100
"""Rejected values that an answer names; the rest are only counted."""

Times = Milliseconds | npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowBatch:
    """What one request held: rows that count, their times, and what was wrong with the rest.

    `times` is one for all `rows`, or one each; `dropped` counts rows by reason; `rejected` names the first
    `MOST_NAMED` of the values at fault, by row, whether that row counts or not; `unreadable` counts such values of
    `rows` by column; `ignored` counts values under unknown columns.
    """

    rows: Rows
    times: Times
    sent: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    rejected: tuple[Rejected, ...] = ()
    ignored: int = 0
    watermark: Milliseconds | None = None
    unreadable: Mapping[str, int] = field(default_factory=dict)

    @property
    def totals(self) -> SourceTotals:
        """The batch as its source reports it."""
        return SourceTotals(self.sent, len(self.rows), self.dropped, self.unreadable)


def read_batch(
    media: Media, body: bytes, reader: Reader, now: Milliseconds, *, most: int, nan_is_null: bool = False
) -> RowBatch:
    """Read a batch. Rows that name no time are of the batch's `timestamp`, or else of `now`.

    `most` bounds in bytes what compressed Arrow may inflate to. With `nan_is_null` JSON may hold NaN, which is
    null, and Infinity. Raises InputError if the batch cannot be read at all, and TooLargeError.
    """
    if media == "json" or media == "msgpack":
        content = read_object(media, body, reader, nan_is_null=nan_is_null)
    else:
        content = _read_arrow(media, body, reader, most)
    return batch_of(content, reader, now)


def batch_of(content: Content, reader: Reader, now: Milliseconds) -> RowBatch:
    """Read a body that was taken apart. Rows that name no time are of its `timestamp`, or else of `now`."""
    rows, rejected, ignored = content.read(reader)
    timed = _time_rows(rows, content, now)
    return RowBatch(
        rows=timed.rows,
        times=timed.times,
        sent=content.rows,
        dropped=timed.dropped,
        rejected=_first([*rejected, *timed.rejected]),
        ignored=ignored,
        watermark=content.times.watermark,
        unreadable=reader.unreadable(timed.rows) if rejected else {},
    )


def check_panes(batch: RowBatch, compiled: Compiled) -> None:
    """Raise TooLargeError if the rows of a batch are of so many panes that their counts would fill the memory."""
    times = batch.times
    if isinstance(times, int) or not len(times):
        return
    panes = min(len(times), int(times.max() - times.min()) // compiled.timing.pane + 1)
    most = max(1, _MOST_COUNTS // compiled.profile.bins)
    if panes > most:
        raise TooLargeError("timestamp", f"rows of at most {most} panes in one batch", f"up to {panes}")


def _read_arrow(framing: arrow.Framing, body: bytes, reader: Reader, most: int) -> Columns:
    key = time_key(reader)
    reserved = () if key is None else (key,)
    columns, rows, unwanted = arrow.read_columns(
        body,
        framing,
        wanted={*reader.names, *reserved},
        numeric={feature.column for feature in reader.numeric},
        most=most,
        most_rows=most_rows(reader),
        moments=reserved,
    )
    times = None if key is None else columns.pop(key, None)
    return Columns(columns=columns, rows=rows, times=BatchTimes(column=times), ignored=rows * unwanted)


@dataclass(frozen=True, kw_only=True)
class _TimedRows:
    """The rows that have a usable time, and what was wrong with the times of the others."""

    rows: Rows
    times: Times
    dropped: dict[str, int]
    rejected: list[Rejected]


def _time_rows(rows: Rows, content: Content, now: Milliseconds) -> _TimedRows:
    """Give each row its time; leave out rows whose time cannot be read or is too far ahead of `now`."""
    latest = now + MAX_AHEAD
    column, default = content.times.column, content.times.default
    if default is None:
        default = now
    if column is None and default <= latest:
        return _TimedRows(rows=rows, times=default, dropped=_dropped(content.rows - len(rows), 0), rejected=[])
    times, unreadable = (np.full(content.rows, default), []) if column is None else read_times(column, default)
    ahead = times > latest
    usable = ~ahead
    usable[[value.row for value in unreadable]] = False
    future = int(ahead[rows.index].sum())
    kept = np.flatnonzero(usable[rows.index])
    if len(kept) < len(rows):
        rows = rows.take(kept)
    return _TimedRows(
        rows=rows,
        times=times[rows.index],
        dropped=_dropped(content.rows - len(rows) - future, future),
        rejected=[*_too_far_ahead(times, ahead), *unreadable],
    )


def _too_far_ahead(times: npt.NDArray[np.int64], ahead: npt.NDArray[np.bool_]) -> list[Rejected]:
    expected = f"a time at most {MAX_AHEAD // 1000} s ahead of the server"
    return [
        Rejected(row, TIMESTAMP, expected, iso(int(times[row]))) for row in np.flatnonzero(ahead)[:MOST_NAMED].tolist()
    ]


def _dropped(invalid: int, future: int) -> dict[str, int]:
    return {reason: count for reason, count in (("invalid", invalid), ("future", future)) if count}


def _first(rejected: list[Rejected]) -> tuple[Rejected, ...]:
    return tuple(sorted(rejected, key=lambda value: value.row)[:MOST_NAMED])

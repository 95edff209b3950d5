"""The Monitor: `observe` in the prediction's thread, everything else in a thread of its own."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from driftmeter.client import processes
from driftmeter.client.buffer import Buffer, Raw
from driftmeter.client.options import MonitorOptions
from driftmeter.client.records import (
    RECORD,
    RECORDS,
    NoRecordError,
    items_per_row,
    iterate_records,
    read_record,
    stable_prediction,
)
from driftmeter.client.transport import Http
from driftmeter.client.worker import TICK, Worker
from driftmeter.profile.profile import Profile

GRACE = 5 * TICK
"""Seconds that the thread may take to notice that its time is over."""
TOO_FEW = "no time: there are fewer than rows"
"""Stands for a time that `observe_many` was not given."""


class Monitor:
    """Reports what a model sees to the metric tier; what a row costs, bench/observe.py measures.

    `url` is the tier, or the gateway before it. Without `profile` the monitor counts by the profile that the
    server has for `model`, and follows it when it changes; with one (a Profile, or the path of one) it registers
    it where the server doesn't know it, and stays with it. `model` may be left out where the profile names it.

    `source` names this process's host: by default DRIFTMETER_SOURCE, or the host's name. Every start, and every
    child of a fork, adds an incarnation of its own and counts from zero.
    `interval` is the time between two reports (at most 60: a source that says nothing for longer counts as
    vanished), `timeout` that for an answer, in seconds; `headers` go with every request. Memory is bounded: at most
    `max_rows` rows wait to be counted, and these and the panes that wait for the server take about `max_bytes` (for
    30 numeric features: 8,000 rows, or 600 panes, which is more than an hour and a half of the server being away).
    What does not fit is dropped, counted by reason, and reported with the next pane.

    A monitor that has reported once says every 15 seconds that it lives, where there are no rows to say it, and
    says on closing that it goes: the tier takes one that falls silent for dead.

    Call `close` where the application shuts down (FastAPI: the lifespan). The end of the interpreter closes too,
    but a process that dies of a signal never gets there: neither on a SIGTERM that nothing handles, nor under uvicorn,
    which raises it again once it has shut down. The rows since the last report are lost then, and the source is named
    silent.

    Raises InputError or ProfileError where an argument makes no sense; afterwards nothing is ever raised.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        profile: Profile | str | os.PathLike[str] | None = None,
        *,
        source: str | None = None,
        interval: float = 1.0,
        timeout: float = 3.0,
        max_rows: int = 50_000,
        max_bytes: int = 16_000_000,
        headers: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; the background thread starts with the first row. `clock` is a monotonic one in seconds."""
        self._options = MonitorOptions.read(
            url,
            model,
            profile,
            source=source,
            interval=interval,
            timeout=timeout,
            max_rows=max_rows,
            max_bytes=max_bytes,
            headers=headers,
        )
        self.url, self.model = url, self._options.model
        self._clock = clock
        self._begin_anew()
        processes.register(self)

    def observe(self, features: Any, prediction: object = None, timestamp: object = None) -> None:
        """Take one row: values by column; never wait and never raise.

        `features` is a dict, or whatever else gives each value the name of its column: any mapping, a row of pandas, a
        frame of one row (pandas, polars, pyarrow), a structured scalar of numpy, a named tuple, a dataclass, an object
        of msgspec, attrs or pydantic. A list or an array has no names: it is dropped as invalid. A value that is none
        of its feature's kind costs no other its row: it is counted as unreadable, see `unreadable`.

        `prediction` goes under the profile's prediction column; what a model answers for one row, an array, list or
        frame of one, is what is in it. `timestamp` is when it happened (seconds since the epoch, ISO 8601, or a
        datetime); without one it is now, by the server's clock. The row is copied, its values are not: what you put in
        place of a value later is not seen, what you change inside one is.
        """
        try:
            if prediction is not None and type(prediction) is not float:
                prediction = stable_prediction(prediction)
            # The copy is what lets callers go on with their dict (many models encode in place), and what
            # keeps the other thread from walking over a dict that changes under it.
            row = (
                features.copy() if type(features) is dict else read_record(features),
                prediction,
                timestamp,
                self._clock(),
            )
            if len(self._rows) >= self._buffer.limit and not self._admit(row):
                return
            self._rows.append(row)
        except Exception as error:
            self._refuse(error, RECORD)

    def observe_many(self, records: Any, predictions: Any = None, timestamp: Any = None) -> None:
        """Take many rows, each with its prediction where there are any; never wait and never raise.

        `records` is a frame (pandas, polars, pyarrow), a structured array, or an iterable of what `observe` takes.
        `predictions` holds one for each row: a list, a series, a frame of one column, an array of shape (rows,) or
        (rows, 1). `timestamp` is one for all, or likewise one for each row.
        """
        try:
            rows, answers, times = iterate_records(records), items_per_row(predictions), items_per_row(timestamp)
            single = predictions is not None and answers is None
            if single:  # which is what one row is answered
                head = list(itertools.islice(rows, 2))
                rows, answers = itertools.chain(head, rows), iter([predictions] if len(head) == 1 else [])
            taken = 0
            for record in rows:
                answer = next(answers, None) if answers else None
                self.observe(record, answer, next(times, TOO_FEW) if times else timestamp)
                taken += 1
            if predictions is not None and taken:
                self._compare(taken, [predictions] if single else predictions)
        except Exception as error:
            self._refuse(error, RECORDS)

    def flush(self, timeout: float = 5.0) -> bool:
        """Send everything now; return whether all rows so far are acknowledged or given up within `timeout` seconds."""
        if self._worker.pipeline.settled:
            return True
        if self._worker.closing:
            return False
        return self._worker.wait_for(self._worker.report_now(), timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Send what is left within `timeout` seconds and stop; say whether all of it was acknowledged or given up.

        Where it was, the tier is told that this source goes: once, and whether it hears it or not. Call it in the
        application's shutdown: atexit does so too, but does not run under uvicorn or on a SIGTERM that nothing handles.
        Rows that are not acknowledged by then, and those observed later, are `dropped_closed`. Closing again only
        waits.
        """
        self._begin_close(timeout)
        self._worker.join(timeout + GRACE)
        if not self._worker.alive:  # nor will there be a thread again, where none could start
            self._worker.ended = True
        return not self._worker.alive and self._worker.pipeline.settled

    def stats(self) -> dict[str, int]:
        """Return counts since the start (or the fork), always under the same names, all of them integers.

        `observed` rows are `counted` (and acknowledged), `dropped` (in all, and by reason as `dropped_…`), or
        `waiting`. `late` are those that the server says came after their pane was frozen. `ignored_values`
        stood under columns that the profile doesn't know, `ignored_predictions` had no column to go to,
        `unreadable_values` were none of their feature's kind: their rows count, see `unreadable`.
        `panes` are held now; `requests` were sent, and `failures` are reports that did not get through.
        All but `waiting` and `panes` only grow.
        """
        return self._worker.stats()

    def unreadable(self) -> dict[str, dict[str, object]]:
        """Return what could not be read since the start (or the fork), by field: `count`, and what was `expected` and
        what was `got` of the last one.

        The field `timestamp` is that of times, which cost their row, and the empty one is that of what is no row.
        """
        return self._worker.pipeline.unreadable()

    @property
    def source(self) -> str:
        """The id of this process as a source."""
        return self._worker.pipeline.source

    def __enter__(self) -> Self:
        """Return the monitor."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the monitor."""
        self.close()

    def _begin_anew(self) -> None:
        """Start from zero as a new incarnation, without a thread. The child of a fork calls it by itself."""
        options = self._options
        self._buffer = Buffer(options.max_rows)
        self._rows = self._buffer.rows
        source = f"{options.source}-{secrets.token_hex(4)}"
        transport = Http(options.url, options.headers)
        self._worker = Worker(options, self._buffer, transport, source=source, clock=self._clock, owner=self)

    def _begin_close(self, timeout: float) -> None:
        """Take no more rows, and give those at hand `timeout` seconds; return at once. `close` waits for the end."""
        if self._worker.closing:
            return
        self._worker.close_by(self._clock() + timeout)
        self._buffer.limit = -1
        processes.unregister(self)
        if self._worker.alive or not self._worker.pipeline.settled:
            self._worker.report_now()

    def _refuse(self, error: Exception, expected: str) -> None:
        """Count a row as invalid, and keep why it is."""
        if isinstance(error, NoRecordError):
            self._buffer.refuse(error.expected, error.got)
        else:
            self._buffer.refuse(expected, f"something that fails with {type(error).__name__[:40]}")

    def _compare(self, rows: int, predictions: Any) -> None:
        """Keep a remark where there were not as many predictions as rows."""
        try:
            given = len(predictions)
        except TypeError:  # a generator
            return
        if given != rows:
            self._buffer.remark = f"observe_many: expected {rows:,} predictions, one for each row, got {given:,}"

    def _admit(self, row: Raw) -> bool:
        """Return whether a row is to be appended where the buffer is closed, full or not open yet."""
        buffer, worker = self._buffer, self._worker
        if worker.closing:
            buffer.closed.add()
            return False
        if not worker.alive:
            if not buffer.limit:
                buffer.weigh(row)
                buffer.fit(self._options.max_bytes)
            worker.start()
        if len(self._rows) < buffer.limit:
            return True
        buffer.full.add()
        return False

"""The Monitor: `observe` counts in the thread of the prediction, everything else is done by a background thread."""

from __future__ import annotations

import dataclasses
import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np

from driftmeter.client import processes
from driftmeter.client.buffer import Buffer, Raw
from driftmeter.client.deferred import Deferred
from driftmeter.client.event_time import read_event_time
from driftmeter.client.frames import as_columns, count_frame, count_numbers
from driftmeter.client.live import COUNTED, COUNTED_AND_FULL, NOT_COUNTED
from driftmeter.client.options import MonitorOptions
from driftmeter.client.records import (
    RECORD,
    RECORDS,
    NoRecordError,
    has_floats,
    has_no_names,
    is_matrix,
    items_per_row,
    iterate_records,
    mismatch,
    named_values,
    read_record,
    stable_prediction,
)
from driftmeter.client.transport import Http
from driftmeter.client.worker import TICK, Worker
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile

GRACE = 5 * TICK
"""Seconds that the thread may take to notice its deadline."""
TOO_FEW = "no time: there are fewer than rows"
"""Stands in for a time if `observe_many` got fewer times than rows."""


class Monitor:
    """Reports what a model sees to the metric tier. bench/observe.py measures what a row costs.

    `url` is that of the tier, or of the gateway in front of it. Without `profile` the monitor counts by the profile
    that the server has for `model`, and follows it when it changes. With one (a Profile, or its path) the monitor
    registers it if the server does not have it, and never changes it. `model` may be left out if the profile
    names it.

    `source` names the host of this process: by default DRIFTMETER_SOURCE, or the host's name. Every start, and every
    child of a fork, appends a random incarnation and counts from zero. `interval` is the number of seconds between two
    reports (at most 60: a source that is silent for longer counts as vanished), `timeout` that for an answer; `headers`
    go with every request.

    `columns` names the values of rows that have no names: tuples, lists, arrays, and the rows of a matrix; for a model
    of scikit-learn they are its `feature_names_in_`.

    Counts leave the process, no rows; but for a few texts of categories that the profile does not know, so that the
    tier can name them, if the model's settings ask for that. With `unseen_texts=False` none is ever sent.

    Memory is bounded: with the compiled counter it is that of the panes which the server has not acknowledged. Without
    it, and before the profile is known, at most `max_rows` rows wait to be counted. All together take about `max_bytes`
    (for 30 numeric features: 8,000 rows, or 600 panes, which is more than an hour and a half without the server). Rows
    that do not fit are dropped, counted by reason, and reported with the next pane.

    A monitor that has reported once sends a heartbeat after 15 seconds without rows, and a goodbye when it closes: the
    tier takes a source that falls silent without a goodbye for dead.

    Call `close` when the application shuts down (FastAPI: the lifespan). The end of the interpreter closes too, but a
    process that dies of a signal never gets there: neither on a SIGTERM without a handler, nor under uvicorn, which
    raises the signal again after its shutdown. The rows since the last report are lost then, and the source is reported
    as silent.

    Raises InputError or ProfileError if an argument makes no sense; later it never raises.
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
        unseen_texts: bool = True,
        columns: Iterable[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; the background thread starts with the first row. `clock` is monotonic, in seconds."""
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
            unseen_texts=unseen_texts,
            columns=columns,
        )
        self._columns, self._source = self._options.columns, source or ""
        self.url, self.model = url, self._options.model
        self.clock = clock
        self._begin_anew()
        processes.register(self)

    def observe(self, features: Any, prediction: object = None, timestamp: object = None) -> None:
        """Count one row; never wait and never raise.

        `features` is a dict, or anything else that gives each value its column's name: any mapping, a row of pandas, a
        frame of one row (pandas, polars, pyarrow), a structured scalar of numpy, a named tuple, a dataclass, an object
        of msgspec, attrs or pydantic. A tuple, list or array has no names: its values are in the order of the monitor's
        `columns`, without which it is dropped as invalid. A value that is not of its feature's kind is counted as
        unreadable; the row's other values count as usual. See `unreadable`.

        `prediction` goes under the profile's prediction column. An array, list or frame of one, as models return it for
        one row, stands for its value. `timestamp` is the time of the row (seconds since the epoch, ISO 8601, or a
        datetime), by default now by the server's clock.

        Once profile and time of the server are known, the compiled counter counts the row before the call returns.
        Before, and where there is none, the row is copied, but not its values: a mutable value that you change later
        may count as it is then.
        """
        try:
            live = self._buffer.live
            counted = live.count(features, prediction) if timestamp is None and live is not None else NOT_COUNTED
            if counted != COUNTED:
                self._observe_slowly(features, prediction, timestamp, counted)
        except Exception as error:
            self._count_invalid(error, RECORD)

    def observe_many(self, records: Any, predictions: Any = None, timestamp: Any = None) -> None:
        """Count many rows, with their predictions if there are any; never wait and never raise.

        `records` is a frame (pandas, polars, pyarrow), a structured array, an iterable of rows as `observe` takes them,
        or a matrix of shape (rows, columns) in the order of the monitor's `columns`. `predictions` holds one value for
        each row: a list, a series, a frame of one column, an array of shape (rows,) or (rows, 1). `timestamp` is one
        time for all rows, or one for each row in the same forms.

        Once rows are counted in the call, matrices of floats and frames of pandas, polars and pyarrow are counted by
        columns, with the same counts, in a tenth of the time. The rows are observed one by one where the names of
        columns are not different texts; where there is not one prediction for each row, or one of them is None; where
        there is not one time for each row, or one of them cannot be read; and where either comes from a generator.
        """
        try:
            done = 0
            if self._columns and is_matrix(records):
                records, predictions = self._observe_matrix(records, predictions, timestamp)
            else:
                done, predictions, timestamp = self._observe_frame(records, predictions, timestamp)
                if done and done == len(records):
                    return
            rows, answers, times = iterate_records(records), items_per_row(predictions), items_per_row(timestamp)
            if done:
                rows = itertools.islice(rows, done, None)
                answers, times = (items and itertools.islice(items, done, None) for items in (answers, times))
            single = predictions is not None and answers is None
            if single:  # a single value is the prediction of a single row
                head = list(itertools.islice(rows, 2))
                rows, answers = itertools.chain(head, rows), iter([predictions] if len(head) == 1 else [])
            taken = 0
            for record in rows:
                answer = next(answers, None) if answers else None
                self.observe(record, answer, next(times, TOO_FEW) if times else timestamp)
                taken += 1
            if predictions is not None and taken:
                given = [predictions] if single else predictions
                self._buffer.remark = mismatch(done + taken, given) or self._buffer.remark
        except Exception as error:
            self._count_invalid(error, RECORDS)

    @property
    def deferred(self) -> Deferred:
        """What code such as driftmeter.integrations is still to read rows out of, many at once, which costs less."""
        return self._buffer.deferred

    def observe_earlier(self, features: dict[str, Any], prediction: object, clock: float) -> None:
        """Count one row as `observe` does, of a time of the monitor's clock in seconds. Never raises."""
        try:
            live = self._buffer.live
            counted = NOT_COUNTED
            if live is not None:
                counted = live.count_earlier(features, prediction, clock)
            if counted != COUNTED:
                self._observe_slowly(features, prediction, None, counted)
        except Exception as error:
            self._count_invalid(error, RECORD)

    def reject(self, expected: str, got: str, rows: int = 1) -> None:
        """Count rows, or what should have been some, that cannot be read: they are dropped as `invalid`.

        What was `expected` and what came are kept, and logged once a minute, as for an object that is no row. For code
        that reads rows out of requests, such as driftmeter.integrations. Never raises.
        """
        for _ in range(rows):
            self._buffer.count_invalid(expected, got)

    def remark(self, message: str) -> None:
        """Have something about the rows logged, once a minute whatever comes; never raise."""
        self._buffer.remark = message

    def start(self) -> None:
        """Start the background thread, which fetches the profile; without this the first row starts it."""
        if not self._worker.closing:
            self._worker.start()

    def flush(self, timeout: float = 5.0) -> bool:
        """Send everything now; return whether all rows so far are acknowledged or given up within `timeout` seconds."""
        self.deferred.gather()
        if self._worker.pipeline.settled:
            return True
        if self._worker.closing:
            return False
        return self._worker.wait_for(self._worker.report_now(), timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Send the remaining rows within `timeout` seconds and stop; return whether all were acknowledged or given up.

        If so, the tier is told that this source ends: once, whether an answer comes or not. Call `close` in the
        application's shutdown: atexit does so too, but does not run under uvicorn or on a SIGTERM without a handler.
        Rows that are not acknowledged by then, and those observed later, are `dropped_closed`. Closing again only
        waits.
        """
        self._begin_close(timeout)
        self._worker.join(timeout + GRACE)
        if not self._worker.alive:  # perhaps none could start; no thread will start any more
            self._worker.ended = True
        return not self._worker.alive and self._worker.pipeline.settled

    def stats(self) -> dict[str, int]:
        """Return counts since the start (or the fork), always under the same names, all of them integers.

        `observed` rows are `counted` (and acknowledged), `dropped` (in all, and by reason as `dropped_…`), or
        `waiting`. `late` rows are counted, but the server says that they came after their pane was frozen.
        `ignored_values` have columns that the profile does not have, `ignored_predictions` have no column at all.
        `unreadable_values` are not of their feature's kind: their rows count, see `unreadable`. `panes` are held now;
        `requests` were sent, and `failures` are reports that did not get through. All but `waiting` and `panes` only
        grow. `compiled_counter` is 1 with the compiled counter, 0 with the plain one.
        """
        self.deferred.gather()
        return self._worker.stats()

    def unreadable(self) -> dict[str, dict[str, object]]:
        """Return what could not be read since the start (or the fork), by field.

        For each field it has the `count`, and for the last value what was `expected` and `got`. Under `timestamp` are
        times that could not be read, under "" things that are no rows: both are dropped as invalid.
        """
        return self._worker.pipeline.unreadable()

    @property
    def source(self) -> str:
        """The id of this process as a source: a stable name and a random incarnation."""
        return self._worker.pipeline.source

    @property
    def profile(self) -> Profile | None:
        """The profile that rows are counted by; None until it is known, where it is the server's."""
        intake = self._worker.session.intake
        return self._options.profile if intake is None else intake.profile

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The columns of a row without names, in its order: as they were given, or None."""
        return self._columns

    def __reduce__(self) -> tuple[Callable[[MonitorOptions], Monitor], tuple[MonitorOptions]]:
        """Pickle and copy as the options alone, headers included: a copy counts from zero, as a source of its own.

        A source that was not given is named after the host of the copy.
        """
        return _monitor_of, (dataclasses.replace(self._options, source=self._source),)

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
        self._worker = Worker(options, self._buffer, transport, source=source, clock=self.clock, owner=self)

    def _begin_close(self, timeout: float) -> None:
        """Take no more rows, and give those at hand `timeout` seconds; return at once. `close` waits for the end."""
        if self._worker.closing:
            return
        self.deferred.gather()
        self._worker.close_by(self.clock() + timeout)
        self._buffer.close()
        processes.unregister(self)
        if self._worker.alive or not self._worker.pipeline.settled:
            self._worker.report_now()

    def _observe_slowly(self, features: Any, prediction: Any, timestamp: Any, counted: int) -> None:
        """Finish what the live counter could not do alone: read the row, its time and its prediction, or keep it."""
        live = self._buffer.live
        if live is not None and counted == NOT_COUNTED:
            if self._columns and has_no_names(features):
                features = features.tolist() if isinstance(features, np.ndarray) else features
            elif type(features) is not dict:
                features = read_record(features)
            time = None if timestamp is None else read_event_time(timestamp)
            if not isinstance(time, InputError):
                counted = live.count_value(features, live.single(prediction), time)
        if counted == COUNTED_AND_FULL:
            self._worker.pipeline.collect()
        elif counted == NOT_COUNTED:
            self._keep(features, prediction, timestamp)

    def _observe_matrix(self, matrix: Any, predictions: Any, timestamp: Any) -> tuple[Any, Any]:
        """Count the rows of a matrix of floats at once, as far as can be; return the rest with its predictions."""
        live = self._buffer.live
        answers = None if predictions is None else items_per_row(predictions)
        one_by_one = predictions is not None and answers is None
        fits = has_floats(matrix) and matrix.shape[1] == len(self._columns or ())
        if live is None or one_by_one or timestamp is not None or not fits:
            return matrix, predictions
        given = None if answers is None else [live.single(answer) for answer in answers]
        if given is not None:
            self._buffer.remark = mismatch(len(matrix), given) or self._buffer.remark
            given = given[: len(matrix)] + [None] * (len(matrix) - len(given))
        done = count_numbers(live, matrix.astype(np.float64, copy=False), given, self._worker.pipeline.collect)
        return matrix[done:], None if given is None else given[done:]

    def _observe_frame(self, records: Any, predictions: Any, timestamp: Any) -> tuple[int, Any, Any]:
        """Count the rows of a frame at once, as far as can be; see `count_frame`."""
        live = self._buffer.live
        try:
            frame = None if live is None else as_columns(records)
        except Exception:  # the rows may be readable all the same
            frame = None
        if live is None or frame is None:
            return 0, predictions, timestamp
        return count_frame(live, frame, predictions, timestamp, self._worker.pipeline.collect)

    def _keep(self, features: Any, prediction: Any, timestamp: Any) -> None:
        """Put a row into the buffer. Callers may change their dict afterwards, and many do: it is copied."""
        if type(features) is dict:
            record = features.copy()
        elif self._columns and has_no_names(features):
            record = named_values(features, self._columns)
        else:
            record = read_record(features)
        if prediction is not None and type(prediction) is not float:
            prediction = stable_prediction(prediction)
        row = (record, prediction, timestamp, self.clock())
        if len(self._rows) < self._buffer.limit or self._admit(row):
            self._rows.append(row)

    def _count_invalid(self, error: Exception, expected: str) -> None:
        """Count something as an invalid row, and keep the reason."""
        if isinstance(error, NoRecordError):
            self._buffer.count_invalid(error.expected, error.got)
        else:
            self._buffer.count_invalid(expected, f"something that fails with {type(error).__name__[:40]}")

    def _admit(self, row: Raw) -> bool:
        """Decide on a row if the buffer is closed, full or not open yet: return whether to append it, or drop it."""
        buffer, worker = self._buffer, self._worker
        if worker.closing:
            buffer.closed.add()
            return False
        if not buffer.row_bytes:  # the first row tells how many fit
            buffer.weigh(row)
            buffer.fit(self._options.max_bytes)
        if not worker.alive:
            worker.start()
        if len(self._rows) < buffer.limit:
            return True
        buffer.full.add()
        return False


def _monitor_of(options: MonitorOptions) -> Monitor:
    """Return a new monitor with the options of another one, which hold all but its clock."""
    return Monitor(**vars(options))

"""The Monitor: `observe` in the prediction's thread, everything else in one of its own."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import re
import secrets
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from driftmeter.client.backoff import Backoff
from driftmeter.client.buffer import Buffer
from driftmeter.client.faults import LOGGER
from driftmeter.client.intake import COMPILING
from driftmeter.client.records import RECORD, RECORDS, NoRecordError, each_of, record_of, records_of, settled
from driftmeter.client.transport import AwayError, Http, Transport
from driftmeter.client.worker import Worker
from driftmeter.errors import InputError, ProfileError
from driftmeter.profile.profile import Profile

TICK = 0.1
"""Seconds between two looks at the buffer."""
GRACE = 5 * TICK
"""Seconds that the thread may take to notice that its time is over."""
LONGEST_INTERVAL = 60.0
"""Seconds between two reports, at most: the tier takes who says nothing for longer for dead."""
EXIT_TIMEOUT = 2.0
"""Seconds that an exiting interpreter waits for the last panes of all its monitors."""
TOO_FEW = "no time: there are fewer than rows"
"""Stands for a time that `observe_many` was not given."""

_monitors: weakref.WeakSet[Monitor] = weakref.WeakSet()


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
        if profile is not None and not isinstance(profile, Profile):
            profile = Profile.load(Path(profile))
        if model is None:
            if profile is None:
                raise InputError("model", "a model's name, or a profile that names it", "neither")
            model = profile.model
        elif profile is not None and profile.model != model:
            raise ProfileError(f"expected a profile of model {model!r}, got one of {profile.model!r}")
        for name, value in (("interval", interval), ("timeout", timeout), ("max_rows", max_rows)):
            if not value > 0:
                raise InputError(name, "a number above 0", repr(value))
        if interval > LONGEST_INTERVAL:
            raise InputError("interval", f"at most {LONGEST_INTERVAL:.0f} s", f"{interval} s")
        if max_bytes < 1_000_000:
            raise InputError("max_bytes", "at least 1,000,000", repr(max_bytes))
        self.url, self.model = url, model
        self._name = _url_safe(source or os.environ.get("DRIFTMETER_SOURCE") or socket.gethostname())
        self._interval, self._max_rows, self._clock = interval, max_rows, clock
        self._transport: Callable[[], Transport] = lambda: Http(url, headers)
        self._new_worker: Callable[[Buffer, Transport, str], Worker] = lambda buffer, transport, source: Worker(
            buffer,
            transport,
            model=model,
            profile=profile,
            source=source,
            max_bytes=max_bytes,
            timeout=timeout,
            clock=clock,
        )
        self._max_bytes = max_bytes
        self._reset()
        _hook_in()
        _monitors.add(self)

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
                prediction = settled(prediction)
            # The copy is what lets callers go on with their dict (many models encode in place), and what
            # keeps the other thread from walking over a dict that changes under it.
            row = (
                features.copy() if type(features) is dict else record_of(features),
                prediction,
                timestamp,
                self._clock(),
            )
            if len(self._rows) >= self._buffer.limit and not self._unusual(row):
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
            rows, answers, times = records_of(records), each_of(predictions), each_of(timestamp)
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
        """Send everything now; say whether all rows so far were acknowledged or given up within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        if self._worker.settled:
            return True
        if self._closed:
            return False
        ticket = self._ask()
        with self._changed:
            while self._answered < ticket:
                left = deadline - time.monotonic()
                if left <= 0 or not self._alive():
                    return False
                self._changed.wait(min(left, TICK))
        return True

    def close(self, timeout: float = 5.0) -> bool:
        """Send what is left within `timeout` seconds and stop; say whether all of it was acknowledged or given up.

        Where it was, the tier is told that this source goes: once, and whether it hears it or not. Call it in the
        application's shutdown: atexit does so too, but does not run under uvicorn or on a SIGTERM that nothing handles.
        Rows that are not acknowledged by then, and those observed later, are `dropped_closed`. Closing again only
        waits.
        """
        self._stop(timeout)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout + GRACE)
        if not self._alive():  # nor will there be a thread again, where none could start
            self._worker.over = True
        return not self._alive() and self._worker.settled

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
        return self._worker.unreadable()

    @property
    def source(self) -> str:
        """The id of this process as a source."""
        return self._worker.ledger.source

    def __enter__(self) -> Self:
        """Return the monitor."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the monitor."""
        self.close()

    def _reset(self) -> None:
        """Begin from zero, as a new incarnation, without a thread."""
        self._buffer = Buffer(self._max_rows)
        self._rows = self._buffer.rows
        self._worker = self._new_worker(self._buffer, self._transport(), f"{self._name}-{secrets.token_hex(4)}")
        self._thread: threading.Thread | None = None
        self._closed = self._introduced = False
        self._asked = self._answered = 0
        self._wake = threading.Event()
        self._changed = threading.Condition()
        self._starting = threading.Lock()

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

    def _unusual(self, row: tuple[dict[str, Any], object, object, float]) -> bool:
        """Decide on a row where the buffer is closed, full or not open yet: whether it is to be appended."""
        buffer = self._buffer
        if self._closed:
            buffer.closed.add()
            return False
        if not self._alive():
            if not buffer.limit:
                buffer.weigh(row)
                buffer.fit(self._max_bytes)
            self._start()
        if len(self._rows) < buffer.limit:
            return True
        buffer.full.add()
        return False

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self, *, wait: bool = False) -> None:
        """Start the thread, or leave that to whoever is just doing so; `wait` until it runs."""
        if not self._starting.acquire(blocking=wait):
            return
        try:
            if not self._alive():
                _close_with_child()
                thread = threading.Thread(target=self._run, name="driftmeter", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError as error:  # the system has no thread left, or the interpreter is ending
            self._worker.faults.warn("thread", f"the background thread can't start: {error}")
        finally:
            self._starting.release()

    def _ask(self) -> int:
        """Have everything sent now; return the number that `_answered` reaches when it is."""
        with self._changed:
            self._asked += 1
            ticket = self._asked
        if not self._alive():
            self._start(wait=True)
        self._wake.set()
        return ticket

    def _stop(self, timeout: float) -> None:
        """Take no more rows, and give the thread `timeout` seconds for those that it has."""
        if self._closed:
            return
        self._worker.deadline = self._clock() + timeout
        self._closed = True
        self._buffer.limit = -1
        _monitors.discard(self)
        if self._alive() or not self._worker.settled:
            self._ask()

    def _run(self) -> None:
        worker, clock, backoff = self._worker, self._clock, Backoff()
        due, tried = clock(), 0
        while True:
            self._wake.wait(TICK)
            self._wake.clear()
            # before the rows are taken: what was asked for then is among them
            closed, asked = self._closed, self._asked
            if closed and backoff.failures and worker.settled:
                break  # the tier is away, and nothing is left to wait for
            try:
                worker.drain()
                if asked > tried or clock() >= due:
                    tried = asked
                    due = clock() + self._exchange(worker, backoff)
                if not backoff.failures and tried == asked:
                    with self._changed:
                        self._answered = asked
                        self._changed.notify_all()
            except Exception:
                worker.faults.warn("bug", "the background thread failed, and goes on", trace=True)
                due = clock() + backoff.failed()
            if closed and (self._answered >= asked or clock() >= (worker.deadline or 0.0)):
                break
        if not worker.settled:
            worker.faults.warn("closed", "closed before everything was sent; some rows are not reported")
        elif not backoff.failures:
            try:
                worker.say_goodbye()
            except Exception:
                worker.faults.warn("bug", "the goodbye failed", trace=True)
        worker.last_words()
        worker.over = True
        worker.transport.close()

    def _exchange(self, worker: Worker, backoff: Backoff) -> float:
        """Talk to the tier; return after how many seconds to do so again."""
        try:
            worker.exchange()
        except AwayError as error:
            worker.failures += 1
            pause = backoff.failed(error.retry_after)
            # a connection that was closed while idle fails once and means nothing
            if backoff.failures > 1:
                why = str(error) if self.url.rstrip("/") in str(error) else f"{self.url}: {error}"
                worker.faults.warn("away", f"no report gets through, trying on: {why}")
            return pause
        finally:
            self._introduce(worker)
        backoff.succeeded()
        worker.faults.over("away", f"reports reach {self.url} again")
        return self._interval

    def _introduce(self, worker: Worker) -> None:
        """Say once, after the first report that was taken, under which name the tier lists this source."""
        if worker.known and not self._introduced:
            self._introduced = True
            LOGGER.info("driftmeter: reporting to %s as %s", self.url, worker.ledger.source)


def _url_safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "source"


@functools.cache
def _hook_in() -> None:
    """Have forks and the interpreter's end noticed, from the first monitor on."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=COMPILING.acquire, after_in_parent=COMPILING.release, after_in_child=_after_fork)
    atexit.register(_close_all)


def _after_fork() -> None:
    COMPILING.release()
    for monitor in list(_monitors):
        monitor._reset()


def _close_all() -> None:
    monitors = list(_monitors)
    deadline = time.monotonic() + EXIT_TIMEOUT
    for monitor in monitors:
        monitor._stop(EXIT_TIMEOUT)
    for monitor in monitors:
        monitor.close(max(0.0, deadline - time.monotonic()))


def _close_with_child() -> None:
    """Close at the end of a process made by multiprocessing, which never comes to its atexit handlers."""
    util, process = sys.modules.get("multiprocessing.util"), sys.modules.get("multiprocessing.process")
    if util and process and process.parent_process() is not None:
        util.Finalize(None, _close_all, exitpriority=0)

"""The worker: the background thread of a monitor, and what it does when.

      +------+  start   +---------+   an exchange fails    +------+
  --> | idle | -------> | running | ---------------------> | away |  the next exchange is after a growing pause
      +------+          +---------+ <--------------------- +------+
                             |        an exchange succeeds     |
                             | close_by                        | close_by
                             v                                 v
                        +-------------------------------------------+   until everything asked for was sent,
                        |                  closing                  |   or the tier is away and nothing waits,
                        +-------------------------------------------+   or the deadline is over
                             |  a final pane, if all rows are settled and the tier is not away
                             v
                        +-------+
                        | ended |  rows that still wait are dropped
                        +-------+

A turn of the loop is a plain method, `turn`, and all its times come from the clock: tests need no thread.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from driftmeter.client import processes
from driftmeter.client.backoff import Backoff
from driftmeter.client.buffer import Buffer
from driftmeter.client.faults import LOGGER, Faults
from driftmeter.client.options import MonitorOptions
from driftmeter.client.pipeline import CHUNK, Pipeline
from driftmeter.client.reporter import Reporter
from driftmeter.client.session import Session
from driftmeter.client.thread_lock import ThreadLock
from driftmeter.client.transport import AwayError, Transport
from driftmeter.counts.compiled import KIND

TICK = 0.1
"""Seconds between two looks at a buffer in use."""
LONGEST_WAIT = 1.0
"""Seconds between two turns where rows are counted live and the buffer was empty."""
GATHER = 0.5
"""Seconds, at most, for which rows wait until there is a CHUNK of them: to begin costs as much CPU as 150 rows. With
much more than a chunk, Python's collections of garbage would show in the slowest calls of `observe`."""


class Worker:
    """Reports for one source, from the first row to the goodbye."""

    def __init__(
        self,
        options: MonitorOptions,
        buffer: Buffer,
        transport: Transport,
        *,
        source: str,
        clock: Callable[[], float],
        backoff: Backoff | None = None,
        owner: object = None,
    ) -> None:
        """Prepare; `start` starts the thread. `clock` is monotonic, in seconds.

        `owner` lives as long as the thread does: a monitor that nothing refers to any more is still to be closed at the
        end of the process.
        """
        self._owner = owner
        self.closing = False
        """Whether no more rows are taken."""
        self.ended = False
        """Whether nothing will ever be sent again: rows that wait are lost."""
        self.failures = 0
        self.faults = Faults(options.model, clock)
        self.session = Session(options.profile, unseen_texts=options.unseen_texts)
        self.pipeline = Pipeline(
            buffer,
            self.session,
            self.faults,
            source=source,
            max_bytes=options.max_bytes,
            clock=clock,
            columns=options.columns,
        )
        self.reporter = Reporter(
            self.pipeline,
            self.session,
            transport,
            self.faults,
            model=options.model,
            timeout=options.timeout,
            clock=clock,
        )
        self._url, self._interval, self._clock = options.url, options.interval, clock
        self._buffer = buffer
        self._backoff = backoff or Backoff()
        self._due = self._drained = -math.inf  # local time in seconds of the next exchange, of the last drain
        self._named = False
        self.answered = 0
        """The number of the last request to send everything that was fulfilled."""
        self._asked = self._tried = 0  # the numbers of the last one that was made, and that was tried
        self._wake: SimpleQueue[None] = SimpleQueue()  # unlike an Event, it may be put into by a signal handler
        self._changed = threading.Condition()
        self._starting = ThreadLock()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def stats(self) -> dict[str, int]:
        """Return counts since the start; see `Monitor.stats`."""
        counts = self.pipeline.stats(ended=self.ended)
        compiled = int(KIND == "compiled")
        return {**counts, "requests": self.reporter.requests, "failures": self.failures, "compiled_counter": compiled}

    def start(self, *, wait: bool = False) -> None:
        """Start the thread unless it runs or another thread is just starting it; `wait` until that is done.

        A signal handler does not wait for the thread that it interrupts.
        """
        if not self._starting.enter(wait=wait):
            return
        try:
            if not self.alive:
                processes.close_with_child()
                thread = threading.Thread(target=self._run, name="driftmeter", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError as error:  # the system has no thread left, or the interpreter is ending
            self.faults.warn("thread", f"the background thread can't start: {error}")
        finally:
            self._starting.leave()

    def request_report(self) -> int:
        """Have everything sent in the next turn; return a number that `answered` reaches once it is."""
        with self._changed:
            self._asked += 1
            return self._asked

    def report_now(self) -> int:
        """Have the thread send everything now, and start it if it does not run; return as `request_report` does."""
        ticket = self.request_report()
        if not self.alive:
            self.start(wait=True)
        self._wake.put(None)
        return ticket

    def wait_for(self, ticket: int, timeout: float) -> bool:
        """Wait at most `timeout` seconds; return whether the request with this number was answered."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self.answered < ticket:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self.alive:
                    return False
                self._changed.wait(min(remaining, TICK))
        return True

    def close_by(self, deadline: float) -> None:
        """Take no more rows, and give up those that are not sent at `deadline`, a local time in seconds."""
        self.reporter.deadline = deadline
        self.closing = True

    def join(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for the end of the thread; return at once in the thread itself."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def turn(self) -> bool:
        """Do once what is due now; return whether the loop goes on."""
        # before the rows are taken: what was asked for until now is among them
        closing, asked = self.closing, self._asked
        if closing and self._backoff.failures and self.pipeline.settled:
            return False
        try:
            exchanges = asked > self._tried or self._clock() >= self._due
            if exchanges or closing or self._rows_are_due():
                self._drained = self._clock()
                self.pipeline.drain()
            if exchanges:
                self._tried = asked
                self._due = self._clock() + self._exchange()
            if not self._backoff.failures and self._tried == asked:
                with self._changed:
                    self.answered = asked
                    self._changed.notify_all()
        except Exception:
            self.faults.warn("bug", "the background thread failed, and goes on", trace=True)
            self._due = self._clock() + self._backoff.failed()
        return not closing or (self.answered < asked and self._clock() < (self.reporter.deadline or 0.0))

    def finish(self) -> None:
        """Say goodbye if everything was sent, warn if it was not, and let go of connections."""
        if not self.pipeline.settled:
            self.faults.warn("closed", "closed before everything was sent; some rows are not reported")
        elif not self._backoff.failures:
            try:
                self.reporter.send_goodbye()
            except Exception:
                self.faults.warn("bug", "the goodbye failed", trace=True)
        self.pipeline.warn_of_unnamed_fields()
        self.ended = True
        self._owner = None
        self.reporter.close()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            self._sleep(self._pause())
            goes_on = self.turn()
        self.finish()

    def _sleep(self, seconds: float) -> None:
        """Wait for some time, or until something is asked for."""
        with suppress(Empty):
            self._wake.get(timeout=seconds)
            while True:
                self._wake.get_nowait()

    def _pause(self) -> float:
        """Return the seconds to wait until the next turn, unless something is asked for."""
        if self.closing or not self.pipeline.is_live:
            return TICK
        return min(max(self._due - self._clock(), TICK), LONGEST_WAIT)

    def _rows_are_due(self) -> bool:
        """Say whether to type the rows that wait."""
        return len(self._buffer) >= CHUNK or self._clock() >= self._drained + GATHER

    def _exchange(self) -> float:
        """Talk to the tier; return after how many seconds to do so again."""
        try:
            self.reporter.exchange()
        except AwayError as error:
            self.failures += 1
            pause = self._backoff.failed(error.retry_after)
            # a connection that was closed while idle fails once and means nothing
            if self._backoff.failures > 1:
                reason = str(error) if self._url.rstrip("/") in str(error) else f"{self._url}: {error}"
                self.faults.warn("away", f"no report gets through, trying on: {reason}")
            return pause
        finally:
            self._log_source()
        self._backoff.succeeded()
        self.faults.resolved("away", f"reports reach {self._url} again")
        return self._interval

    def _log_source(self) -> None:
        """Log once, after the first report that was taken, under which name the tier lists this source."""
        if self.session.reported and not self._named:
            self._named = True
            LOGGER.info("driftmeter: reporting to %s as %s", self._url, self.pipeline.source)

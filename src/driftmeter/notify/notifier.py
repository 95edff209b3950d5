"""Sends notices on a thread of its own, so that the evaluator never waits for a mail server."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from driftmeter.errors import UnknownModelError
from driftmeter.notify.notice import Notice
from driftmeter.notify.receivers import Receiver, destinations

Outcome = Literal["sent", "failed", "dropped"]
Claim = Callable[[str, str], bool]

WAITS = (1.0, 5.0, 25.0, 125.0)
"""Seconds between attempts."""
_MOST_WAITING = 100

_log = logging.getLogger(__name__)


@dataclass(order=True)
class _Job:
    """A notice to claim (`to` is None), or to send to a destination; `due` by the monotonic clock."""

    due: float
    number: int
    notice: Notice = field(compare=False)
    to: Receiver | None = field(compare=False, default=None)
    failures: int = field(compare=False, default=0)


class Notifier:
    """Sends notices on a thread of its own, and repeats a failed attempt after growing waits.

    A notice is claimed just before its first attempt, so that one of all replicas sends it. A replica that dies between
    the claim and the last attempt loses the notice; claiming after sending would wake people once for each replica.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        claim: Claim,
        on_outcome: Callable[[Outcome], None] = lambda outcome: None,
        waits: Sequence[float] = WAITS,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        """Send to the receivers at `urls`; raises as `destinations`.

        `claim(model, key)` returns whether this process is the one to send. `on_outcome` is called once for each notice
        that is `dropped`, and for each destination that a notice was `sent` to or has finally `failed` for, on the
        sending thread or on the thread that offers. `waits` are the seconds between attempts.
        """
        self._destinations = destinations(urls)
        self._claim = claim
        self._on_outcome = on_outcome
        self._waits = tuple(waits)
        self._most_waiting = most_waiting
        self._jobs: list[_Job] = []
        self._under_way: _Job | None = None
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closing = self._abandoned = False
        self._thread = threading.Thread(target=self._run, name="driftmeter-notify", daemon=True)
        self._thread.start()

    def offer(self, notice: Notice) -> bool:
        """Take a notice, or drop it if too many wait; return whether it was taken. Never blocks."""
        with self._changed:
            reason = "the server stops" if self._closing else "too many wait"
            taken = not self._closing and len(self._jobs) < self._most_waiting
            if taken:
                self._schedule(0.0, notice)
        if not taken:
            _log.error("dropped a notice of model %s (%s): %s", notice.model, notice.key, reason)
            self._on_outcome("dropped")
        return taken

    def close(self, timeout: float = 10.0) -> None:
        """Try to send each waiting notice once, for at most `timeout` seconds; log those that were not sent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        with self._changed:
            self._abandoned = True
            unsent, self._jobs = sorted(self._jobs), []
            under_way = self._under_way
        if under_way is not None:  # the process may end before its outcome is known
            _log.error("a notice of model %s (%s) was still being sent%s", *_log_fields(under_way))
        for job in unsent:
            self._give_up(job, "the server stops")

    def _schedule(self, wait: float, notice: Notice, to: Receiver | None = None, failures: int = 0) -> None:
        heapq.heappush(self._jobs, _Job(time.monotonic() + wait, next(self._numbers), notice, to, failures))
        self._changed.notify()

    def _next(self) -> _Job | None:
        with self._changed:
            self._under_way = None
            while not self._abandoned:
                wait = self._jobs[0].due - time.monotonic() if self._jobs else None
                if wait is not None and (wait <= 0 or self._closing):
                    self._under_way = heapq.heappop(self._jobs)
                    return self._under_way
                if self._closing:
                    break
                self._changed.wait(wait)
        return None

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                if job.to is None:
                    self._claim_and_schedule(job)
                else:
                    self._send(job, job.to)
            except Exception:  # the notices after this one must still be sent
                _log.exception("a notice of model %s (%s) failed%s", *_log_fields(job))

    def _claim_and_schedule(self, job: _Job) -> None:
        try:
            claimed = self._claim(job.notice.model, job.notice.key)
        except UnknownModelError:
            return  # deleted just now
        except Exception as error:  # the store cannot be reached
            self._retry(job, f"it could not be claimed: {type(error).__name__}: {error}")
            return
        if not claimed:
            return
        with self._changed:
            abandoned = self._abandoned
            for destination in () if abandoned else self._destinations:
                self._schedule(0.0, job.notice, destination)
        if abandoned:
            self._give_up(job, "the server stops")

    def _send(self, job: _Job, to: Receiver) -> None:
        notice = job.notice
        reason = to.deliver(notice)
        if reason is not None:
            self._retry(job, reason)
            return
        _log.info("sent a notice of model %s (%s) to %s", notice.model, notice.key, to.name)
        self._on_outcome("sent")

    def _retry(self, job: _Job, reason: str) -> None:
        with self._changed:
            last = self._closing or job.failures == len(self._waits)
            if not last:
                self._schedule(self._waits[job.failures], job.notice, job.to, job.failures + 1)
        if last:
            self._give_up(job, reason)
        elif not job.failures:
            _log.warning("a notice of model %s (%s) is not sent yet%s: %s", *_log_fields(job), reason)

    def _give_up(self, job: _Job, reason: str) -> None:
        _log.error("a notice of model %s (%s) was not sent%s: %s", *_log_fields(job), reason)
        self._on_outcome("failed")


def _log_fields(job: _Job) -> tuple[str, str, str]:
    return job.notice.model, job.notice.key, f" to {job.to.name}" if job.to else ""

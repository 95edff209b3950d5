"""A worker without thread and network, and the tier that it reports to: time passes only where a test says so."""

from __future__ import annotations

from typing import Any

from driftmeter.client.backoff import Backoff
from driftmeter.client.buffer import Buffer
from driftmeter.client.options import MonitorOptions
from driftmeter.client.transport import Answer, AwayError
from driftmeter.client.worker import TICK, Worker
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW
from tests.client.tier import Tier
from tests.support.clocks import SetClock

START = 1_700_000_000_000
"""The tier's time when the worker's own clock shows 100 s."""


class Rig:
    """A worker whose transport hands requests to the tier's own function while it is `up`, and notes their times.

    Its pauses have no jitter.
    """

    def __init__(self, profile: Profile | None = None, **options: Any) -> None:
        self.clock = SetClock(START)
        self.tier = Tier(Timing(2_000, 2_000), listening=False, clock=self.clock)
        self.up = True
        self.asked_at: list[float] = []
        self.timeouts: list[float] = []
        settings = MonitorOptions.read(
            **{
                "url": "http://tier",
                "model": "m",
                "profile": profile,
                "source": "s",
                "headers": None,
                "interval": 1.0,
                "timeout": 3.0,
                "max_rows": 1_000,
                "max_bytes": 1_000_000,
                **options,
            }
        )
        self.buffer = Buffer(settings.max_rows)
        self.buffer.limit = settings.max_rows
        self.worker = Worker(settings, self.buffer, self, source="s", clock=self.local, backoff=Backoff(lambda: 1.0))

    def local(self) -> float:
        """Return the time of the worker's clock in seconds."""
        return 100.0 + (self.clock.now - START) / 1000

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += round(seconds * 1000)

    def observe(self, rows: int = 1, timestamp: object = None, **values: Any) -> None:
        """Put rows into the buffer as `Monitor.observe` does."""
        self.buffer.rows.extend(({**ROW, **values}, None, timestamp, self.local()) for _ in range(rows))

    def exchange(self) -> None:
        """Let the reporter report."""
        self.worker.reporter.exchange()

    def report(self, rows: int = 1, timestamp: object = None, **values: Any) -> None:
        """Observe rows and report them."""
        self.observe(rows, timestamp, **values)
        self.exchange()

    def run(self, seconds: float) -> None:
        """Let the worker have its turns while so many seconds pass."""
        for _ in range(round(seconds / TICK)):
            self.wait(TICK)
            assert self.worker.turn()

    def __call__(self, method: str, path: str, body: bytes | None, content_type: str, timeout: float) -> Answer:
        """Do as a transport does."""
        self.asked_at.append(self.local())
        self.timeouts.append(timeout)
        if not self.up:
            raise AwayError("cut")
        sent = self.local()
        status, headers, answer = self.tier.answer(method, path, body or b"")
        self.tier.log.append((method, path, status))
        return Answer(status, {name.lower(): value for name, value in headers}, answer, sent, self.local())

    def close(self) -> None:
        """Do as a transport does."""

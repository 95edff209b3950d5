"""The demo's traffic: held-out flights in random order, with drift injected from a given time on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import httpx

from driftmeter.demo.data import Row, held_out_rows

INJECTED = ("temp", "carrier", "wind_gust", "distance")

NEW_CARRIER = "ZZ"
NEW_CARRIER_SHARE = 0.03
CELSIUS_SENSOR = "JFK"
KILOMETRES_PER_MILE = 1.609344

CONNECTIONS = 16
TIMEOUT = 5.0  # seconds for one request
LIST_SHARE = 0.1  # of the requests, which then carry 2 to LIST_ROWS rows
LIST_ROWS = 8
CATCH_UP = 1.0  # seconds: rows that are further behind the rate are never sent


class StopSignal(Protocol):
    """Stops a run: a threading.Event or an asyncio.Event."""

    def is_set(self) -> bool:
        """Return whether the run should end."""
        ...


@dataclass(frozen=True)
class TrafficProgress:
    """How far a run has come: seconds elapsed, and counts since its start."""

    elapsed: float = 0.0
    requests: int = 0
    sent: int = 0
    """Rows whose prediction came back."""
    failed: int = 0
    """Rows whose request got no answer, or a status other than 200."""
    injecting: bool = False


def inject(row: Row, rng: random.Random) -> Row:
    """Return the row as it looks after the drift; only the features of INJECTED change.

    The thermometer at JFK reports Celsius, 3 % of the flights belong to a new carrier, gusts are no longer
    measured, and distances are in kilometres. Missing values stay missing.
    """
    drifted = dict(row)
    temp, distance = row.get("temp"), row.get("distance")
    if row.get("origin") == CELSIUS_SENSOR and isinstance(temp, int | float):
        drifted["temp"] = round((temp - 32) * 5 / 9, 2)
    if rng.random() < NEW_CARRIER_SHARE:
        drifted["carrier"] = NEW_CARRIER
    drifted["wind_gust"] = None
    if isinstance(distance, int | float):
        drifted["distance"] = distance * KILOMETRES_PER_MILE
    return drifted


def shuffled(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield the rows forever: each once in a round, and each round in a new order. Raises ValueError without rows."""
    if not rows:
        raise ValueError("traffic: expected at least one row, got none")
    order = list(range(len(rows)))
    while True:
        rng.shuffle(order)
        for index in order:
            yield rows[index]


class Traffic:
    """The requests of clients, one after another; a seed gives the same flights with drift and without."""

    def __init__(self, rows: Sequence[Row], *, drift: bool = False, inject_after: float = 20.0, seed: int = 0) -> None:
        """Draw from `rows`; with `drift`, requests due `inject_after` seconds after the start or later are injected."""
        self._inject_after = inject_after if drift else float("inf")
        self._draw = random.Random(f"draw {seed}")
        self._injection = random.Random(f"injection {seed}")
        self._rows = shuffled(rows, self._draw)

    def injecting(self, elapsed: float) -> bool:
        """Return whether a request due `elapsed` seconds after the start is injected."""
        return elapsed >= self._inject_after

    def request(self, elapsed: float) -> list[Row]:
        """Return the rows of the next request, due `elapsed` seconds after the start: mostly one row."""
        size = self._draw.randint(2, LIST_ROWS) if self._draw.random() < LIST_SHARE else 1
        rows = [next(self._rows) for _ in range(size)]
        return [inject(row, self._injection) for row in rows] if self.injecting(elapsed) else rows


async def run(
    url: str,
    *,
    drift: bool = False,
    rate: float = 150.0,
    seconds: float | None = None,
    inject_after: float = 20.0,
    seed: int = 0,
    rows: Sequence[Row] | None = None,
    on_progress: Callable[[TrafficProgress], None] | None = None,
    stop: StopSignal | None = None,
    clock: Callable[[], float] = time.monotonic,
    transport: httpx.AsyncBaseTransport | None = None,
) -> TrafficProgress:
    """Send `rate` rows a second to `url`/get-prediction for `seconds`, or until `stop` is set.

    At most CONNECTIONS requests are under way: a server that cannot keep up gets fewer rows. A failed request is
    counted and not repeated. `on_progress` is called about once a second. `rows` replaces the held-out flights.
    """
    sender = _Run(
        traffic=Traffic(held_out_rows() if rows is None else rows, drift=drift, inject_after=inject_after, seed=seed),
        rate=rate,
        seconds=float("inf") if seconds is None else seconds,
        on_progress=on_progress or (lambda progress: None),
        stop=stop or asyncio.Event(),
        clock=clock,
    )
    certificates = httpx.create_ssl_context(trust_env=False)

    async def work() -> None:
        # One client for each worker: httpx searches its whole pool at every request, so that one shared pool took
        # three times as long. The environment's proxies are not for a demo on this machine.
        async with httpx.AsyncClient(
            base_url=url, timeout=TIMEOUT, transport=transport, verify=certificates, trust_env=False
        ) as client:
            await sender.work(client)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(work())
    return sender.progress()


class _Run:
    """The pace and the counts of one run, shared by its workers."""

    def __init__(
        self,
        *,
        traffic: Traffic,
        rate: float,
        seconds: float,
        on_progress: Callable[[TrafficProgress], None],
        stop: StopSignal,
        clock: Callable[[], float],
    ) -> None:
        self._traffic, self._rate, self._seconds = traffic, rate, seconds
        self._on_progress, self._stop, self._clock = on_progress, stop, clock
        self._started = clock()
        self._due = 0.0
        self._reported = 0.0
        self._counts = TrafficProgress()

    def progress(self) -> TrafficProgress:
        elapsed = self._clock() - self._started
        return replace(self._counts, elapsed=elapsed, injecting=self._traffic.injecting(elapsed))

    async def work(self, client: httpx.AsyncClient) -> None:
        """Send the next request when it is due, until the run is over."""
        while not self._stop.is_set():
            now = self._clock() - self._started
            due = max(self._due, now - CATCH_UP)
            if max(due, now) >= self._seconds:
                return
            rows = self._traffic.request(due)
            self._due = due + len(rows) / self._rate
            if not await self._sleep_until(due):
                return
            answered = await self._send(client, rows)
            self._count(len(rows), answered)

    async def _sleep_until(self, due: float) -> bool:
        """Wait until `due` (seconds after the start); return False if the run was stopped before."""
        while (remaining := self._started + due - self._clock()) > 0:
            if self._stop.is_set():
                return False
            await asyncio.sleep(min(remaining, 0.1))
        return True

    async def _send(self, client: httpx.AsyncClient, rows: list[Row]) -> bool:
        try:
            answer = await client.post("/get-prediction", json=rows[0] if len(rows) == 1 else rows)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def _count(self, rows: int, answered: bool) -> None:
        counts = self._counts
        self._counts = replace(
            counts,
            requests=counts.requests + 1,
            sent=counts.sent + rows * answered,
            failed=counts.failed + rows * (not answered),
        )
        progress = self.progress()
        if progress.elapsed - self._reported >= 1.0:
            self._reported = progress.elapsed
            self._on_progress(progress)

"""Short exchanges are read together, later than they come: with the same counts, of the same time, each once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from driftmeter.client import Monitor
from driftmeter.client.deferred import Deferred
from driftmeter.counts.compiled import KIND
from driftmeter.counts.summary import Summary
from driftmeter.integrations.asgi import DriftMiddleware
from driftmeter.integrations.routes import WatchedRoute
from driftmeter.integrations.watch import AT_ONCE, RouteWatch
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW
from tests.client.tier import Tier
from tests.support.waiting import eventually

JSON = [(b"content-type", b"application/json")]


class Asked:
    """A model server whose middleware is called as a server would, and that answers what it is told to."""

    def __init__(self, monitor: Monitor) -> None:
        self.watch = RouteWatch(monitor, ["/predict"])
        self.answer: Any = {"score": 0.25}
        self.status = 200
        self.sent: list[dict[str, Any]] = []
        self.app = DriftMiddleware(self._model, watch=self.watch)

    async def _model(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.start", "status": self.status, "headers": JSON})
        body = self.answer if isinstance(self.answer, bytes | bytearray) else json.dumps(self.answer).encode()
        await send({"type": "http.response.body", "body": body})
        if isinstance(body, bytearray):
            body[:] = b"changed afterwards"

    async def _ask(self, body: bytes) -> None:
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": JSON}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            self.sent.append(message)

        await self.app(scope, receive, cast(Any, send))

    def ask(self, *contents: Any) -> None:
        for content in contents:
            asyncio.run(self._ask(content if isinstance(content, bytes) else json.dumps(content).encode()))

    def warm(self) -> None:
        """Have the monitor know all it needs, and one exchange read."""
        if KIND == "plain":
            pytest.skip("only the compiled counter counts in the call")
        self.watch.start()
        eventually(lambda: self.watch.monitor.deferred.is_open, "rows that are counted in the call")
        self.ask(ROW)


def counted(profile: Profile, rows: Sequence[dict[str, Any]], scores: Sequence[Any]) -> Summary:
    """Count rows by a monitor of their own."""
    tier = Tier(Timing(10_000, 10_000))
    try:
        with Monitor(tier.url, profile=profile) as monitor:
            for row, score in zip(rows, scores, strict=True):
                monitor.observe(row, score)
            assert monitor.flush(20)
        return tier.summary(profile)
    finally:
        tier.stop()


def test_short_exchanges_wait_for_each_other(tier: Tier, profile: Profile, monitor: Monitor) -> None:
    asked = Asked(monitor)
    asked.warm()
    monitor.deferred.gather()
    rows = [{**ROW, "amount": 10.0 * number} for number in range(AT_ONCE - 1)]
    waiting = []
    for row in rows:
        asked.ask(row)
        waiting.append(len(monitor.deferred.items))
    assert max(waiting) > 1
    assert monitor.stats()["observed"] == AT_ONCE, "whoever asks for the counts gets them all"
    assert not monitor.deferred.items
    assert monitor.flush(10)
    assert tier.summary(profile) == counted(profile, [ROW, *rows], [0.25] * AT_ONCE)


def test_as_many_as_are_read_at_once_are_read_by_the_last(monitor_of: Callable[..., Monitor], profile: Profile) -> None:
    monitor = monitor_of(profile)
    asked = Asked(monitor)
    asked.warm()
    for _ in range(3 * AT_ONCE):
        asked.ask(ROW)
        assert len(monitor.deferred.items) < AT_ONCE


def test_the_background_thread_reads_what_waits(tier: Tier, profile: Profile, monitor: Monitor) -> None:
    asked = Asked(monitor)
    asked.warm()
    asked.ask(ROW)
    eventually(lambda: not monitor.deferred.items, "an exchange that is read")
    eventually(lambda: tier.summary(profile).rows == 2, "its row, at the tier")


def test_those_of_another_form_are_read_in_full(tier: Tier, profile: Profile, monitor: Monitor) -> None:
    asked = Asked(monitor)
    asked.warm()
    asked.ask({"instances": [ROW]}, ROW)  # the first is met among plain ones
    asked.status = 500
    asked.ask(ROW)
    asked.status, asked.answer = 200, b"no JSON"
    asked.ask(ROW)
    asked.answer = bytearray(b'{"score": 0.25}')
    asked.ask(ROW)
    asked.answer = {"score": 0.25}
    asked.ask(b"no JSON either")
    assert monitor.flush(10)
    counts = {name: count for name, count in asked.watch.stats().items() if count}
    assert counts.pop("requests") == 7
    assert counts == {
        "read": 5,
        "read_without_predictions": 1,
        "answer_unreadable": 1,
        "left_no_success": 1,
        "left_unreadable": 1,
    }
    assert tier.summary(profile) == counted(profile, [ROW] * 5, [0.25, 0.25, 0.25, None, 0.25])


def test_a_row_counts_in_the_pane_of_its_answer(tier: Tier, profile: Profile, monitor: Monitor) -> None:
    asked = Asked(monitor)
    asked.warm()
    short = WatchedRoute(), "/predict", JSON, json.dumps(ROW).encode(), JSON, b'{"score": 0.25}'
    now = monitor.clock()
    asked.watch._count_short([(short, now), (short, now - 300)])
    assert monitor.flush(10)
    earlier, later = sorted(start for start, summary in tier.by_start(profile).items() if summary.rows)[:2]
    assert later - earlier in (300_000, 290_000, 310_000)


def test_a_child_of_a_fork_reads_nothing_of_its_parent(monitor: Monitor) -> None:
    asked = Asked(monitor)
    asked.warm()
    deferred = monitor.deferred
    monitor._begin_anew()  # as a child does
    assert monitor.deferred is not deferred
    assert not monitor.deferred.items


def test_each_item_is_counted_once_and_by_its_own_function() -> None:
    deferred, seen = Deferred(), {"a": list[Any](), "b": list[Any]()}
    for number in range(5):
        deferred.items.append((seen["ab"[number % 2]].extend, (number, 0.5)))
    deferred.gather()
    deferred.gather()
    assert seen == {"a": [(0, 0.5), (2, 0.5), (4, 0.5)], "b": [(1, 0.5), (3, 0.5)]}

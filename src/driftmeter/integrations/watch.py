"""The watch over a model server's routes: rows and predictions of its exchanges go to a monitor. It never raises."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from driftmeter.client import Monitor
from driftmeter.client.buffer import AtomicCounter
from driftmeter.client.faults import Faults
from driftmeter.errors import InputError
from driftmeter.integrations.exchange import (
    BINARY,
    LEAST_BYTES,
    MOST_BYTES,
    STREAMED,
    TOO_LARGE,
    UNREAD,
    Exchange,
    Headers,
    KeptBody,
)
from driftmeter.integrations.reading import Reading
from driftmeter.integrations.routes import Routes, RouteTable, WatchedRoute

MOST_WAITING = 100
_SMALL = 100_000
"""Exchanges that are kept until the profile is known, and the most bytes of one of them."""
AT_ONCE = 32
"""Short exchanges that are read at once: all that it takes is in the processor's caches then."""
SHORT = 10_000
"""Bytes that a short one has at most."""
_Short = tuple[WatchedRoute, str, Headers, bytes, Headers, bytes]
"""Such an exchange: route, path, headers and body of the request, headers and body of the answer."""
METHODS = frozenset(["POST", "PUT"])
"""Of requests that have rows; the question of a browser before, OPTIONS, has none."""
NO_SUCCESS, UNREADABLE, UNORDERED, FAILED = "no_success", "unreadable", "unordered", "failed"
REQUEST_REASONS = (NO_SUCCESS, STREAMED, BINARY, TOO_LARGE, UNREAD, UNREADABLE, UNORDERED, FAILED)
"""Why the rows of a request do not count."""
ANSWER_REASONS = (STREAMED, BINARY, TOO_LARGE, UNREAD, UNREADABLE)
"""Why rows count without their predictions."""
_EXPECTED = {
    STREAMED: ("one JSON body", "a stream of events or lines"),
    BINARY: ("JSON, or tensors of the Open Inference Protocol", "another media type"),
    UNREAD: ("a body that is read to its end", "one of which only a part was read"),
}


class RouteWatch:
    """Counts the rows of a model server's requests, with the predictions of its answers, and what it cannot count."""

    def __init__(
        self,
        monitor: Monitor,
        routes: Routes,
        *,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch `routes`, of which bodies of at most `most_bytes` are read. `clock` is monotonic, in seconds.

        Raises InputError where a route makes no sense.
        """
        if not most_bytes >= LEAST_BYTES:
            raise InputError("most_bytes", f"at least {LEAST_BYTES:,}", repr(most_bytes))
        self.monitor, self._routes, self._most = monitor, RouteTable(routes), most_bytes
        self._faults = Faults(monitor.model, clock)
        self._reading: Reading | None = None
        self._waiting: deque[Exchange] = deque()
        """Exchanges whose values have no names, while the profile that names them is on its way."""
        self._defers = False
        """Whether the last exchange had the form that is read fastest: those like it wait for each other."""
        self._counts = {name: AtomicCounter() for name in ("requests", "read", "read_without_predictions")}
        self._counts |= {f"left_{reason}": AtomicCounter() for reason in REQUEST_REASONS}
        self._counts |= {f"answer_{reason}": AtomicCounter() for reason in ANSWER_REASONS}
        self._count_request, self._count_read = self._counts["requests"].add, self._counts["read"].add

    def stats(self) -> dict[str, int]:
        """Return counts of requests to the routes since the start, always under the same names.

        `requests` are `read`, or left for one of the reasons `left_…`, or still under way, as those are whose values
        wait for the profile that names them: the next request after it has come counts them. Of those that are read,
        `read_without_predictions` have answers that were not, for one of the reasons `answer_…`. The rows are counted
        by the monitor.
        """
        self.monitor.deferred.gather()
        return {name: counter.value() for name, counter in self._counts.items()}

    def start(self) -> None:
        """Have the monitor learn its profile now, rather than with the first row: it may name the row's values."""
        try:
            self.monitor.start()
        except Exception as error:
            self._faults.warn("start", f"the monitor can't start: {error}", trace=True)

    def route_of(self, method: str, path: str) -> WatchedRoute | None:
        """Return the route of a request, which counts from now on; None where it is not to be looked at."""
        try:
            route = self._routes.find(path) if method in METHODS else None
            if route is not None:
                self._count_request()
            return route
        except Exception as error:
            self._counts[f"left_{FAILED}"].add()
            self._warn(FAILED, str(path), error)
            return None

    def exchange(self, route: WatchedRoute, path: str, headers: Headers) -> Exchange:
        """Return the exchange that begins with the head of a request."""
        return Exchange(route, path, headers, self._most)

    def begin(self, method: str, path: str, headers: Headers) -> Exchange | None:
        """Return the exchange of a request that counts from now on; None where it is not to be looked at."""
        route = self.route_of(method, path)
        return None if route is None else self.exchange(route, path, headers)

    def defer(self, route: WatchedRoute, scope: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> int:
        """Have an exchange of ASGI read later, if it is short, complete, and like the last one that was read.

        Returns the number of exchanges that wait with it; 0 if it does not.
        """
        try:
            if not self._defers or len(messages) != 3:
                return 0
            request, start, answer = messages
            body, text = request.get("body"), answer.get("body")
            if (
                request["type"] != "http.request"
                or request.get("more_body")
                or start["type"] != "http.response.start"
                or not 200 <= start["status"] < 300
                or not type(body) is type(text) is bytes  # all others may change
                or len(body) + len(text) > SHORT
            ):
                return 0
            item = route, scope["path"], scope["headers"], body, start.get("headers", ()), text
            items = self.monitor.deferred.items
            items.append((self._count_short, (item, self.monitor.clock())))
            return len(items)
        except Exception:  # it is none of these
            return 0

    def note(self, exchange: Exchange, step: Callable[..., None], *arguments: Any) -> None:
        """Do a step of an exchange, after which it is over if that fails."""
        if exchange.is_over:
            return
        try:
            step(*arguments)
        except Exception as error:
            self.fail(exchange, error)

    def fail(self, exchange: Exchange, error: Exception) -> None:
        """Give an exchange up, once."""
        if not exchange.is_over:
            exchange.is_over = True
            self._leave(FAILED, exchange, error)

    def finish(self, exchange: Exchange) -> None:
        """Count the rows of an exchange, once, when its answer is on its way or it was given up."""
        if exchange.is_over:
            return
        exchange.is_over = True
        try:
            if not exchange.is_success:
                self._leave(NO_SUCCESS, exchange, None)
                return
            reading = self._current_reading()
            if self._waiting and reading.profile is not None:
                self._count_waiting(reading)
        except Exception as error:
            self._leave(FAILED, exchange, error)
            return
        self._count(reading, exchange)

    def _count_waiting(self, reading: Reading) -> None:
        """Count the exchanges that waited for the profile, in their order; several threads may do so at once."""
        while self._waiting:
            try:
                exchange = self._waiting.popleft()
            except IndexError:
                return
            self._count(reading, exchange)

    def _count(self, reading: Reading, exchange: Exchange) -> None:
        """Count the rows of an exchange that the model answered, or keep it until their names are known."""
        try:
            request, answer, plain = exchange.request, exchange.answer, None
            if request.is_whole and answer is not None:
                text = answer.content() if answer.is_whole else b""
                plain = reading.plain(exchange.route, request.content(), text)
            self._defers = plain is not None and self.monitor.deferred.is_open
            if plain is not None:
                self.monitor.observe(*plain)
                self._count_read()
            else:
                self._read(reading, exchange)
        except InputError as error:
            if error.field != "columns":
                self._leave(UNREADABLE, exchange, error)
            elif len(self._waiting) < MOST_WAITING and exchange.size <= _SMALL:
                self._waiting.append(exchange)
                self.monitor.start()
            else:
                self._leave(UNORDERED, exchange, error)
        except Exception as error:
            self._leave(FAILED, exchange, error)

    def _count_short(self, items: Sequence[tuple[_Short, float]]) -> None:
        """Count the rows of exchanges that came at times of the monitor's clock."""
        for (route, path, headers, body, answer_headers, text), clock in items:
            try:
                plain = self._current_reading().plain(route, body, text)
            except Exception:  # it will be named
                plain = None
            if plain is None:
                self.finish(_exchange_of(route, path, headers, body, answer_headers, text, most=self._most))
            else:
                self.monitor.observe_earlier(*plain, clock)
                self._count_read()

    def _current_reading(self) -> Reading:
        reading, profile = self._reading, self.monitor.profile
        if reading is None or reading.profile is not profile:
            self._reading = reading = Reading(profile, self.monitor.columns)
        return reading

    def _read(self, reading: Reading, exchange: Exchange) -> None:
        """Count the rows of an exchange, whatever its form."""
        request = exchange.request
        request.look()
        if request.reason or not request.is_whole:
            self._leave(request.reason or UNREAD, exchange, None)
            return
        records = reading.records_of(exchange.route, request)
        predictions = self._predictions(reading, exchange, len(records)) if reading.wants_predictions else None
        if len(records) == 1:
            self.monitor.observe(records[0], predictions[0] if predictions else None)
        else:
            self.monitor.observe_many(records, predictions)
        self._count_read()

    def _predictions(self, reading: Reading, exchange: Exchange, rows: int) -> list[Any] | None:
        """Return the prediction of each row; None where the answer has none that can be read, which is counted."""
        answer, problem = exchange.answer, None
        assert answer is not None
        answer.look()
        reason = answer.reason or ("" if answer.is_whole else UNREAD)
        if not reason:
            try:
                return reading.predictions_in(exchange.route, answer, rows)
            except InputError as error:
                reason, problem = UNREADABLE, error
        self._counts["read_without_predictions"].add()
        self._counts[f"answer_{reason}"].add()
        self._warn(f"answer_{reason}", exchange.path, problem or _problem(reason, answer))
        return None

    def _leave(self, reason: str, exchange: Exchange, error: Exception | None) -> None:
        """Count a request whose rows do not count; those that the model answered are lost, and the tier is told so."""
        try:
            self._counts[f"left_{reason}"].add()
            if reason == NO_SUCCESS:
                return
            problem = error or _problem(reason, exchange.request)
            self._warn(reason, exchange.path, problem)
            if isinstance(problem, InputError):
                self.monitor.reject(f"{problem.field}: {problem.expected}", problem.got)
            else:
                self.monitor.reject("a request that can be read", f"one that fails with {type(problem).__name__[:40]}")
            self.monitor.start()
        except Exception as fault:  # the answer shall not suffer from it
            self._warn(FAILED, exchange.path, fault)

    def _warn(self, reason: str, path: str, error: Exception) -> None:
        what = "predictions are not counted" if reason.startswith("answer_") else "a request is not counted"
        self._faults.warn(reason, f"route {path[:60]}: {what}: {str(error)[:400]}", trace=reason == FAILED)


def _exchange_of(
    route: WatchedRoute, path: str, headers: Headers, body: bytes, answer_headers: Headers, text: bytes, *, most: int
) -> Exchange:
    """Return an exchange that is complete."""
    exchange = Exchange(route, path, headers, most)
    exchange.request.add(body, False)
    exchange.start_answer(200, answer_headers).add(text, False)
    return exchange


def watch_of(monitor: Monitor | None, routes: Routes | None, most_bytes: int, watch: RouteWatch | None) -> RouteWatch:
    """Return the watch that a middleware was given, or a new one; raises InputError where it was given neither."""
    if watch is not None and monitor is None and routes is None:
        return watch
    if monitor is None or routes is None or watch is not None:
        given = {"monitor": monitor, "routes": routes, "watch": watch}
        names = [name for name, value in given.items() if value is not None]
        raise InputError("middleware", "monitor and routes, or a watch", " and ".join(names) or "neither")
    return RouteWatch(monitor, routes, most_bytes=most_bytes)


def _problem(reason: str, body: KeptBody) -> InputError:
    if reason == TOO_LARGE:
        return InputError("body", f"at most {body.most:,} bytes (most_bytes)", "more")
    return InputError("body", *_EXPECTED[reason])

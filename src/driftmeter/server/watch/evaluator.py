"""The evaluation loop: closes panes that are due, and keeps the newest verdict of each model."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError, UnknownModelError
from driftmeter.server.watch.listener import Listener
from driftmeter.server.watch.placement import Placement
from driftmeter.server.watch.view import LONGEST_PERIOD, SHORTEST_PERIOD, ModelView, look_period, next_view
from driftmeter.server.watch.watched import Watched
from driftmeter.store.records import ModelRecord
from driftmeter.timestamps import iso

_LOG_EVERY = 60.0
"""Least seconds between two log lines about the same failure."""
_HANGS = 1.0
"""Seconds after which a failed call counts as hung: a store that refuses a call does so sooner."""
_STALE = 10.0
"""Seconds without a complete round after which the loop counts as stuck."""

_log = logging.getLogger(__name__)


class Evaluator:
    """Looks at all models about every quarter of a pane, on a thread of its own.

    Advances the models that it has the lease on, and reads the verdicts that other servers made of the rest. Survives
    a store that cannot be reached.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        name: str | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
        on_failure: Callable[[str], None] = lambda model: None,
        on_deleted: Callable[[str], None] = lambda model: None,
    ) -> None:
        """Evaluate the models of `engine` as the server `name`, by default a random name.

        `on_failure` is called with the name of each model whenever it cannot be evaluated, `on_deleted` when the store
        has it no longer.
        """
        self._engine = engine
        self._on_failure = on_failure
        self._on_deleted = on_deleted
        self._stopwatch = stopwatch
        self._placement = Placement(engine, name or secrets.token_hex(8), stopwatch)
        self._watched: dict[str, Watched] = {}
        self._thread = ThreadPoolExecutor(1, "driftmeter-evaluate")
        self._listeners: set[Listener] = set()
        self._stopping = asyncio.Event()
        self._run: asyncio.Task[None] | None = None
        self._list_failure_logged: float | None = None
        self._heartbeat_failure_logged: float | None = None
        self.succeeded = float("-inf")
        """When a round was last complete, by the monotonic clock: all models listed, and each one tried."""

    @property
    def views(self) -> Mapping[str, ModelView]:
        """The newest view of each model, as it is now. May be read from any thread."""
        # copied in one step, for the evaluator's thread may add a model meanwhile
        return {model: watched.view for model, watched in self._watched.copy().items() if watched.view is not None}

    @property
    def healthy(self) -> bool:
        """Whether rounds are completed. A model that cannot be evaluated makes only itself stale."""
        return self._run is not None and not self._run.done() and self._stopwatch() - self.succeeded < _STALE

    def start(self) -> None:
        """Start the loop; needs a running event loop."""
        self._run = asyncio.create_task(self._loop())

    async def stop(self) -> None:
        """End the loop after the current round, and with it all listeners."""
        self.end_streams()
        if self._run is not None:
            await self._run
            await asyncio.get_running_loop().run_in_executor(self._thread, self._placement.leave)
        self._thread.shutdown()

    def end_streams(self) -> None:
        """Tell the loop and all listeners to end."""
        self._stopping.set()
        for listener in self._listeners:
            listener.wake()

    def listen(self) -> Listener:
        """Return a listener to new verdicts, to be used as a context manager."""
        return Listener(self._listeners, self._stopping)

    async def _loop(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            fresh, pause = await loop.run_in_executor(self._thread, self.round)
            for view in fresh:
                for listener in self._listeners:
                    listener.offer(view)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def round(self) -> tuple[list[ModelView], float]:
        """Look at every model that is due; return the views with a new verdict, and the seconds until the next round.

        Logs what goes wrong, and raises nothing.
        """
        begin = self._stopwatch()
        records = self._list()
        if records is None:
            return [], LONGEST_PERIOD
        fresh: list[ModelView] = []
        for record, watched in self._by_due_time(records):
            if self._stopping.is_set():
                break
            if begin < watched.due:
                continue
            # from the start of the round: models with equal panes stay due together, and one list serves them all
            watched.due = begin + look_period(record.timing.pane)
            looked = self._stopwatch()
            try:
                view = self._look(record, watched)
            except UnknownModelError:
                continue  # deleted just now
            except StoreUnavailableError as error:
                self._failed(record.model, watched, error)
                if self._stopwatch() - looked > _HANGS:
                    return fresh, LONGEST_PERIOD  # every other model would wait as long
                continue
            except Exception as error:
                watched.lease = self._placement.pass_on(watched.lease, record.model)
                self._failed(record.model, watched, error)
                continue
            if watched.failure_logged is not None:
                watched.failure_logged = None
                _log.info("model %r is evaluated again", record.model)
            if watched.view is None or watched.view.body != view.body:
                fresh.append(view)
            watched.view = view
        self._forget_all_but({record.model for record in records})
        self.succeeded = self._stopwatch()
        pause = min((watched.due - self._stopwatch() for watched in self._watched.values()), default=LONGEST_PERIOD)
        return fresh, min(max(pause, SHORTEST_PERIOD), LONGEST_PERIOD)

    def _list(self) -> list[ModelRecord] | None:
        """Send a heartbeat, and return the models, None if they cannot be listed."""
        try:
            records = self._engine.models()
        except Exception as error:
            self._list_failure_logged = self._log_failure(
                "the models cannot be listed", error, self._list_failure_logged
            )
            return None
        try:
            self._placement.heartbeat()
        except Exception as error:
            self._heartbeat_failure_logged = self._log_failure(
                "the other servers cannot be told of this one", error, self._heartbeat_failure_logged
            )
        if self._list_failure_logged is not None:
            self._list_failure_logged = None
            _log.info("the store is there again")
        return records

    def _by_due_time(self, records: list[ModelRecord]) -> list[tuple[ModelRecord, Watched]]:
        """Pair each record with what is remembered of it; models that had to wait in the last round come first."""
        pairs = [(record, self._watched.setdefault(record.model, Watched())) for record in records]
        return sorted(pairs, key=lambda pair: pair[1].due)

    def _look(self, record: ModelRecord, watched: Watched) -> ModelView:
        """Advance a model if this server is to fold it, and return its new view."""
        ours, watched.lease = self._placement.ours(watched.lease, record, look_period(record.timing.pane))
        if ours and self._engine.advance(record.model):
            record = self._engine.stored_record(record.model)
        view = before = watched.view
        now = self._stopwatch()
        if view is None or not view.matches(record):
            view = next_view(view, record, self._engine.verdict(record.model, record.digest), now)
        if ours and before is not None and before.digest != record.digest:
            _log.info("model %s: profile %s is the active one now", record.model, record.digest)
        if now >= watched.sources_due:
            view = self._count_sources(view, watched, log=ours)
            watched.counted(now, self._stopwatch())
        if watched.fresh(held=ours or record.holder is not None, now=now):
            view = replace(view, refreshed=now)
        return view

    def _count_sources(self, view: ModelView, watched: Watched, *, log: bool) -> ModelView:
        """Return the view with what its model's sources say now; log those that have vanished since the last count.

        Only the server that folds the model logs them.
        """
        sources = self._engine.sources(view.model)
        vanished = watched.newly_silent(sources)
        for source in vanished if log else ():
            _log.warning(
                "model %s: source %s has not been heard of since %s; %d rows that it counted never came",
                *(view.model, source.source, iso(source.seen), source.missing),
            )
        return replace(view, coverage=sources.coverage, silent=len(sources.silent))

    def _forget_all_but(self, models: Collection[str]) -> None:
        """Forget the models that the store no longer has."""
        for model in self._watched.keys() - models:
            self._on_deleted(model)
            if self._watched.pop(model).view is not None:
                _log.warning("model %s is no longer in the store: somebody deleted it, or the store has lost it", model)

    def _failed(self, model: str, watched: Watched, error: Exception) -> None:
        self._on_failure(model)
        watched.failure_logged = self._log_failure(
            f"model {model!r} cannot be evaluated", error, watched.failure_logged
        )

    def _log_failure(self, what: str, error: Exception, logged: float | None) -> float:
        """Log a failure that was last logged at `logged`, once a minute at most; return when it was last logged."""
        now = self._stopwatch()
        if logged is not None and now - logged < _LOG_EVERY:
            return logged
        kind = "" if isinstance(error, StoreUnavailableError) else f"{type(error).__name__}: "
        _log.warning("%s: %s%s", what, kind, error)
        return now

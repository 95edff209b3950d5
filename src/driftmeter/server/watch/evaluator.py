"""The evaluation loop: closes what is due, and keeps the latest verdict of each model for those who ask."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError, UnknownModelError
from driftmeter.panes.coverage import Sources
from driftmeter.server.watch.placement import Placement
from driftmeter.store.protocol import ModelRecord
from driftmeter.timestamps import iso
from driftmeter.types import JSON, Milliseconds

_LONGEST, _SHORTEST = 1.0, 0.025
_LOG_EVERY = 60.0
_HANGS = 1.0
"""Seconds after which a store that is away has not refused, but hung."""
_UNHELD = 10.0
"""Seconds for which a model's verdict may be shown as current though nobody has the lease: the next one takes it."""
_COUNT_EVERY = 5.0
"""Seconds between looks at a model's sources."""
_COUNT_SHARE = 100
"""So many times as long as a look has taken nobody looks again: sources may be thousands."""
_STALE = 10.0
"""Seconds without a complete round after which the loop counts as stuck."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelView:
    """A model as this process last saw it; `refreshed` is by the monotonic clock, in seconds."""

    model: str
    digest: str
    pane: Milliseconds
    body: bytes
    verdict: JSON
    coverage: float | None
    refreshed: float
    silent: int = 0
    folded: Milliseconds = 0

    def current(self, now: float) -> bool:
        """Say whether the view is younger than two panes (and never judge that by less than two seconds)."""
        return now - self.refreshed <= max(2 * self.pane / 1000, 2 * _LONGEST)


class Evaluator:
    """Looks at all models about every quarter of a pane, on a thread of its own; advances those that it has the lease
    of, and reads what others made of the rest. Outlives a store that is away."""

    def __init__(
        self,
        engine: Engine,
        *,
        name: str | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
        on_failure: Callable[[str], None] = lambda model: None,
    ) -> None:
        """Evaluate what `engine` holds, as the server of this name; `on_failure` hears of each model that could not
        be."""
        self._engine = engine
        self._on_failure = on_failure
        self._stopwatch = stopwatch
        self._placement = Placement(engine.store, name or secrets.token_hex(8), stopwatch)
        self._views: dict[str, ModelView] = {}
        self._due: dict[str, float] = {}
        self._count_at: dict[str, float] = {}
        self._silent: dict[str, frozenset[str]] = {}
        self._thread = ThreadPoolExecutor(1, "driftmeter-evaluate")
        self._listeners: set[Listener] = set()
        self._stopping = asyncio.Event()
        self._run: asyncio.Task[None] | None = None
        self._logged: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self.succeeded = float("-inf")
        """When a round was last complete, by the monotonic clock: all models listed, and each one tried."""

    @property
    def views(self) -> Mapping[str, ModelView]:
        """The latest view of each model; replaced, never changed."""
        return self._views

    @property
    def healthy(self) -> bool:
        """Whether the loop runs: one model that cannot be evaluated is that model's matter alone."""
        return self._run is not None and not self._run.done() and self._stopwatch() - self.succeeded < _STALE

    def start(self) -> None:
        """Start the loop; needs a running event loop."""
        self._run = asyncio.create_task(self._loop())

    async def stop(self) -> None:
        """End the loop after the round that is under way, and with it all listeners."""
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
            fresh, period = await loop.run_in_executor(self._thread, self.round)
            for view in fresh:
                for listener in self._listeners:
                    listener.offer(view)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), period)

    def round(self) -> tuple[list[ModelView], float]:
        """Advance every model that is due; return the views with a new verdict, and the seconds until the next."""
        begin = self._stopwatch()
        try:
            records = self._engine.models()
        except Exception as error:
            self._complain("", "the models cannot be listed", error)
            return [], _LONGEST
        try:
            self._placement.attend()
        except Exception as error:
            self._complain("attend", "the other servers cannot be told of this one", error)
        self._over("")
        fresh: list[ModelView] = []
        # those that had to wait in the last round come first
        for record in sorted(records, key=lambda each: self._due.get(each.model, 0.0)):
            if self._stopping.is_set():
                break
            if begin < self._due.get(record.model, begin):
                continue
            # from the round's begin: models of one pane stay together, and one list serves them all
            self._due[record.model] = begin + _period(record)
            looked = self._stopwatch()
            try:
                view = self._look(record)
            except UnknownModelError:
                continue  # deleted just now
            except Exception as error:
                self._on_failure(record.model)
                if not isinstance(error, StoreUnavailableError):
                    self._placement.pass_on(record.model)
                self._complain(record.model, f"model {record.model!r} cannot be evaluated", error)
                if isinstance(error, StoreUnavailableError) and self._stopwatch() - looked > _HANGS:
                    return fresh, _LONGEST  # the others would wait as long, each for itself
                continue
            self._over(record.model)
            before = self._views.get(record.model)
            self._views = {**self._views, record.model: view}
            if before is None or before.body != view.body:
                fresh.append(view)
        self._keep(records)
        self.succeeded = self._stopwatch()
        wait = min((due - self._stopwatch() for due in self._due.values()), default=_LONGEST)
        return fresh, min(max(wait, _SHORTEST), _LONGEST)

    def _look(self, record: ModelRecord) -> ModelView:
        model = record.model
        ours = self._placement.ours(record, _period(record))
        if ours and self._engine.advance(model):
            record = self._engine.stored_record(model)
        view = self._views.get(model)
        now = self._stopwatch()
        if view is None or (view.digest, view.folded, view.pane) != (record.digest, record.folded, record.timing.pane):
            body = self._engine.verdict(model, record.digest)
            if view is None or view.body != body or view.digest != record.digest:
                verdict: Any = msgspec.json.decode(body)
                counted = (None, 0) if view is None else (view.coverage, view.silent)
                if ours and view is not None and view.digest != record.digest:
                    _log.info("model %s: profile %s is the active one now", model, record.digest)
                view = ModelView(model, record.digest, record.timing.pane, body, verdict, counted[0], now, counted[1])
            view = replace(view, pane=record.timing.pane, folded=record.folded)
        if now >= self._count_at.get(model, now):
            sources = self._engine.sources(model)
            self._name(model, sources, aloud=ours)
            view = replace(view, coverage=sources.coverage, silent=len(sources.silent))
            done = self._stopwatch()
            self._count_at[model] = done + max(_COUNT_EVERY, _COUNT_SHARE * (done - now))
        # a verdict that nobody keeps up is not shown as if it were of now
        if ours or record.holder is not None or now - self._held.get(model, now) < _UNHELD:
            view = replace(view, refreshed=now)
        if ours or record.holder is not None or model not in self._held:
            self._held[model] = now
        return view

    def _name(self, model: str, sources: Sources, *, aloud: bool) -> None:
        """Log which sources vanished since the last look; of all servers the one that folds the model does."""
        silent = {each.source: each for each in sources.silent}
        before = self._silent.get(model)
        self._silent[model] = frozenset(silent)
        for name in sorted(silent.keys() - before) if aloud and before is not None else ():
            each = silent[name]
            _log.warning(
                "model %s: source %s has not been heard of since %s; %d rows that it counted never came",
                *(model, name, iso(each.seen), each.missing),
            )

    def _keep(self, records: list[ModelRecord]) -> None:
        known = {record.model for record in records}
        for model in self._views.keys() - known:
            _log.warning("model %s is no longer in the store: somebody deleted it, or the store has lost it", model)
        if not known.issuperset(self._due):
            self._views = {model: view for model, view in self._views.items() if model in known}
            self._due = {model: due for model, due in self._due.items() if model in known}
            self._held = {model: at for model, at in self._held.items() if model in known}
            self._count_at = {model: at for model, at in self._count_at.items() if model in known}
            self._placement.keep(known)
            self._silent = {model: names for model, names in self._silent.items() if model in known}
            self._logged = {model: at for model, at in self._logged.items() if not model or model in known}

    def _complain(self, model: str, what: str, error: Exception) -> None:
        """Log what went wrong, of each model once a minute."""
        now = self._stopwatch()
        if now - self._logged.get(model, float("-inf")) >= _LOG_EVERY:
            self._logged[model] = now
            kind = "" if isinstance(error, StoreUnavailableError) else f"{type(error).__name__}: "
            _log.warning("%s: %s%s", what, kind, error)

    def _over(self, model: str) -> None:
        """Log that what went wrong has passed."""
        if self._logged.pop(model, None) is not None:
            _log.info("%s again", f"model {model!r} is evaluated" if model else "the store is there")


class Listener:
    """Hands on the newest verdict of each model; one that is slow misses the ones in between, and costs nothing."""

    def __init__(self, listeners: set[Listener], stopping: asyncio.Event) -> None:
        """Join `listeners` while in use."""
        self._listeners = listeners
        self._stopping = stopping
        self._views: dict[str, ModelView] = {}
        self._woken = asyncio.Event()

    def __enter__(self) -> Listener:
        """Start to listen."""
        self._listeners.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._listeners.discard(self)

    def offer(self, view: ModelView) -> None:
        """Keep a view until it is asked for."""
        self._views[view.model] = view
        self._woken.set()

    def wake(self) -> None:
        """End the waiting."""
        self._woken.set()

    async def next(self, timeout: float) -> list[ModelView] | None:
        """Return new views, none of them after `timeout` seconds, or None when the server stops."""
        with suppress(TimeoutError):
            if not self._stopping.is_set():
                await asyncio.wait_for(self._woken.wait(), timeout)
        if self._stopping.is_set():
            return None
        self._woken.clear()
        views, self._views = list(self._views.values()), {}
        return views


def _period(record: ModelRecord) -> float:
    return min(max(record.timing.pane / 4000, _SHORTEST), _LONGEST)

"""From new verdicts to notices: which incidents opened or closed since this process last looked."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from driftmeter.engine.engine import Engine
from driftmeter.errors import UnknownModelError
from driftmeter.notify import Notice, Notifier, Outcome, notices
from driftmeter.server.watch.evaluator import Evaluator, ModelView
from driftmeter.timestamps import HOUR, iso
from driftmeter.types import JSON, Milliseconds

_RECENT: Milliseconds = HOUR
_RETRY, _IDLE = 1.0, 60.0

_log = logging.getLogger(__name__)


class Announcer:
    """Offers a notice of each incident that opens or closes after the start, or did in the last hour before it.

    An hour of event time: a restart makes up for what was missed, and says nothing of what is long known. Whether this
    process or another has sent a notice already is for the notifier to claim. What is open when another profile takes
    over closes with that, as far as people are concerned, and is not told of again should its profile come back.
    """

    def __init__(self, engine: Engine, offer: Callable[[Notice], object], *, url: str | None = None) -> None:
        """Hand notices to `offer`, a notifier's; `url` is where people reach the server."""
        self._engine = engine
        self._offer = offer
        self._url = url
        self._seen: dict[tuple[str, str], list[JSON]] = {}
        self._active: dict[str, tuple[str, frozenset[str]]] = {}
        self._remembers = False
        self._failing: set[str] = set()
        self._run: asyncio.Task[None] | None = None

    def remember(self) -> None:
        """Take what the store knows now as from before the start: to be called before anything is folded."""
        store = self._engine.store
        try:
            for record in store.models():
                for digest in store.digests(record.model):
                    known, folded = self._engine.incidents(record.model, digest), store.progress(record.model, digest)
                    self._seen[record.model, digest] = _long_known(known, folded.folded)
                    if digest == record.digest:
                        self._active[record.model] = digest, _open(known)
            self._remembers = True
        except Exception as error:  # then each model's first look says what is from before
            _log.warning("what had drifted before the start cannot be read: %s: %s", type(error).__name__, error)

    def look(self, view: ModelView) -> None:
        """Offer what is new with a verdict. Raises StoreError, UnknownModelError."""
        key, end = (view.model, view.digest), view.verdict["window"]["end"]
        after = self._engine.incidents(*key)
        ended = self._ended(view, _open(after))
        before = self._seen.get(key)
        if before is None:
            before = [] if self._remembers or end is None else _long_known(after, _milliseconds(end))
        known = {each["id"] for each in before}
        # what came and went long ago, within one step of catching up, need wake nobody
        new = [each for each in after if each["id"] in known or each["closed"] is None or _recent(each["closed"], end)]
        for notice in [*ended, *notices(view.model, before, new, self._url)]:
            self._offer(notice)
        self._seen[key] = after
        self._active[view.model] = view.digest, _open(after)

    def _ended(self, view: ModelView, still: frozenset[str]) -> list[Notice]:
        """Say what was open by the profile that was active before the view's, and is not by that one either.

        Of what opened since, people were never told; an incident of both profiles has one id and goes on.
        """
        former, known = self._active.get(view.model, (view.digest, frozenset()))
        if former == view.digest or not known - still:
            return []
        at = view.verdict["window"]["end"] or iso(self._engine.now())
        return [
            Notice.of(view.model, each, "closed", each["closed"] or at, self._url, overtaken=each["closed"] is None)
            for each in reversed(self._engine.incidents(view.model, former))
            if each["id"] in known - still
        ]

    # --- on a server

    async def start(self, evaluator: Evaluator) -> None:
        """Look at each new verdict of an evaluator, which must not have started."""
        await asyncio.to_thread(self.remember)
        self._run = asyncio.create_task(self._listen(evaluator))

    async def stop(self, evaluator: Evaluator) -> None:
        """Look once more, when the evaluator has stopped."""
        if self._run is not None:
            await self._run
            await asyncio.to_thread(self._look_at, evaluator.views.values())

    async def _listen(self, evaluator: Evaluator) -> None:
        waiting: dict[str, ModelView] = {}
        with evaluator.listen() as listener:
            while (views := await listener.next(_RETRY if waiting else _IDLE)) is not None:
                waiting |= {view.model: view for view in views}
                failed = await asyncio.to_thread(self._look_at, waiting.values())
                waiting = {model: view for model, view in waiting.items() if model in failed}

    def _look_at(self, views: Iterable[ModelView]) -> set[str]:
        """Return the models whose incidents could not be read."""
        failed = set()
        for view in views:
            try:
                self.look(view)
            except UnknownModelError:
                pass  # deleted just now
            except Exception as error:
                failed.add(view.model)
                if view.model not in self._failing:
                    why = f"{type(error).__name__}: {error}"
                    _log.warning("model %s: its incidents cannot be announced: %s", view.model, why)
        self._failing = failed
        return failed


@asynccontextmanager
async def announcing(
    engine: Engine,
    evaluator: Evaluator,
    urls: Sequence[str],
    *,
    url: str | None = None,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
    drain: float = 10.0,
) -> AsyncIterator[None]:
    """Notify the apprise `urls` of what an evaluator finds that is started and stopped within; nothing without any.

    `url` is where people reach the server; `drain` is how many seconds the end waits for what is not sent yet.
    Raises as Notifier.
    """
    if not urls:
        yield
        return
    # the first URL that is read loads all of apprise
    notifier = await asyncio.to_thread(Notifier, urls, claim=engine.store.notified, on_outcome=on_outcome)
    announcer = Announcer(engine, notifier.offer, url=url)
    await announcer.start(evaluator)
    yield
    await announcer.stop(evaluator)
    await asyncio.to_thread(notifier.close, drain)


def _long_known(incidents: Iterable[JSON], now: Milliseconds) -> list[JSON]:
    """Return incidents as somebody knew them who has missed the hour before `now`."""
    since = iso(max(0, now - _RECENT))
    return [
        each if each["closed"] is None or each["closed"] < since else {**each, "state": "open", "closed": None}
        for each in incidents
        if each["opened"] < since
    ]


def _open(incidents: Iterable[JSON]) -> frozenset[str]:
    return frozenset(each["id"] for each in incidents if each["closed"] is None)


def _recent(time: str, now: str) -> bool:
    return time >= iso(max(0, _milliseconds(now) - _RECENT))


def _milliseconds(time: str) -> Milliseconds:
    return round(dt.datetime.fromisoformat(time).timestamp() * 1000)

"""From new verdicts to notices: which incidents opened or closed since this process last looked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from driftmeter.engine.engine import Engine
from driftmeter.errors import UnknownModelError
from driftmeter.notify import Notice, Notifier, Outcome, notices, reminder
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.server.watch.view import ModelView
from driftmeter.timestamps import DAY, HOUR, iso, parse_time
from driftmeter.types import JSON, Milliseconds

_RECENT: Milliseconds = HOUR
_RETRY, _IDLE = 1.0, 60.0

_log = logging.getLogger(__name__)


class Announcer:
    """Offers a notice of each incident that opens, becomes major or closes after the start, or opened or closed in the
    last hour before it.

    An incident that was reopened, or in which a feature changed again, is told likewise. While incidents are open for a
    day or longer, one reminder of all of them is offered on each day of event time.

    The hour is of event time: a restart makes up for what was missed, and repeats nothing that is older. The notifier
    claims each notice, so that one of all servers sends it. When another profile takes over, the incidents that are
    open under the former profile are announced as closed, and not again should that profile come back.
    """

    def __init__(self, engine: Engine, offer: Callable[[Notice], object], *, url: str | None = None) -> None:
        """Hand notices to `offer`, usually a notifier's; `url` is where people reach the server."""
        self._engine = engine
        self._offer = offer
        self._url = url
        self._seen: dict[tuple[str, str], list[JSON]] = {}
        self._active: dict[str, tuple[str, frozenset[str]]] = {}
        self._reminded: dict[str, str] = {}
        self._remembers = False
        self._failing: set[str] = set()
        self._run: asyncio.Task[None] | None = None

    def remember(self) -> None:
        """Take the incidents in the store as opened before the start; call this before anything is folded."""
        try:
            for record in self._engine.models():
                for digest in self._engine.digests(record.model):
                    incidents = self._engine.incidents(record.model, digest)
                    self._seen[record.model, digest] = _before_last_hour(
                        incidents, self._engine.folded(record.model, digest)
                    )
                    if digest == record.digest:
                        self._active[record.model] = digest, _open(incidents)
            self._remembers = True
        except Exception as error:  # then the first look at each model decides which incidents are old
            _log.warning("what had drifted before the start cannot be read: %s: %s", type(error).__name__, error)

    def look(self, view: ModelView) -> None:
        """Offer what is new with a verdict. Raises StoreError, UnknownModelError."""
        key, end = (view.model, view.digest), view.verdict["window"]["end"]
        after = self._engine.incidents(*key)
        overtaken = self._overtaken(view, _open(after))
        before = self._seen.get(key)
        if before is None:
            before = [] if self._remembers or end is None else _before_last_hour(after, parse_time(end))
        seen = {incident["id"] for incident in before}
        # an incident that opened and closed long ago, within one step of catching up, needs no notice
        worth_telling = [
            incident
            for incident in after
            if incident["id"] in seen or incident["closed"] is None or _recent(incident["closed"], end)
        ]
        for notice in [*overtaken, *notices(view.model, before, worth_telling, self._url, end)]:
            self._offer(notice)
        if end is not None:
            self._remind(view.model, after, end)
        self._seen[key] = after
        self._active[view.model] = view.digest, _open(after)

    def _remind(self, model: str, incidents: Sequence[JSON], end: str) -> None:
        """Offer the reminder of a day, once, if there is something to be reminded of."""
        day_before = iso(max(0, parse_time(end) - DAY))
        old = [incident for incident in incidents if (incident.get("reopened") or incident["opened"]) <= day_before]
        notice = reminder(model, old, end, self._url)
        if notice is not None and self._reminded.get(model) != notice.key:
            self._reminded[model] = notice.key
            self._offer(notice)

    def _overtaken(self, view: ModelView, still_open: frozenset[str]) -> list[Notice]:
        """Return notices that close the incidents of the profile that was active before the view's.

        Only incidents that were open at the last look: people were never told of later ones. An incident of both
        profiles has one id, and goes on while it is in `still_open`.
        """
        former, open_before = self._active.get(view.model, (view.digest, frozenset()))
        ended = open_before - still_open
        if former == view.digest or not ended:
            return []
        at = view.verdict["window"]["end"] or iso(self._engine.now())
        return [
            Notice.of(
                view.model,
                incident,
                "closed",
                incident["closed"] or at,
                self._url,
                overtaken=incident["closed"] is None,
            )
            for incident in reversed(self._engine.incidents(view.model, former))
            if incident["id"] in ended
        ]

    # --- on a server

    async def start(self, evaluator: Evaluator) -> None:
        """Look at each new verdict of an evaluator, which must not have started."""
        await asyncio.to_thread(self.remember)
        self._run = asyncio.create_task(self._listen(evaluator))

    async def stop(self, evaluator: Evaluator) -> None:
        """Look once more after the evaluator has stopped."""
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
    """Notify the apprise `urls` of what an evaluator finds; do nothing if there are no urls.

    The evaluator is started and stopped within the context. `url` is where people reach the server; on exit, unsent
    notices get `drain` seconds. Raises as Notifier.
    """
    if not urls:
        yield
        return
    # the first URL that is read loads all of apprise
    notifier = await asyncio.to_thread(Notifier, urls, claim=engine.claim_notice, on_outcome=on_outcome)
    announcer = Announcer(engine, notifier.offer, url=url)
    await announcer.start(evaluator)
    yield
    await announcer.stop(evaluator)
    await asyncio.to_thread(notifier.close, drain)


def _before_last_hour(incidents: Iterable[JSON], now: Milliseconds) -> list[JSON]:
    """Return incidents as they were an hour before `now`."""
    since = iso(max(0, now - _RECENT))
    before = []
    for incident in incidents:
        if incident["opened"] >= since:
            continue
        if (incident.get("reopened") or "") >= since:
            before.append({**incident, "state": "closed", "closed": since, "reopened": None})
        elif incident["closed"] is None or incident["closed"] < since:
            before.append(incident)
        else:
            before.append({**incident, "state": "open", "closed": None})
    return before


def _open(incidents: Iterable[JSON]) -> frozenset[str]:
    return frozenset(incident["id"] for incident in incidents if incident["closed"] is None)


def _recent(time: str, now: str) -> bool:
    return time >= iso(max(0, parse_time(now) - _RECENT))

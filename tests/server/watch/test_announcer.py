from __future__ import annotations

import asyncio
import logging

import pytest

from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError, UnknownModelError
from driftmeter.notify import Notice, Notifier
from driftmeter.server.watch.announcer import Announcer, announcing
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.server.watch.view import ModelView
from driftmeter.store.records import Fold, ModelRecord, Progress
from driftmeter.timestamps import DAY, HOUR, MINUTE, iso
from driftmeter.types import JSON, Milliseconds
from tests.notify.receiver import Webhook, serving
from tests.server.harness import NOW, Client
from tests.server.traffic import drift
from tests.support.clocks import SetClock
from tests.support.waiting import eventually


def incident(opened: Milliseconds, closed: Milliseconds | None = None) -> JSON:
    """An incident that opened, and perhaps closed, so long after NOW."""
    return {
        "id": str(opened),
        "state": "open" if closed is None else "closed",
        "opened": iso(NOW + opened),
        "since": iso(NOW + opened),
        "closed": None if closed is None else iso(NOW + closed),
        "features": [{"feature": "amount", "since": iso(NOW + opened)}],
        "acknowledged": None,
    }


class Past:
    """A model's incidents as the test sets them, and how far it is folded."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.digest = engine.record("shop").digest
        self.incidents: list[JSON] = []
        self.folded = 0
        self.announcer = Announcer(engine, lambda notice: self.offered.append(notice.key))
        self.offered: list[str] = []

    def fold(self, at: Milliseconds, *incidents: JSON) -> None:
        """Have these incidents be all that there are, `at` ms after NOW."""
        step = Fold(Progress(NOW + at, b""), b"{}", NOW + at)
        assert self.engine.store.fold("shop", self.digest, self.folded, step)
        self.folded = NOW + at
        self.incidents = list(incidents)

    def look(self) -> list[str]:
        """Look at the newest verdict; return what was offered."""
        verdict = {"window": {"end": iso(self.folded) if self.folded else None}}
        self.announcer.look(ModelView("shop", self.digest, 1_000, b"", verdict, None, 0.0))
        offered, self.offered = self.offered, []
        return offered


@pytest.fixture
def past(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Past:
    past = Past(engine)
    monkeypatch.setattr(engine, "incidents", lambda model, digest=None: past.incidents)
    return past


def test_what_opens_and_closes_after_the_start_is_offered_once(past: Past) -> None:
    past.announcer.remember()
    assert past.look() == []
    past.fold(1_000, incident(1_000))
    assert past.look() == ["1000:opened"]
    past.fold(2_000, incident(1_000))
    assert past.look() == []
    past.fold(3_000, incident(1_000, 3_000))
    assert past.look() == ["1000:closed"]
    past.fold(4_000, incident(1_000, 3_000))
    assert past.look() == []


def test_what_happened_more_than_an_hour_before_the_start_is_not_offered(past: Past) -> None:
    past.fold(3 * HOUR, incident(2 * HOUR - 1), incident(0, HOUR))
    past.announcer.remember()
    assert past.look() == []


def test_what_happened_in_the_hour_before_the_start_is_offered(past: Past) -> None:
    past.fold(3 * HOUR, incident(2 * HOUR + MINUTE), incident(0, 2 * HOUR + 1))
    past.announcer.remember()
    assert past.look() == ["0:closed", f"{2 * HOUR + MINUTE}:opened"]


def test_what_catching_up_after_the_start_finds_open_is_offered_however_long_ago_it_was(past: Past) -> None:
    past.fold(0)
    past.announcer.remember()
    past.fold(9 * HOUR, incident(2 * HOUR), incident(1 * HOUR, 1 * HOUR + MINUTE))
    assert past.look() == [f"{2 * HOUR}:opened"]  # and of the other, that came and went in between, nothing


def test_an_incident_that_was_reopened_is_offered_once_also_by_a_server_that_starts_soon_after(past: Past) -> None:
    again = {**incident(0), "reopened": iso(NOW + 9 * HOUR)}
    past.fold(9 * HOUR, again)
    past.announcer.remember()
    key = f"0:reopened:{iso(NOW + 9 * HOUR)}"
    assert past.look() == [key]
    past.fold(9 * HOUR + MINUTE, again)
    assert past.look() == []


def test_what_has_been_open_for_a_day_is_reminded_of_once_a_day(past: Past) -> None:
    past.announcer.remember()
    past.fold(0, incident(0), incident(1))
    assert past.look() == ["0:opened", "1:opened"]
    past.fold(DAY - 1, incident(0), incident(1))
    assert past.look() == []
    offered = []
    for hour in range(24, 24 * 4):
        past.fold(hour * HOUR, incident(0), incident(1))
        offered += past.look()
    assert len(offered) == 4  # from NOW on, which is in the evening, these are four days
    assert all(key.startswith("reminder:") for key in offered)
    past.fold(5 * DAY, incident(0, 5 * DAY), incident(1, 5 * DAY))
    assert past.look() == ["0:closed", "1:closed"]
    past.fold(6 * DAY, incident(0, 5 * DAY), incident(1, 5 * DAY))
    assert past.look() == []


def test_a_profile_that_came_after_the_start_has_no_past(past: Past) -> None:
    past.announcer.remember()
    past.fold(9 * HOUR, incident(0))
    past.digest = "another"
    assert past.look() == ["0:opened"]


def test_the_end_of_what_was_seen_open_is_offered_however_long_ago_it_was(past: Past) -> None:
    past.announcer.remember()
    past.fold(0, incident(0))
    assert past.look() == ["0:opened"]
    past.fold(9 * HOUR, incident(0, HOUR))
    assert past.look() == ["0:closed"]


def test_a_store_that_was_away_at_the_start_makes_the_first_look_tell_what_is_from_before(
    past: Past, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    past.fold(3 * HOUR, incident(0), incident(3 * HOUR))

    def away() -> list[ModelRecord]:
        raise StoreUnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(past.engine.store, "models", away)
        past.announcer.remember()
    assert caplog.messages == ["what had drifted before the start cannot be read: StoreUnavailableError: away"]
    assert past.look() == [f"{3 * HOUR}:opened"]


def test_a_profile_that_is_active_again_does_not_bring_its_past_with_it(past: Past) -> None:
    past.announcer.remember()
    past.fold(0, incident(0))
    assert past.look() == ["0:opened"]
    first, past.digest, past.incidents = past.digest, "another", []
    assert past.look() == []
    past.digest, past.incidents = first, [incident(0)]
    assert past.look() == []


def test_a_restart_does_not_page_again(engine: Engine, past: Past, client: Client) -> None:
    past.fold(0, incident(0))
    view = ModelView("shop", past.digest, 1_000, b"", {"window": {"end": iso(NOW)}}, None, 0.0)
    with serving(Webhook()) as webhook:
        for _ in range(2):
            notifier = Notifier([webhook.url()], claim=engine.claim_notice)
            announcer = Announcer(engine, notifier.offer, url="http://drift.example.com")
            announcer.remember()
            announcer.look(view)
            notifier.close(10.0)
    (got,) = webhook.got
    assert "http://drift.example.com/v1/models/shop/report" in got["message"]


def test_what_a_running_evaluator_finds_is_offered(client: Client, clock: SetClock, engine: Engine) -> None:
    offered: list[Notice] = []

    async def scenario() -> None:
        evaluator, announcer = Evaluator(engine), Announcer(engine, offered.append)
        await announcer.start(evaluator)
        evaluator.start()
        await asyncio.to_thread(drift, client, clock)
        await asyncio.to_thread(eventually, lambda: offered, "a notice is offered")
        await evaluator.stop()
        await announcer.stop(evaluator)

    asyncio.run(scenario())
    (notice,) = offered
    assert (notice.model, notice.event) == ("shop", "opened")
    assert "amount" in {feature.name for feature in notice.features}


def test_people_are_notified_while_a_server_runs_and_of_what_it_finds_last(
    client: Client, clock: SetClock, engine: Engine
) -> None:
    outcomes: list[str] = []

    async def scenario() -> None:
        evaluator = Evaluator(engine)
        async with announcing(engine, evaluator, [webhook.url()], on_outcome=outcomes.append):
            evaluator.start()
            await asyncio.to_thread(drift, client, clock)
            await evaluator.stop()

    with serving(Webhook()) as webhook:
        asyncio.run(scenario())
    (got,) = webhook.got
    assert got["title"].startswith("driftmeter: shop drifts: ")
    assert outcomes == ["sent"]


def test_without_urls_nobody_is_notified(engine: Engine) -> None:
    async def scenario() -> None:
        evaluator = Evaluator(engine)
        async with announcing(engine, evaluator, []):
            assert not evaluator._listeners
        await evaluator.stop()

    asyncio.run(scenario())


def test_a_model_that_was_deleted_is_passed_over(past: Past, caplog: pytest.LogCaptureFixture) -> None:
    past.announcer.remember()

    def incidents(model: str, digest: str | None = None) -> list[JSON]:
        raise UnknownModelError(model)

    past.engine.incidents = incidents  # type: ignore[method-assign]
    view = ModelView("shop", past.digest, 1_000, b"", {"window": {"end": None}}, None, 0.0)
    assert past.announcer._look_at([view]) == set()
    assert caplog.messages == []


def test_what_the_last_round_finds_is_offered(client: Client, clock: SetClock, engine: Engine) -> None:
    offered: list[Notice] = []

    async def scenario() -> None:
        evaluator, announcer = Evaluator(engine), Announcer(engine, offered.append)
        await announcer.start(evaluator)
        await asyncio.to_thread(drift, client, clock)
        await asyncio.to_thread(evaluator.round)
        assert offered == []
        await evaluator.stop()
        await announcer.stop(evaluator)

    asyncio.run(scenario())
    assert [notice.event for notice in offered] == ["opened"]


def test_what_cannot_be_read_now_is_looked_at_again_and_logged_once(
    past: Past, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    past.announcer.remember()
    past.fold(0, incident(0))
    errors = [StoreUnavailableError("away"), StoreUnavailableError("away")]
    monkeypatch.setattr("driftmeter.server.watch.announcer._RETRY", 0.01)

    def incidents(model: str, digest: str | None = None) -> list[JSON]:
        if errors:
            raise errors.pop(0)
        return past.incidents

    monkeypatch.setattr(past.engine, "incidents", incidents)
    view = ModelView("shop", past.digest, 1_000, b"", {"window": {"end": iso(NOW)}}, None, 0.0)

    async def scenario() -> None:
        evaluator = Evaluator(past.engine)
        monkeypatch.setattr(past.announcer, "remember", lambda: None)
        await past.announcer.start(evaluator)
        await asyncio.sleep(0)
        for listener in evaluator._listeners:
            listener.offer(view)
        await asyncio.to_thread(eventually, lambda: past.offered, "a notice is offered")
        await evaluator.stop()
        await past.announcer.stop(evaluator)

    with caplog.at_level(logging.WARNING, "driftmeter"):
        asyncio.run(scenario())
    assert past.offered == ["0:opened"]
    assert caplog.messages == ["model shop: its incidents cannot be announced: StoreUnavailableError: away"]


class Change:
    """A model that goes from one profile to another: incidents by profile as the test sets them."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = engine
        self.former = engine.record("shop").digest
        self.incidents: dict[str, list[JSON]] = {}
        self.offered: list[Notice] = []
        self.announcer = Announcer(engine, self.offered.append)
        monkeypatch.setattr(engine, "incidents", lambda model, digest: self.incidents.get(digest, []))

    def look(self, digest: str, end: Milliseconds | None = NOW) -> list[str]:
        """Look at a verdict of a profile; return what was offered."""
        verdict = {"window": {"end": None if end is None else iso(end)}}
        self.offered.clear()
        self.announcer.look(ModelView("shop", digest, 1_000, b"", verdict, None, 0.0))
        return [notice.key for notice in self.offered]


@pytest.fixture
def change(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Change:
    change = Change(engine, monkeypatch)
    change.announcer.remember()
    change.incidents = {change.former: [incident(1_000)]}
    assert change.look(change.former) == ["1000:opened"]
    return change


def test_what_is_open_when_another_profile_takes_over_closes_once(change: Change) -> None:
    assert change.look("another", NOW + HOUR) == ["1000:closed"]
    (notice,) = change.offered
    assert (notice.overtaken, notice.at) == (True, iso(NOW + HOUR))
    assert change.look("another") == []


def test_a_takeover_before_the_first_verdict_of_the_other_profile_is_told_with_the_time_of_the_store(
    change: Change, clock: SetClock
) -> None:
    assert change.look("another", None) == ["1000:closed"]
    assert change.offered[0].at == iso(clock.now)


def test_what_is_open_by_both_profiles_goes_on(change: Change) -> None:
    change.incidents["another"] = [incident(1_000)]
    assert "1000:closed" not in change.look("another")


def test_what_drifts_by_the_other_profile_is_told_after_what_closes_with_the_former(change: Change) -> None:
    change.incidents["another"] = [incident(500)]
    assert change.look("another") == ["1000:closed", "500:opened"]


def test_what_was_over_just_before_the_takeover_is_told_as_that(change: Change) -> None:
    change.incidents[change.former] = [incident(1_000, 2_000)]
    assert change.look("another") == ["1000:closed"]
    (notice,) = change.offered
    assert (notice.overtaken, notice.at) == (False, iso(NOW + 2_000))


def test_what_nobody_was_told_of_does_not_close_with_a_takeover(change: Change) -> None:
    change.incidents[change.former] = [incident(3_000), incident(1_000)]  # the newer one opened with the takeover
    assert change.look("another") == ["1000:closed"]


def test_a_profile_that_comes_back_brings_only_what_is_new(change: Change) -> None:
    change.look("another")
    change.incidents[change.former] = [incident(3_000), incident(1_000)]
    assert change.look(change.former) == ["3000:opened"]


def test_what_was_open_at_the_start_closes_with_a_takeover_at_the_first_look(change: Change) -> None:
    restarted = change.announcer = Announcer(change.engine, change.offered.append)
    restarted.remember()
    assert change.look("another") == ["1000:closed"]


def test_of_all_replicas_one_says_that_another_profile_took_over_and_never_again(change: Change) -> None:
    with serving(Webhook()) as webhook:
        notifiers = [Notifier([webhook.url()], claim=change.engine.claim_notice) for _ in range(2)]
        replicas = [Announcer(change.engine, notifier.offer) for notifier in notifiers]
        for digest in (change.former, "another", change.former, "another"):
            for change.announcer in replicas:
                change.look(digest)
        for notifier in notifiers:
            notifier.close(10.0)
    assert sorted(got["title"] for got in webhook.got) == [
        "driftmeter: shop drifts: amount",
        "driftmeter: shop goes by another profile, which closes an incident: amount",
    ]

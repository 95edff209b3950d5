from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from driftmeter.errors import StoreUnavailableError, UnknownModelError
from driftmeter.notify import Notice, Notifier, Outcome
from driftmeter.panes.timing import Timing
from driftmeter.store import open_store
from tests.notify.receiver import Webhook, serving
from tests.support.waiting import eventually

WAITS = (0.01, 0.02, 0.03)


def mine(model: str, key: str) -> bool:
    return True


@contextmanager
def notifying(*urls: str, claim: Callable[[str, str], bool] = mine, **options: Any) -> Iterator[Notifier]:
    notifier = Notifier(urls, claim=claim, **{"waits": WAITS, **options})
    try:
        yield notifier
    finally:
        notifier.close(5.0)


@pytest.fixture
def outcomes() -> list[Outcome]:
    return []


def test_a_notice_arrives_once_at_each_url(webhook: Webhook, notice: Notice, outcomes: list[Outcome]) -> None:
    with serving(Webhook()) as other, notifying(webhook.url(), other.url(), on_outcome=outcomes.append) as notifier:
        assert notifier.offer(notice)
        eventually(lambda: len(outcomes) == 2, "two outcomes")
    assert [got["title"] for got in webhook.got] == [notice.title] == [got["title"] for got in other.got]
    assert webhook.got[0]["message"] == notice.body
    assert outcomes == ["sent", "sent"]


def test_notices_arrive_in_their_order(webhook: Webhook, notice: Notice) -> None:
    with notifying(webhook.url()) as notifier:
        for number in range(5):
            notifier.offer(replace(notice, model=f"m{number}"))
    assert [got["title"][:14] for got in webhook.got] == [f"driftmeter: m{number}" for number in range(5)]


def test_what_fails_twice_is_sent_again_and_where_it_arrived_it_is_not(
    webhook: Webhook, notice: Notice, outcomes: list[Outcome]
) -> None:
    webhook.statuses = [500, 503]
    with serving(Webhook()) as other, notifying(webhook.url(), other.url(), on_outcome=outcomes.append) as notifier:
        notifier.offer(notice)
        eventually(lambda: len(outcomes) == 2, "two outcomes")
    assert (len(webhook.got), len(webhook.accepted), len(other.got)) == (3, 1, 1)
    assert outcomes == ["sent", "sent"]


def test_what_fails_to_the_end_is_logged_and_counted(
    webhook: Webhook, notice: Notice, outcomes: list[Outcome], caplog: pytest.LogCaptureFixture
) -> None:
    webhook.statuses = [500] * 9
    with notifying(webhook.url("token7secret"), on_outcome=outcomes.append) as notifier:
        notifier.offer(notice)
        eventually(lambda: outcomes, "an outcome")
    assert len(webhook.got) == 1 + len(WAITS)
    assert outcomes == ["failed"]
    first, last = [record.getMessage() for record in caplog.records]
    about = f"a notice of model flights ({notice.key})"
    assert first.startswith(f"{about} is not sent yet to json://127.0.0.1:{webhook.server_port}: ")
    assert last.startswith(f"{about} was not sent to json://127.0.0.1:{webhook.server_port}: ")
    assert "500" in last
    assert "7secret" not in caplog.text


def test_one_that_is_away_does_not_keep_the_others_waiting(webhook: Webhook, notice: Notice) -> None:
    with serving(Webhook(*[500] * 9)) as away:
        notifier = Notifier([away.url(), webhook.url()], claim=mine, waits=(60.0, 60.0, 60.0))
        notifier.offer(notice)
        notifier.offer(replace(notice, incident="2"))
        eventually(lambda: len(webhook.accepted) == 2, "two notices at the webhook")
        assert len(away.got) == 2
        notifier.close(5.0)
    assert len(away.got) == 4  # once more at the end, without the wait


def test_what_another_process_has_claimed_is_not_sent(
    webhook: Webhook, notice: Notice, outcomes: list[Outcome]
) -> None:
    asked = []

    def another(model: str, key: str) -> bool:
        asked.append((model, key))
        return False

    with notifying(webhook.url(), claim=another, on_outcome=outcomes.append) as notifier:
        notifier.offer(notice)
    assert asked == [("flights", notice.key)]
    assert webhook.got == []
    assert outcomes == []


def test_a_claim_is_asked_once_and_not_at_each_attempt(webhook: Webhook, notice: Notice) -> None:
    webhook.statuses = [500]
    asked = []
    with notifying(webhook.url(), claim=lambda model, key: not asked.append(key)) as notifier:  # type: ignore[func-returns-value]
        notifier.offer(notice)
        eventually(lambda: webhook.accepted, "a notice at the webhook")
    assert asked == [notice.key]


def test_a_store_that_is_away_is_asked_again(webhook: Webhook, notice: Notice) -> None:
    away = [StoreUnavailableError("away"), StoreUnavailableError("away")]

    def claim(model: str, key: str) -> bool:
        if away:
            raise away.pop()
        return True

    with notifying(webhook.url(), claim=claim) as notifier:
        notifier.offer(notice)
        eventually(lambda: webhook.accepted, "a notice at the webhook")


def test_of_a_deleted_model_nothing_is_sent(webhook: Webhook, notice: Notice, outcomes: list[Outcome]) -> None:
    def claim(model: str, key: str) -> bool:
        raise UnknownModelError(model)

    with notifying(webhook.url(), claim=claim, on_outcome=outcomes.append) as notifier:
        notifier.offer(notice)
    assert webhook.got == []
    assert outcomes == []


def test_too_many_are_dropped_counted_and_logged_and_nobody_waits(
    webhook: Webhook, notice: Notice, outcomes: list[Outcome], caplog: pytest.LogCaptureFixture
) -> None:
    webhook.gate.clear()
    with notifying(webhook.url(), most_waiting=3, on_outcome=outcomes.append) as notifier:
        notifier.offer(notice)
        eventually(lambda: webhook.got, "a notice at the webhook")
        taken = [notifier.offer(replace(notice, incident=str(number))) for number in range(5)]
        assert webhook.accepted == []  # the webhook still holds the first: no offer waited for it
        webhook.gate.set()
    assert taken == [True, True, True, False, False]
    assert outcomes == ["dropped", "dropped", *["sent"] * 4]
    assert "dropped a notice of model flights (4:opened): too many wait" in caplog.messages


def test_closing_sends_what_waits_and_then_takes_no_more(webhook: Webhook, notice: Notice) -> None:
    notifier = Notifier([webhook.url()], claim=mine)
    for number in range(10):
        notifier.offer(replace(notice, incident=str(number)))
    notifier.close(10.0)
    assert len(webhook.accepted) == 10
    assert not notifier.offer(notice)
    assert "driftmeter-notify" not in {thread.name for thread in threading.enumerate()}


def test_closing_waits_no_longer_than_it_is_told_and_says_what_is_left(
    webhook: Webhook, notice: Notice, outcomes: list[Outcome], caplog: pytest.LogCaptureFixture
) -> None:
    webhook.gate.clear()
    notifier = Notifier([webhook.url()], claim=mine, on_outcome=outcomes.append)
    notifier.offer(notice)
    eventually(lambda: webhook.got, "a notice at the webhook")
    notifier.offer(replace(notice, incident="2"))
    notifier.close(0.05)
    assert webhook.accepted == []  # the webhook still holds the first
    assert outcomes == ["failed"]
    assert [message for message in caplog.messages if "still being sent to json://127.0.0.1" in message]
    assert "a notice of model flights (2:opened) was not sent: the server stops" in caplog.messages
    webhook.gate.set()
    eventually(lambda: outcomes == ["failed", "sent"], "the outcome of the first")


def test_a_notice_that_cannot_be_written_does_not_silence_the_next(
    webhook: Webhook, notice: Notice, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), notifying(webhook.url()) as notifier:
        notifier.offer(replace(notice, model=7))  # type: ignore[arg-type]
        notifier.offer(notice)
    assert len(webhook.accepted) == 1
    assert f"a notice of model 7 ({notice.key}) failed to json://127.0.0.1:{webhook.server_port}" in caplog.messages


def test_of_two_servers_on_one_store_one_sends(webhook: Webhook, notice: Notice) -> None:
    store = open_store("memory://")
    store.register("flights", "digest", b"", Timing())
    with notifying(webhook.url(), claim=store.notified) as one, notifying(webhook.url(), claim=store.notified) as two:
        for number in range(10):
            for notifier in (one, two):
                notifier.offer(replace(notice, incident=str(number)))
    store.close()
    assert len(webhook.got) == 10

from __future__ import annotations

from driftmeter.client.backoff import MOST, Backoff


def test_pauses_grow_to_five_seconds_and_no_further() -> None:
    backoff = Backoff(lambda: 1.0)
    pauses = [backoff.failed() for _ in range(40)]
    assert pauses[:3] == [0.25, 0.5, 1.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MOST


def test_jitter_takes_off_up_to_half() -> None:
    assert Backoff(lambda: 0.0).failed() == 0.125


def test_the_server_may_ask_for_longer_but_not_for_ever() -> None:
    backoff = Backoff(lambda: 0.0)
    assert backoff.failed(30) == 30
    assert backoff.failed(10_000) == 60


def test_a_success_starts_over() -> None:
    backoff = Backoff(lambda: 1.0)
    backoff.failed()
    backoff.succeeded()
    assert backoff.failed() == 0.25

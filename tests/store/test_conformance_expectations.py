"""What every store keeps beside the counts: settings, expectations, notices."""

from __future__ import annotations

import threading

import pytest

from driftmeter.errors import StoreUnavailableError, UnknownModelError
from driftmeter.panes.timing import Timing
from driftmeter.store.protocol import Store
from driftmeter.timestamps import DAY
from driftmeter.verdict.expectation import Expectation
from tests.store.samples import START, TIMING, Opener
from tests.support.clocks import SetClock

SETTINGS = b'{"budget":"7d"}'


# --- settings


def test_settings_are_kept_until_they_are_taken_away(store: Store, other: Store) -> None:
    assert store.model("m").settings is None
    store.configure("m", SETTINGS)
    assert other.model("m").settings == SETTINGS
    assert [record.settings for record in other.models()] == [SETTINGS]
    other.configure("m", b"{}")
    assert store.model("m").settings == b"{}"
    store.configure("m", None)
    assert other.model("m").settings is None
    assert [record.settings for record in other.models()] == [None]


def test_settings_outlive_a_new_profile_and_a_new_timing(store: Store) -> None:
    store.configure("m", SETTINGS)
    store.register("m", "e", b"second", Timing(5000, 0))
    assert store.model("m").settings == SETTINGS


def test_settings_are_one_models(store: Store) -> None:
    store.register("n", "d", b"{}", TIMING)
    store.configure("n", SETTINGS)
    assert store.model("m").settings is None


# --- what is expected


def test_an_expectation_is_kept_for_a_feature_or_for_the_whole_model(store: Store, other: Store) -> None:
    store.expect("m", "temp", START, START + 10, "new sensor")
    store.expect("m", None, START, START + 20)
    store.expect("m", "", START, START + 30)
    assert other.expected("m") == [
        Expectation(None, START, START + 20),
        Expectation("", START, START + 30),
        Expectation("temp", START, START + 10, "new sensor"),
    ]


@pytest.mark.parametrize("feature", ["temp", None])
def test_a_later_expectation_replaces_the_one_before(store: Store, feature: str | None) -> None:
    store.expect("m", feature, START, START + 10, "first")
    store.expect("m", "humid", START, START + 15)
    store.expect("m", feature, START + 5, START + 7, "second")
    assert Expectation(feature, START + 5, START + 7, "second") in store.expected("m")
    assert len(store.expected("m")) == 2


@pytest.mark.parametrize("feature", ["temp", None])
@pytest.mark.parametrize("until", [START, 0])
def test_an_expectation_without_length_removes_the_one_before(store: Store, feature: str | None, until: int) -> None:
    store.expect("m", feature, START, START + 10)
    store.expect("m", "humid", START, START + 15)
    store.expect("m", feature, START, until)
    assert store.expected("m") == [Expectation("humid", START, START + 15)]


def test_an_expectation_is_dropped_ninety_days_after_its_end(store: Store, clock: SetClock) -> None:
    store.expect("m", "temp", START, START + DAY)
    clock.now = START + 91 * DAY
    assert len(store.expected("m")) == 1
    clock.now += 1
    assert store.expected("m") == []
    store.expect("m", "humid", clock.now, clock.now + 1)
    clock.now = START
    assert [expectation.feature for expectation in store.expected("m")] == ["humid"]


# --- notices


def test_only_the_first_caller_notifies(store: Store, other: Store) -> None:
    assert store.notified("m", "incident 1 opened")
    assert not other.notified("m", "incident 1 opened")
    assert not store.notified("m", "incident 1 opened")
    assert other.notified("m", "incident 1 closed")


def test_a_key_is_one_models(store: Store) -> None:
    store.register("n", "d", b"{}", TIMING)
    assert store.notified("m", "incident 1 opened")
    assert store.notified("n", "incident 1 opened")


def test_a_key_is_kept_for_ninety_days(store: Store, clock: SetClock) -> None:
    assert store.notified("m", "incident 1 opened")
    clock.now += 90 * DAY
    assert not store.notified("m", "incident 1 opened")
    clock.now += 1
    assert store.notified("m", "incident 1 opened")
    assert not store.notified("m", "incident 1 opened")


def test_of_many_threads_one_notifies(store: Store, opener: Opener) -> None:
    first: list[str] = []
    together = threading.Barrier(4)

    def notify(opened: Store) -> None:
        together.wait()
        first.extend(key for key in map(str, range(20)) if opened.notified("m", key))

    threads = [threading.Thread(target=notify, args=(opener(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(first, key=int) == [str(number) for number in range(20)]


# --- all of it


def test_an_unknown_model_has_none_of_it(store: Store) -> None:
    with pytest.raises(UnknownModelError):
        store.configure("nope", SETTINGS)
    with pytest.raises(UnknownModelError):
        store.expect("nope", None, START, START + 1)
    with pytest.raises(UnknownModelError):
        store.notified("nope", "key")


def test_a_deleted_model_takes_it_along(store: Store) -> None:
    store.configure("m", SETTINGS)
    store.expect("m", None, START, START + 10)
    store.notified("m", "key")
    store.delete("m")
    store.register("m", "d", b"{}", TIMING)
    assert store.model("m").settings is None
    assert store.expected("m") == []
    assert store.notified("m", "key")


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreUnavailableError):
        store.configure("m", SETTINGS)
    with pytest.raises(StoreUnavailableError):
        store.expected("m")
    with pytest.raises(StoreUnavailableError):
        store.notified("m", "key")

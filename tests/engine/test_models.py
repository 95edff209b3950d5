"""The models as one process knows them: how fresh their records are, and which profiles it keeps compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from driftmeter.engine import models as module
from driftmeter.engine.models import Models
from driftmeter.errors import UnknownModelError, UnknownProfileError
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.store.records import ModelRecord
from driftmeter.store.sqlite.store import SQLiteStore
from tests.engine.tier import START, TIMING, Tier, rows_of
from tests.support.clocks import SetClock

DEFAULT = ModelSettings()
OWN = ModelSettings(guarantee="strict")


@pytest.fixture
def store() -> Iterator[SQLiteStore]:
    store = SQLiteStore(None, clock=SetClock(START))
    yield store
    store.close()


@pytest.fixture
def stopwatch() -> SetClock:
    return SetClock(0)


@pytest.fixture
def models(store: SQLiteStore, stopwatch: SetClock, profile: Profile) -> Models:
    models = Models(store, TIMING, DEFAULT, stopwatch)
    models.register(profile)
    return models


def test_a_record_is_asked_for_again_when_it_is_stale(models: Models, store: SQLiteStore, stopwatch: SetClock) -> None:
    assert models.cached_record("m") is None
    first = models.record("m")
    store.configure("m", OWN.dumps())  # as another server does
    assert models.record("m") is models.cached_record("m") is first
    stopwatch.now += 2
    assert models.cached_record("m") is None
    assert models.stale_record("m") is first
    assert models.record("m").settings == OWN.dumps()


def test_a_record_that_was_read_before_a_change_does_not_hide_it(
    models: Models, store: SQLiteStore, stopwatch: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = store.model

    def slowly(model: str) -> ModelRecord:
        record = read(model)
        monkeypatch.undo()
        stopwatch.now += 1
        models.configure(model, OWN)  # in another thread, while this one waits for the store's answer
        return record

    monkeypatch.setattr(store, "model", slowly)
    assert models.record("m").settings is None
    assert models.record("m").settings == OWN.dumps()


def test_a_list_of_all_models_renews_the_records_that_are_known(
    models: Models, store: SQLiteStore, stopwatch: SetClock
) -> None:
    models.record("m")
    store.configure("m", OWN.dumps())  # as another server does
    stopwatch.now += 1
    (listed,) = models.all_records()
    stopwatch.now += 1
    assert models.cached_record("m") is listed
    assert listed.settings == OWN.dumps()


def test_an_expired_record_is_asked_for_again_at_once(models: Models, store: SQLiteStore) -> None:
    first = models.record("m")
    store.configure("m", OWN.dumps())
    models.expire_record("m")
    assert models.stale_record("m") is first
    assert models.record("m").settings == OWN.dumps()


def test_what_a_process_changes_itself_it_sees_at_once(models: Models, profile: Profile) -> None:
    assert models.settings_in(models.record("m")) == DEFAULT
    models.configure("m", OWN)
    assert models.settings_in(models.record("m")) == OWN
    assert models.compiled("m").settings == OWN
    models.configure("m", None)
    assert models.compiled("m").settings == DEFAULT


def test_a_profile_is_compiled_once_until_its_settings_change(models: Models) -> None:
    compiled = models.compiled("m")
    assert models.compiled("m", compiled.profile.digest) is compiled
    models.configure("m", OWN)
    changed = models.compiled("m")
    assert changed is not compiled
    assert models.compiled("m") is changed


def test_unknown_names_are_refused_with_those_that_are_known(models: Models, profile: Profile) -> None:
    with pytest.raises(UnknownModelError, match="known: m"):
        models.compiled("n")
    with pytest.raises(UnknownProfileError, match=profile.digest):
        models.compiled("m", "0" * 32)


def test_a_deleted_model_is_forgotten(tier: Tier) -> None:
    tier.send(rows_of(500), START)
    tier.engine.delete("m")
    with pytest.raises(UnknownModelError):
        tier.engine.verdict("m")
    assert tier.engine.stale_record("m") is None


def test_a_model_that_another_replica_deleted_is_forgotten_too(
    models: Models, store: SQLiteStore, stopwatch: SetClock, profile: Profile
) -> None:
    before = models.compiled("m")
    store.delete("m")
    stopwatch.now += 2
    with pytest.raises(UnknownModelError):
        models.compiled("m")
    assert models.stale_record("m") is None
    models.register(profile)
    assert models.compiled("m") is not before


def test_so_many_profiles_are_kept_compiled_at_once_and_no_more(
    store: SQLiteStore, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BINS", 2 * profile.bins)
    models = Models(store, TIMING, DEFAULT, SetClock(0))
    for model in "abc":
        models.register(replace(profile, model=model))
    first, second = models.compiled("a"), models.compiled("b")
    assert models.compiled("a") is first
    models.compiled("c")
    assert models.compiled("a") is first
    assert models.compiled("b") is not second


def test_a_server_that_starts_with_a_profile_that_was_replaced_does_not_put_it_back(
    tier: Tier, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    second = Profile.fit(rows_of(5_000, seed=98), model="m")
    assert tier.engine.register_unless_replaced(second).digest == second.digest
    assert tier.engine.register_unless_replaced(second).digest == second.digest
    assert not caplog.records
    assert tier.engine.register_unless_replaced(profile).digest == second.digest
    assert [record.getMessage() for record in caplog.records] == [
        f"model m: profile {profile.digest} was replaced by {second.digest}, which stays"
    ]
    assert tier.engine.register(profile).digest == profile.digest


def test_another_timing_for_a_model_is_logged(
    models: Models, store: SQLiteStore, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    Models(store, replace(TIMING, pane=20_000), DEFAULT, SetClock(0)).register(profile)
    assert [record.getMessage() for record in caplog.records] == [
        "model m: panes of 10 s and a lateness of 20 s are now 20 s and 20 s, for all servers"
    ]

from __future__ import annotations

import json
import logging

import polars as pl
import pytest

from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError
from driftmeter.panes.coverage import SourceRecord, Sources
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.store import open_store
from driftmeter.store.records import ModelRecord
from tests.support.clocks import SetStopwatch


def test_a_round_gives_each_model_a_view_and_says_which_are_new(engine: Engine) -> None:
    stopwatch = SetStopwatch()
    evaluator = Evaluator(engine, stopwatch=stopwatch)
    fresh, wait = evaluator.round()
    assert [view.model for view in fresh] == ["shop"]
    assert wait == 0.25
    assert evaluator.views["shop"].verdict["state"] == "insufficient"
    stopwatch.now += 0.25
    assert evaluator.round()[0] == []
    assert evaluator.views["shop"].refreshed == stopwatch.now


def test_a_model_is_looked_at_about_every_quarter_of_a_pane(engine: Engine) -> None:
    stopwatch = SetStopwatch()
    evaluator = Evaluator(engine, stopwatch=stopwatch)
    evaluator.round()
    stopwatch.now += 0.1
    _, wait = evaluator.round()
    assert wait == pytest.approx(0.15)
    assert evaluator.views["shop"].refreshed == 100.0


def test_a_deleted_model_has_no_view(engine: Engine) -> None:
    stopwatch = SetStopwatch()
    evaluator = Evaluator(engine, stopwatch=stopwatch)
    evaluator.round()
    engine.delete("shop")
    evaluator.round()
    assert evaluator.views == {}


def test_a_source_that_vanishes_is_logged_once_by_the_server_that_folds_its_model(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    records = [SourceRecord("quiet", SourceTotals(observed=9, counted=9), seen=60_000, added=7)]
    now = [60_000, 60_000, 180_000, 180_000]
    monkeypatch.setattr(engine, "sources", lambda model: Sources(records, now.pop(0), 1_000))
    stopwatch = SetStopwatch()
    evaluator = Evaluator(engine, stopwatch=stopwatch)
    with caplog.at_level(logging.WARNING):
        while now:
            evaluator.round()
            stopwatch.now += 6.0
    assert caplog.messages == [
        "model shop: source quiet has not been heard of since 1970-01-01T00:01:00.000Z; "
        "2 rows that it counted never came"
    ]
    assert evaluator.views["shop"].silent == 1


def test_a_store_that_is_away_is_survived_and_logged_once_a_minute(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stopwatch = SetStopwatch()
    evaluator = Evaluator(engine, stopwatch=stopwatch)
    evaluator.round()
    before = evaluator.views["shop"]

    def away() -> list[ModelRecord]:
        raise StoreUnavailableError("away")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(engine.store, "models", away)
        for _ in range(30):
            stopwatch.now += 1.0
            evaluator.round()
        assert len(caplog.records) == 1
        stopwatch.now += 40.0
        evaluator.round()
        assert len(caplog.records) == 2
    assert evaluator.views["shop"] is before
    assert not before.current(stopwatch.now)
    evaluator.round()
    assert evaluator.views["shop"].current(stopwatch.now)


def test_of_a_profile_of_another_version_in_the_store_the_log_says_what_to_do(
    profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store("memory://")
    body = json.dumps({**json.loads(profile.dumps()), "version": 2}).encode()
    store.register("shop", "0ld", body, Timing())
    with caplog.at_level(logging.WARNING):
        Evaluator(Engine(store)).round()
    (line,) = (record.getMessage() for record in caplog.records)
    assert "cannot be evaluated: ProfileFormatError: profile 0ld in the store: expected a profile of version" in line
    assert line.endswith(
        "make it anew with `driftmeter profile`; then start the server with `--profile FILE`, "
        "or PUT it to /v1/models/shop/profile"
    )
    store.close()


def test_a_model_that_cannot_be_evaluated_is_counted_and_stops_neither_the_others_nor_the_server(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine.register(Profile.fit(pl.DataFrame({"x": [1.0, 2.0]}), model="broken"))
    advance = engine.advance

    def break_one(model: str) -> bool:
        if model == "broken":
            raise ZeroDivisionError("its profile")
        return advance(model)

    monkeypatch.setattr(engine, "advance", break_one)
    stopwatch, failed = SetStopwatch(), list[str]()
    evaluator = Evaluator(engine, stopwatch=stopwatch, on_failure=failed.append)
    with caplog.at_level(logging.WARNING):
        for _ in range(30):
            stopwatch.now += 1.0
            evaluator.round()
    assert failed == ["broken"] * 30
    assert evaluator.succeeded == stopwatch.now
    assert evaluator.views["shop"].refreshed == stopwatch.now
    assert "broken" not in evaluator.views
    assert [record.getMessage() for record in caplog.records] == [
        "model 'broken' cannot be evaluated: ZeroDivisionError: its profile"
    ]

"""Panes through both sinks: the same receipts, the same store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from driftmeter.client.transport import AwayError
from driftmeter.engine.engine import Engine
from driftmeter.errors import DriftmeterError, InputError, UnknownModelError
from driftmeter.integrations.sinks import (
    PaneRefusedError,
    PaneSink,
    ServerSink,
    SinkAwayError,
    StoreSink,
    open_sink,
)
from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.store.sqlite.store import SQLiteStore
from tests.client.samples import ROW, directly
from tests.client.tier import Refusal, Tier, refuse_panes
from tests.support.clocks import SetClock, SetStopwatch
from tests.support.metric_server import metric_server

START = 1_700_000_000_000
TIMING = Timing(10_000, 20_000)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START + 5_000)


@pytest.fixture
def engine(profile: Profile, tmp_path: Path, clock: SetClock) -> Iterator[Engine]:
    engine = Engine(SQLiteStore(tmp_path / "store.sqlite", clock=clock), timing=TIMING)
    engine.register(profile)
    yield engine
    engine.store.close()


@pytest.fixture(params=["server", "store"])
def sink(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path, clock: SetClock) -> Iterator[PaneSink]:
    if request.param == "server":
        with metric_server(engine) as url:
            sink = open_sink(url, "m")
            yield sink
            sink.close()
        return
    opened = open_sink(f"sqlite:///{tmp_path}/store.sqlite", "m")
    assert isinstance(opened, StoreSink)
    opened._store.close()
    opened._store = SQLiteStore(tmp_path / "store.sqlite", clock=clock)
    yield opened
    opened.close()


def pane_of(profile: Profile, rows: int, sequence: int, watermark: int | None = None, start: int = START) -> Pane:
    summary = directly(profile, [ROW] * rows)
    return Pane(profile.digest, start, 10_000, "flights-0", sequence, summary, SourceTotals(rows, rows), watermark)


def test_a_sink_tells_the_profile_the_timing_and_its_time(sink: PaneSink, profile: Profile, clock: SetClock) -> None:
    model = sink.model()
    assert model.profile.digest == profile.digest
    assert (model.timing, model.now, model.unseen_texts) == (TIMING, clock.now, True)


def test_a_higher_sequence_replaces_a_lower_one_and_the_same_changes_nothing(
    sink: PaneSink, profile: Profile, engine: Engine, clock: SetClock
) -> None:
    for rows, sequence in ((3, 3), (7, 7), (7, 7), (3, 3)):
        receipt = sink.put(pane_of(profile, rows, sequence, START + 20_000))
        assert (receipt.late, receipt.digest, receipt.timing, receipt.now) == (0, profile.digest, TIMING, clock.now)
    clock.now += 60_000
    engine.advance("m")
    slices = engine.store.slice_rows("m", profile.digest, 0, START + 100_000)
    assert [rows for _, _, rows in slices] == [7]


def test_rows_of_a_frozen_pane_are_late(sink: PaneSink, profile: Profile, engine: Engine, clock: SetClock) -> None:
    clock.now += 60_000
    sink.put(pane_of(profile, 3, 3, START + 20_000))
    engine.advance("m")
    assert sink.put(pane_of(profile, 5, 5)).late == 2


def test_a_pane_of_an_unknown_profile_is_refused(sink: PaneSink, profile: Profile) -> None:
    with pytest.raises(PaneRefusedError, match="no profile"):
        sink.put(replace(pane_of(profile, 1, 1), digest="0000"))


def test_an_unknown_model_is_named(engine: Engine, tmp_path: Path) -> None:
    with metric_server(engine) as url, pytest.raises(DriftmeterError, match="'credit'"):
        ServerSink(url, "credit").model()
    unknown = pytest.raises(UnknownModelError, match="'credit'")
    with closing(StoreSink(f"sqlite:///{tmp_path}/store.sqlite", "credit")) as sink, unknown:
        sink.model()


def test_a_store_of_this_process_alone_is_refused() -> None:
    with pytest.raises(InputError, match="a store that a metric server shares"):
        open_sink("memory://", "m")


def test_a_server_that_is_away_is_tried_again(tier: Tier, profile: Profile) -> None:
    tier.register(profile)
    refused: list[str] = []

    def once(method: str, path: str) -> Refusal | None:
        refused.append(path)
        return Refusal(503) if len(refused) < 3 else None

    tier.refuse = once
    sink = ServerSink(tier.url, "m")
    assert sink.put(pane_of(profile, 3, 3)).late == 0
    assert len(refused) == 3


@pytest.mark.parametrize("away", [refuse_panes(503), refuse_panes(401), refuse_panes(404, problem=False)])
def test_patience_ends(tier: Tier, profile: Profile, away: Callable[[str, str], Refusal | None]) -> None:
    tier.register(profile)
    tier.refuse = away
    with pytest.raises(SinkAwayError, match="status") as caught:
        ServerSink(tier.url, "m", patience=0.0, clock=SetStopwatch()).put(pane_of(profile, 3, 3))
    assert isinstance(caught.value.__cause__, AwayError)


def test_a_server_that_wants_no_texts_gets_none(tier: Tier, profile: Profile) -> None:
    tier.register(profile)
    tier.unseen_texts = False
    sink = ServerSink(tier.url, "m")
    assert not sink.model().unseen_texts
    summary = directly(profile, [{**ROW, "city": "Rom"}])
    assert summary.unseen
    sink.put(replace(pane_of(profile, 1, 1), summary=summary))
    assert not tier.received[0].summary.unseen

"""Many processes that write, close and fold in one Redis at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from driftmeter.panes.windows import WindowSetting
from driftmeter.store.redis.store import RedisStore
from tests.store.redis.racer import TIMING, fold
from tests.store.samples import START, batch, closed, fate, freeze_at, pane, put
from tests.store.samples import TIMING as SLOW
from tests.support.clocks import SetClock
from tests.support.processes import begin, wait_until_ready
from tests.support.redis_server import shared_server

ROOT = Path(__file__).parents[3]
SECONDS = 4.0


@pytest.fixture
def url() -> str:
    server = shared_server()
    server.ask("FLUSHALL")
    return server.url


@pytest.fixture
def racers(url: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Processes that wait for a line to begin."""
    processes = {}
    for name in ("writer one", "writer two", "closer one", "closer two"):
        command = [sys.executable, "-m", "tests.store.redis.racer", url, name, name.split()[0], str(SECONDS)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        processes[name] = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    wait_until_ready(*processes.values())
    yield processes
    for process in processes.values():
        process.kill()
        process.communicate()


def test_each_row_is_in_one_slice_or_late_however_closing_falls_among_the_writes(
    url: str, racers: dict[str, subprocess.Popen[str]]
) -> None:
    over = threading.Event()
    with closing(RedisStore(url)) as store:

        def freeze() -> None:
            while not over.is_set():
                store.freeze("m")

        threads = [threading.Thread(target=freeze, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        outputs = {}
        begin(*racers.values())
        for name, process in racers.items():
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, name
            outputs[name] = list(map(int, output.split()))
        over.set()
        for thread in threads:
            thread.join()
        time.sleep(0.5)  # the last panes end, and their lateness
        end = store.freeze("m")
        folds = outputs["closer one"][0] + outputs["closer two"][0]
        while store.unfolded("m", "d"):
            folds += fold(store)

        panes = {name: outputs[name][0] for name in outputs if name.startswith("writer")}
        batches = sum(outputs[name][1] for name in panes)
        late = sum(outputs[name][2] for name in panes)
        sent = sum(panes.values()) + batches
        accounts = {source.source: source for source in store.sources("m")}
        assert {name: source.totals.observed for name, source in accounts.items()} == {**panes, "server": batches}
        assert {name: source.added for name, source in accounts.items()} == {**panes, "server": batches}
        assert sum(source.late for source in accounts.values()) == late
        # some of either, or nothing was at stake
        assert 0.05 * sent < late < 0.95 * sent
        assert min(outputs["closer one"][0], outputs["closer two"][0]) > 0

        everything = store.recent("m", "d", end, WindowSetting(length=end))
        assert sum(slice_.summary.rows for slice_ in everything) + late == sent
        assert all(slice_.summary.counts.sum() == slice_.summary.rows for slice_ in everything)
        assert all(slice_.length % TIMING.pane == 0 for slice_ in everything)
        assert len({slice_.end for slice_ in everything}) == len(everything) == folds
        assert store.progress("m", "d").state == b"%d" % (sent - late)


@pytest.fixture
def store(url: str, clock: SetClock) -> Iterator[RedisStore]:
    with closing(RedisStore(url, clock=clock)) as store:
        store.register("m", "d", b"{}", SLOW)
        yield store


@pytest.fixture
def other(url: str, clock: SetClock, store: RedisStore) -> Iterator[RedisStore]:
    with closing(RedisStore(url, clock=clock)) as other:
        yield other


def when_it_has(store: object, step: str, then: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Call `then` once, just after the next call of a method."""
    original = getattr(store, step)

    def make(*values: Any) -> Any:
        monkeypatch.undo()
        result = original(*values)
        then()
        return result

    monkeypatch.setattr(store, step, make)


def test_a_watermark_that_another_process_moved_further_does_not_go_back(
    store: RedisStore, other: RedisStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, pane(1), pane(2, at=1000))
    freeze_at(store, clock, 0)
    clock.now += 1000

    def overtake() -> None:
        clock.now += 1000
        other.freeze("m")

    when_it_has(store._freezing, "_read_inputs", overtake, monkeypatch)
    assert store.freeze("m") == START + 2000
    assert fate(*store.commit([pane(3, at=1000, sequence=1)])).late == 1
    assert fate(*store.commit([batch(5, at=1000)])).late == 5
    freeze_at(store, clock, 3000)
    assert store.unfolded("m", "d") == [closed(1), closed(2, 1000)]


@pytest.mark.parametrize("step", ["_read_inputs", "_frozen_panes"])
def test_sums_that_another_process_has_put_in_their_place_already_are_thrown_away(
    store: RedisStore, other: RedisStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    put(store, pane(1), pane(2, source="t"), batch(4))
    freeze_at(store, clock, 0)
    clock.now += 1000
    when_it_has(store._freezing, step, lambda: other.freeze("m"), monkeypatch)
    assert store.freeze("m") == START + 1000
    assert store.unfolded("m", "d") == [closed(7)]
    assert fate(*store.commit([pane(5, sequence=1)])).late == 4


def test_what_comes_between_the_look_and_the_freeze_is_in_the_slice(
    store: RedisStore, other: RedisStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, pane(1))
    freeze_at(store, clock, 0)
    clock.now += 1000
    when_it_has(store._freezing, "_read_inputs", lambda: put(other, pane(3, sequence=1), batch(2)), monkeypatch)
    store.freeze("m")
    assert store.unfolded("m", "d") == [closed(5)]


def test_what_comes_between_the_freeze_and_the_close_is_late(
    store: RedisStore, other: RedisStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, pane(1))
    put(other, batch(4))
    freeze_at(store, clock, 0)
    clock.now += 1000
    late: list[int] = []

    def come() -> None:
        late.extend(receipt.late for receipt in put(other, pane(3, sequence=1), batch(2)))

    when_it_has(store._freezing, "_frozen_panes", come, monkeypatch)
    store.freeze("m")
    assert late == [2, 2]
    assert store.unfolded("m", "d") == [closed(5)]
    assert {source.source: (source.added, source.late) for source in store.sources("m")} == {
        "server": (6, 2),
        "s": (3, 2),
    }


def test_sums_of_a_model_that_was_replaced_meanwhile_are_thrown_away(
    store: RedisStore, other: RedisStore, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, pane(1))
    clock.now += 3000

    def replace() -> None:
        other.delete("m")
        other.register("m", "d", b"{}", SLOW)

    when_it_has(store._session.connection, "pipeline", replace, monkeypatch)
    assert store.freeze("m") == store.model("m").frozen == 0
    assert store.unfolded("m", "d") == []

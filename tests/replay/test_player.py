"""What is sent when, to a server that only listens, by a clock that moves only where the player waits."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftmeter.client.backoff import MOST_ASKED
from driftmeter.errors import DriftmeterError, InputError
from driftmeter.profile.profile import Profile
from driftmeter.replay import Player, ReplaySpeed, ReplayTotals, RowsClient, load_trace
from driftmeter.replay.player import MOST_BEHIND
from driftmeter.timestamps import parse_time
from tests.replay.listener import AHEAD, ClockedStop, Listener
from tests.replay.samples import write
from tests.support import orders
from tests.support.clocks import SetClock
from tests.support.ports import free_port

Play = Callable[..., ReplayTotals]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_700_000_000_000)


@pytest.fixture
def listener(profile: Profile, clock: SetClock) -> Iterator[Listener]:
    listener = Listener(profile, clock)
    yield listener
    listener.stop()


@pytest.fixture
def play(listener: Listener, profile: Profile, clock: SetClock, tmp_path: Path) -> Iterator[Play]:
    """Replay rows; what the player and its client wait for comes at once, as the clock moves with it."""
    clients: list[RowsClient] = []

    def seconds() -> float:
        return clock.now / 1000

    def play(
        rows: list[dict[str, Any]], *, patience: float = 5.0, stop: threading.Event | None = None, **speed: Any
    ) -> ReplayTotals:
        stop = stop or ClockedStop(clock)
        client = RowsClient(listener.url, "shop", patience=patience, stop=stop, clock=seconds)
        clients.append(client)
        served = client.model()
        served = type(served)(served.profile, AHEAD, served.pane)  # the real clock is no part of this
        trace = load_trace(write(tmp_path / "orders.parquet", rows), profile)
        return Player(trace, client, served, ReplaySpeed(**speed), clock=seconds, wall_clock=clock).run()

    yield play
    for client in clients:
        client.close()


def test_the_first_row_is_now_by_the_servers_clock(listener: Listener, play: Play, clock: SetClock) -> None:
    totals = play(orders.orders(25, seed=1), batch=10)
    assert (totals.sent, totals.accepted, totals.rows) == (25, 25, 25)
    assert [len(batch.rows) for batch in listener.batches] == [10, 10, 5]
    assert listener.times() == [clock.now + AHEAD] * 25
    assert all(batch.query == {} for batch in listener.batches)


def test_a_chosen_speed_holds_in_timestamps_and_in_the_sending(listener: Listener, play: Play) -> None:
    play(orders.orders(61, seed=1), speed=60)
    start = listener.times()[0]
    assert listener.times() == [start + row * 1000 // 60 for row in range(61)]
    sent = [batch.at for batch in listener.batches]
    assert 1_000 <= sent[-1] - sent[0] <= 1_100
    assert len(sent) >= 4
    assert all(later - earlier >= 100 for earlier, later in pairwise(sent[:-1]))


def test_a_file_without_time_is_sent_in_its_order_at_a_rate(listener: Listener, play: Play) -> None:
    rows = [{name: value for name, value in row.items() if name != "bestellt"} for row in orders.orders(100, seed=1)]
    play(rows, rate=200)
    start = listener.times()[0]
    assert listener.times() == [start + row * 5 for row in range(100)]
    sent = [value for batch in listener.batches for value in batch.rows["anzahl"].to_pylist()]
    assert sent == [row["anzahl"] for row in rows]


def test_rows_that_cannot_go_in_time_are_stamped_when_they_go(listener: Listener, play: Play) -> None:
    listener.answers = [(503, {"Retry-After": "4"})]
    play(orders.orders(40, seed=1), speed=1000, batch=20)
    first, again, *_, last = listener.batches
    assert (first.key, first.rows) == (again.key, again.rows)  # also its timestamps
    assert last.at - first.at >= 4_000
    times = listener.times()
    assert times[-1] == last.at + AHEAD - MOST_BEHIND > times[0]


def test_with_its_time_kept_a_file_is_a_log_with_a_watermark(listener: Listener, play: Play) -> None:
    rows = orders.orders(25, seed=1)
    play(rows, keep_time=True, batch=10)
    start = parse_time(rows[0]["bestellt"])
    assert listener.times() == [start + 1000 * row for row in range(25)]
    watermarks = [parse_time(batch.query["watermark"]) - start for batch in listener.batches]
    # each batch vouches for the next one's first row, the last one for its own; then its pane is closed
    assert watermarks == [10_000, 20_000, 24_000, 30_000]
    assert len(listener.batches[-1].rows) == 0
    assert len({batch.query["source"] for batch in listener.batches}) == 1


def test_a_batch_is_repeated_under_its_key_until_it_is_answered(listener: Listener, play: Play) -> None:
    listener.answers = [(503, {"Retry-After": "2"}), (502, {}), (429, {})]
    totals = play(orders.orders(20, seed=1), batch=10)
    keys = [batch.key for batch in listener.batches]
    assert keys[0] == keys[1] == keys[2] == keys[3] != keys[4]
    assert listener.batches[1].at - listener.batches[0].at >= 2_000
    assert totals.accepted == 20


def test_what_the_server_refuses_is_not_repeated(listener: Listener, play: Play) -> None:
    listener.answers = [(413, {})]
    with pytest.raises(DriftmeterError, match="status 413: as the test wants it"):
        play(orders.orders(20, seed=1))
    assert len(listener.batches) == 1


def test_a_server_that_stays_away_is_given_up(listener: Listener, play: Play) -> None:
    listener.answers = [(500, {})] * 50
    with pytest.raises(DriftmeterError, match="given up after 0 rows, the server is away: status 500"):
        play(orders.orders(20, seed=1), patience=20.0)
    assert 10_000 <= listener.batches[-1].at - listener.batches[0].at <= 20_000


def test_a_server_that_is_gone_is_said_in_plain_words(listener: Listener, profile: Profile, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(DriftmeterError, match=f"^cannot reach {url}: connection refused$"):
        RowsClient(url, "shop").model()
    client = RowsClient(listener.url, "shop")
    served = client.model()
    client.close()
    trace = load_trace(write(tmp_path / "orders.csv", orders.orders(3, seed=1)), profile)
    player = Player(trace, RowsClient(url, "shop", patience=0.0), served, ReplaySpeed())
    with pytest.raises(DriftmeterError, match=r"^given up after 0 rows, the server is away: connection refused$"):
        player.run()


@pytest.mark.parametrize("answers", [[], [(503, {"Retry-After": str(MOST_ASKED)})]])
def test_a_stop_ends_the_waiting_for_rows_and_for_the_server(
    listener: Listener, play: Play, clock: SetClock, answers: list[tuple[int, dict[str, str]]]
) -> None:
    listener.answers = answers
    begun = clock.now
    totals = play(orders.orders(500, seed=1), stop=ClockedStop(clock, 3.0), speed=1, patience=90.0)
    assert totals.sent == (0 if answers else 3)
    assert clock.now - begun <= (1.25 * MOST_ASKED * 1000 if answers else 4_000)


def test_another_thread_may_stop_a_player(play: Play) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.02, stop.set)
    timer.start()
    assert play(orders.orders(500, seed=1), stop=stop, speed=1).sent < 500
    timer.join()


@pytest.mark.parametrize("speed", [{"speed": 0.0}, {"rate": -1.0}, {"batch": 0}, {"speed": math.nan}])
def test_a_speed_is_above_0(speed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="a number above 0"):
        ReplaySpeed(**speed)


def test_a_time_that_is_not_there_cannot_be_kept(play: Play) -> None:
    with pytest.raises(InputError, match="expected a column that holds the time"):
        play([{"größe": 1.0}] * 10, keep_time=True)


def test_due_times_ascend(profile: Profile, tmp_path: Path) -> None:
    trace = load_trace(write(tmp_path / "o.parquet", orders.orders(10, seed=1)), profile)
    assert ReplaySpeed(speed=2).due(trace).tolist() == [row / 2 for row in range(10)]
    assert not np.any(ReplaySpeed().due(trace))

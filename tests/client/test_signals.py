"""Signals: a handler runs in the thread that it interrupts, which may have any of the SDK's locks."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from driftmeter.client import Monitor
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW
from tests.client.tier import Tier

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that send signals"),
    pytest.mark.timeout(30),
]
Make = Callable[..., Monitor]
OnSignal = Callable[[Callable[[], object]], None]
LOCKS: dict[str, Callable[[Monitor], AbstractContextManager[object]]] = {
    "of the pipeline": lambda monitor: monitor._worker.pipeline.locked_ledger(),
    "of the start": lambda monitor: monitor._worker._starting,
    "of requests": lambda monitor: monitor._worker._changed,
}


@pytest.fixture
def on_signal() -> Iterator[OnSignal]:
    """Have something called by SIGVTALRM."""
    before = signal.getsignal(signal.SIGVTALRM)

    def handle_by(call: Callable[[], object]) -> None:
        signal.signal(signal.SIGVTALRM, lambda number, frame: call())

    yield handle_by
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_handler_that_interrupts_the_thread_with_a_lock_never_waits_for_it(
    lock: str, tier: Tier, profile: Profile, monitor_of: Make, on_signal: OnSignal
) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    answers = list[object]()

    def handle() -> None:
        monitor.observe(ROW)
        answers.extend([monitor.stats()["observed"], monitor.unreadable(), monitor.flush(0.2)])

    on_signal(handle)
    with LOCKS[lock](monitor):
        begun = time.monotonic()
        signal.raise_signal(signal.SIGVTALRM)
        assert time.monotonic() - begun < 5
    assert answers[:2] == [2, {}]
    assert monitor.close()
    assert tier.summary(profile).rows == 2


@pytest.mark.parametrize("lock", LOCKS)
def test_a_handler_may_close(lock: str, profile: Profile, monitor_of: Make, on_signal: OnSignal) -> None:
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    on_signal(lambda: monitor.close(0.2))
    with LOCKS[lock](monitor):
        begun = time.monotonic()
        signal.raise_signal(signal.SIGVTALRM)
        assert time.monotonic() - begun < 5
    monitor.close(0.2)
    assert monitor.stats()["observed"] == 1


def test_signals_at_any_moment_neither_hang_nor_count_a_row_twice(
    tier: Tier, profile: Profile, monitor_of: Make, on_signal: OnSignal
) -> None:
    monitor = monitor_of(profile, interval=0.01)
    handled = rows = 0

    def handle() -> None:
        nonlocal handled
        handled += 1
        monitor.observe(ROW, timestamp=time.time() - handled % 100)
        monitor.stats(), monitor.unreadable(), monitor.flush(0.001)

    on_signal(handle)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.0007)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        monitor.observe(ROW, timestamp=time.time() - rows % 100)
        rows += 1
        monitor.flush(0.001)
        monitor.stats()
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    assert handled > 10
    assert monitor.close()
    stats = monitor.stats()
    assert stats["observed"] == stats["counted"] + stats["dropped"] == rows + handled
    assert tier.summary(profile).rows == stats["counted"]

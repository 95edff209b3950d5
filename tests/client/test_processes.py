"""Forks, and the ends of processes: each in a real one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest

from driftmeter.client import processes
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW
from tests.client.tier import Tier
from tests.support.clocks import SetClock

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def profile_path(profile: Profile, tmp_path: Path) -> Path:
    profile.dump(tmp_path / "profile.json")
    return tmp_path / "profile.json"


def run(script: str, url: str, profile: Path, timeout: float = 60.0) -> str:
    """Run a script that finds `monitor`, `ROW` and the usual modules; return its output."""
    head = f"""
        import os, sys, time, threading
        from driftmeter.client import Monitor
        ROW = {ROW!r}
        monitor = Monitor({url!r}, profile={str(profile)!r}, interval=60.0, source="test")
    """
    code = textwrap.dedent(head) + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_child_counts_from_zero_and_the_parents_rows_stay_the_parents(
    tier: Tier, profile: Profile, profile_path: Path
) -> None:
    output = run(
        """
        monitor.observe_many([ROW] * 10)
        monitor.flush()
        monitor.observe_many([ROW] * 5)
        child = os.fork()
        if not child:
            assert {name for name, count in monitor.stats().items() if count} <= {"compiled_counter"}
            assert threading.active_count() == 1
            monitor.observe_many([ROW] * 3)
            print(monitor.source, monitor.flush(), flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(monitor.source, monitor.flush(), flush=True)
        """,
        tier.url,
        profile_path,
    )
    (child, child_sent), (parent, parent_sent) = (line.split() for line in output.splitlines())
    assert (child_sent, parent_sent) == ("True", "True")
    assert child != parent
    assert tier.summary(profile, child).rows == 3
    assert tier.summary(profile, parent).rows == 15


def test_a_child_that_ends_says_no_goodbye_for_its_parent(tier: Tier, profile: Profile, profile_path: Path) -> None:
    output = run(
        """
        monitor.observe(ROW)
        assert monitor.flush()
        child = os.fork()
        if not child:
            sys.exit()
        assert os.waitpid(child, 0)[1] == 0
        monitor.observe(ROW)
        assert monitor.flush()
        print(monitor.source)
        """,
        tier.url,
        profile_path,
    )
    assert {pane.source for pane in tier.received} == {output.strip()}
    assert [pane.final for pane in tier.received] == [False, False, True]


def test_a_monitor_made_before_the_fork_starts_no_thread_before_it_either(
    tier: Tier, profile: Profile, profile_path: Path
) -> None:
    run(
        """
        assert threading.active_count() == 1
        for _ in range(4):
            if not os.fork():
                monitor.observe(ROW)
                assert monitor.close()
                os._exit(0)
        for _ in range(4):
            assert os.wait()[1] == 0
        """,
        tier.url,
        profile_path,
    )
    assert tier.summary(profile).rows == 4
    assert len({pane.source for pane in tier.panes.values()}) == 4


def test_a_fork_in_the_midst_of_threads_that_observe_blocks_nobody(
    tier: Tier, profile: Profile, profile_path: Path
) -> None:
    run(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what this is about
        def work():
            while True:
                monitor.observe(ROW)
                monitor.stats()
                time.sleep(0.0001)
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        for _ in range(20):
            child = os.fork()
            if not child:
                monitor.observe(ROW)
                monitor.stats()
                os._exit(0 if monitor.close(10) else 1)
            assert os.waitpid(child, 0)[1] == 0
        os._exit(0)
        """,
        tier.url,
        profile_path,
    )
    assert len({pane.source for pane in tier.panes.values()}) == 21


def test_the_background_thread_imports_only_while_forks_wait(tier: Tier, profile_path: Path) -> None:
    # a fork during an import leaves the child with a lock that nobody gives back
    run(
        """
        import numpy as np
        from driftmeter.client.no_fork import NO_FORK
        imports = []
        class Finder:
            def find_spec(self, name, path, target=None):
                if threading.current_thread().name == "driftmeter":
                    imports.append((name, NO_FORK._is_owned()))
        sys.meta_path.insert(0, Finder())
        monitor.observe(ROW)
        monitor.observe({"age": "old"})
        monitor.observe([1, 2])
        monitor.observe(ROW, prediction=[[0.5]])
        monitor.observe(ROW, prediction=np.array([0.5]), timestamp=np.datetime64("2023-01-01T00:00", "ns"))
        monitor.observe(ROW, prediction=0.5, timestamp="2023-01-01")
        assert monitor.flush()
        assert imports and all(waits for _, waits in imports), imports
        """,
        tier.url.replace("127.0.0.1", "localhost"),
        profile_path,
    )


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_of_multiprocessing_sends_its_last_rows(
    tier: Tier, profile: Profile, profile_path: Path, tmp_path: Path, method: str
) -> None:
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(f"""
        import multiprocessing
        from driftmeter.client import Monitor

        def work(url, profile):
            monitor = Monitor(url, profile=profile, interval=60.0)
            monitor.observe_many([{ROW!r}] * 7)

        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            process = context.Process(target=work, args=({tier.url!r}, {str(profile_path)!r}))
            process.start()
            process.join()
            assert process.exitcode == 0
        """)
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert tier.summary(profile).rows == 7
    assert tier.received[-1].final


def test_the_end_of_the_interpreter_sends_the_last_rows(tier: Tier, profile: Profile, profile_path: Path) -> None:
    run("monitor.observe_many([ROW] * 7)", tier.url, profile_path)
    assert tier.summary(profile).rows == 7
    assert tier.received[-1].final


def test_the_end_of_the_interpreter_does_not_wait_for_a_server_that_hangs(silence: str, profile_path: Path) -> None:
    # all of them wait an hour for an answer, but none of them at the end
    output = run(
        f"""
        monitors = [Monitor(monitor.url, profile={str(profile_path)!r}, timeout=3600.0) for _ in range(4)]
        for one in monitors:
            one.observe(ROW)
        while not all(one.stats()["requests"] for one in monitors):
            time.sleep(0.01)
        print("the end")
        """,
        silence,
        profile_path,
    )
    assert output == "the end\n"


class FakeMonitor:
    """Takes half a second of a clock to close, and notes how long it may take."""

    def __init__(self, calls: list[tuple[str, float]], clock: SetClock) -> None:
        self._calls, self._clock = calls, clock

    def _begin_anew(self) -> None:
        self._calls.append(("anew", 0.0))

    def _begin_close(self, timeout: float) -> None:
        self._calls.append(("begin", timeout))

    def close(self, timeout: float) -> bool:
        self._calls.append(("close", timeout))
        self._clock.now += 500
        return True


def test_all_monitors_together_get_two_seconds_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, float]] = []
    clock = SetClock(10_000)
    monitors = [FakeMonitor(calls, clock) for _ in range(6)]
    monkeypatch.setattr(processes, "_open", weakref.WeakSet(monitors))
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=lambda: clock.now / 1000))
    processes._close_all()
    # they close at the same time: the first to be waited for gives its time to the others
    assert (
        calls
        == [("begin", 2.0)] * 6
        + [("close", 2.0), ("close", 1.5), ("close", 1.0), ("close", 0.5)]
        + [("close", 0.0)] * 2
    )

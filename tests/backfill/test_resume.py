"""A backfill that is killed at any moment ends with the same store when it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from driftmeter.backfill.counting import Advance
from driftmeter.backfill.job import Backfill
from driftmeter.backfill.work import WorkFile
from driftmeter.errors import InputError, StoreError
from driftmeter.panes.timing import Timing
from driftmeter.store.records import Fold, Progress
from driftmeter.store.sqlite.store import SQLiteStore
from tests.backfill.harness import Content, backfill, content, frame, profile
from tests.support.scripts import ROOT

ROWS = 140_000
TIMING = Timing(60_000)

# dies at a write to the store or to the work file, as if the machine had been switched off
KILLED = """
import os, signal, sys
from driftmeter.backfill import work
from driftmeter.store.sqlite import store
from driftmeter.cli.app import app

calls, fatal, when = 0, int(sys.argv[1]), sys.argv[2]

def deadly(method):
    def wrapped(*arguments, **named):
        global calls
        calls += 1
        if calls == fatal and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(*arguments, **named)
        if calls == fatal and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapped

work.WorkFile.write = deadly(work.WorkFile.write)
for name in ("fold", "commit", "freeze"):
    setattr(store.SQLiteStore, name, deadly(getattr(store.SQLiteStore, name)))
app(["backfill", *sys.argv[3:]], standalone_mode=False)
print("calls", calls)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("resume")
    profile().dump(made / "profile.json")
    rows = frame(ROWS, seed=2, step=1_000)
    (made / "lake").mkdir()
    for number in range(3):
        rows[number * 50_000 : (number + 1) * 50_000].write_parquet(made / "lake" / f"{number}.parquet")
    return made


def run(folder: Path, store: Path, fatal: int, when: str = "before") -> subprocess.CompletedProcess[str]:
    arguments = [folder / "profile.json", folder / "lake", "--time", "at", "--store", f"sqlite:///{store}"]
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(fatal), when, *map(str, arguments), "--pane", "10m"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


@pytest.fixture(scope="module")
def whole(folder: Path) -> tuple[Content, int]:
    """Return what a run that nobody stops leaves, and how many writes it makes."""
    done = run(folder, folder / "whole.sqlite", 0)
    assert done.returncode == 0, done.stderr
    calls = int(done.stdout.rpartition("calls ")[2])
    assert calls > 100
    return content(folder / "whole.sqlite"), calls


@pytest.mark.timeout(600)
def test_killed_at_any_write_and_started_again_it_ends_with_the_same_store(
    folder: Path, whole: tuple[Content, int]
) -> None:
    expected, calls = whole
    # as it begins, while rows are counted, as the fold begins and goes on, and at each of the last writes
    points = [2, 3, 4, 5, calls // 2, calls - 2, calls - 1, calls]
    for number, fatal in enumerate(points):
        store = folder / f"store-{fatal}.sqlite"
        killed = run(folder, store, fatal, "before" if number % 2 else "after")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        again = run(folder, store, 0)
        assert again.returncode == 0, again.stderr
        assert content(store) == expected, fatal
        assert not list(folder.glob(f"{store.name}-backfill*"))


@pytest.mark.timeout(600)
def test_killed_again_and_again_it_comes_to_the_same_end(folder: Path, whole: tuple[Content, int]) -> None:
    store = folder / "often.sqlite"
    for fatal in (4, 3, 30, 60):
        assert run(folder, store, fatal).returncode == -signal.SIGKILL
    assert run(folder, store, 0).returncode == 0
    assert content(store) == whole[0]


def test_another_job_does_not_go_on_with_a_work_file(tmp_path: Path) -> None:
    rows = frame(2_000, seed=2, step=1_000)
    rows.write_parquet(tmp_path / "rows.parquet")

    class StoppedError(Exception):
        pass

    def stop(advance: Advance) -> None:
        raise StoppedError

    store = tmp_path / "store.sqlite"
    with pytest.raises(StoppedError):
        backfill(store, profile(), tmp_path / "rows.parquet", TIMING, meanwhile=lambda job: job.count(stop))
    rows[:1_000].write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="one with another source"):
        backfill(store, profile(), tmp_path / "rows.parquet", TIMING)
    with pytest.raises(InputError, match="one with another source, timing"):
        backfill(store, profile(), tmp_path / "rows.parquet", Timing(30_000))


def test_a_fold_by_somebody_else_is_an_error(tmp_path: Path) -> None:
    frame(2_000, seed=2, step=1_000).write_parquet(tmp_path / "rows.parquet")
    store, reference = tmp_path / "store.sqlite", profile()
    other = SQLiteStore(store)

    def fold_too(advance: Advance) -> None:
        later = advance.folded + 1
        assert other.fold("shop", reference.digest, advance.folded, Fold(Progress(later), b"{}", later))

    def fold(job: Backfill) -> None:
        job.count()
        job.fold(fold_too)

    with pytest.raises(StoreError, match="another process folds model shop"):
        backfill(store, reference, tmp_path / "rows.parquet", TIMING, meanwhile=fold)
    other.close()


def test_a_second_process_on_the_same_work_file_is_refused(tmp_path: Path) -> None:
    frame(2_000, seed=2, step=1_000).write_parquet(tmp_path / "rows.parquet")

    def second(job: object) -> None:
        with pytest.raises(InputError, match="another backfill that runs"):
            backfill(tmp_path / "store.sqlite", profile(), tmp_path / "rows.parquet", TIMING)

    backfill(tmp_path / "store.sqlite", profile(), tmp_path / "rows.parquet", TIMING, meanwhile=second)


def test_a_work_file_that_cannot_be_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file for the work of one backfill"):
        WorkFile(tmp_path / "nowhere" / "work")
    (tmp_path / "text").write_text("no database, but long enough to be taken for one" * 100)
    with pytest.raises(InputError, match=r"expected a file for the work of a backfill .*, got something else"):
        WorkFile(tmp_path / "text")

"""One of many processes on one Redis: `python -m tests.store.redis.racer URL NAME writer|closer SECONDS`.

A writer sends keyed batches and panes with rising sequences, many of them more than once and some of them late, and
prints how many rows it sent. A closer freezes and folds all the time. Both begin when told to.
"""

from __future__ import annotations

import random
import sys
import time
from collections import defaultdict

from driftmeter.panes.pane import Pane
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.records import AddRows, Fold, Progress, PutPane, Receipt, Write
from driftmeter.store.redis.store import RedisStore
from driftmeter.types import Milliseconds
from tests.store.samples import rows

TIMING = Timing(pane=100, lateness=100)


def write(store: RedisStore, name: str, seconds: float) -> str:
    """Send rows for a while; return how many were in panes and in batches, and how many of them were late."""
    choice = random.Random(name)
    held: dict[Milliseconds, int] = defaultdict(int)
    sent: list[Write] = []
    sequence = in_panes = in_batches = late = repeated = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # the panes that close just now
        start = TIMING.pane_start(store.now() - choice.randrange(130, 230))
        writes: list[Write] = []
        for _ in range(choice.randrange(1, 4)):
            sequence += 1
            number = choice.randrange(1, 5)
            if choice.random() < 0.5:
                held[start] += number
                in_panes += number
                totals = SourceTotals(in_panes, in_panes)
                writes.append(PutPane("m", Pane("d", start, 100, name, sequence, rows(held[start]), totals)))
            else:
                in_batches += number
                key = f"{name} {sequence}"
                parts = ((start, rows(number)),)
                writes.append(AddRows("m", "d", "server", parts, SourceTotals(number, number), key, key.encode()))
        if sent and choice.random() < 0.3:
            repeated += 1
            writes.append(choice.choice(sent))
        answers = store.commit(writes)
        for answer in answers:
            assert isinstance(answer, Receipt), answer
            late += answer.added_late
        sent = [*sent[-20:], *writes]
    assert repeated
    return f"{in_panes} {in_batches} {late}"


def close(store: RedisStore, seconds: float) -> str:
    """Freeze and fold for a while, counting the rows; return how often it folded."""
    folds = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        store.freeze("m")
        folds += fold(store)
    return str(folds)


def fold(store: RedisStore) -> int:
    """Fold what is frozen into the sum of rows so far; return how many folds were recorded."""
    folds = 0
    progress = store.progress("m", "d")
    for slice_ in store.unfolded("m", "d"):
        if slice_.end <= progress.folded:
            continue
        state = b"%d" % (int(progress.state or b"0") + slice_.summary.rows)
        step = Fold(Progress(slice_.end, state), b"verdict", slice_.end)
        if not store.fold("m", "d", progress.folded, step):
            break
        progress = step.progress
        folds += 1
    return folds


def main(url: str, name: str, role: str, seconds: float) -> None:
    store = RedisStore(url)
    store.register("m", "d", b"{}", TIMING)
    print("ready", flush=True)
    sys.stdin.readline()
    print(write(store, name, seconds) if role == "writer" else close(store, seconds), flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))

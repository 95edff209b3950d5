"""Small summaries, panes and batches to put into stores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Pane, Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.protocol import Store
from driftmeter.store.records import AddRows, Fold, Progress, PutPane, Receipt
from driftmeter.types import Milliseconds

BINS = 3
START: Milliseconds = 1_700_000_000_000 // 3_600_000 * 3_600_000
"""A full hour, so that panes and merged slices start with it."""
TIMING = Timing(pane=1000, lateness=2000)


class SetClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> Milliseconds:
        return self.time


def rows(number: int, bin_: int = 0) -> Summary:
    """Return a summary of so many rows, all in one bin."""
    counts = np.zeros(BINS, np.int64)
    counts[bin_] = number
    return Summary(number, counts)


def pane(
    number: int,
    *,
    at: Milliseconds = 0,
    source: str = "s",
    sequence: int = 0,
    digest: str = "d",
    model: str = "m",
    watermark: Milliseconds | None = None,
    totals: SourceTotals | None = None,
    length: Milliseconds = 1000,
) -> PutPane:
    """Return a pane of so many rows that starts `at` ms after START."""
    found = totals or SourceTotals()
    return PutPane(model, Pane(digest, START + at, length, source, sequence, rows(number), found, watermark))


def batch(
    number: int,
    *,
    at: Milliseconds = 0,
    key: str | None = None,
    source: str = "server",
    digest: str = "d",
    model: str = "m",
    fingerprint: bytes | None = None,
    watermark: Milliseconds | None = None,
) -> AddRows:
    """Return a batch of so many rows, in the pane that starts `at` ms after START."""
    print_ = fingerprint if fingerprint is not None else f"{number} at {at}".encode()
    parts = ((START + at, rows(number)),)
    return AddRows(model, digest, source, parts, SourceTotals(number, number), key, print_, watermark)


def closed(number: int, at: Milliseconds = 0, length: Milliseconds = 1000) -> Slice:
    """Return a slice of so many rows that starts `at` ms after START."""
    return Slice(START + at, length, rows(number))


def put(store: Store, *writes: PutPane | AddRows) -> list[Receipt]:
    """Commit the writes one after the other, each of which must succeed; say what became of each, not how many
    rows it added."""
    receipts = []
    for write in writes:
        (answer,) = store.commit([write])
        assert isinstance(answer, Receipt), answer
        receipts.append(fate(answer))
    return receipts


def fate(receipt: object) -> Receipt:
    assert isinstance(receipt, Receipt), receipt
    return replace(receipt, added=0, added_late=0, dropped={})


def freeze_at(store: Store, clock: SetClock, end: Milliseconds) -> Milliseconds:
    """Let time pass in small steps until live sources' panes that end by START + end are closed."""
    while clock.time < START + end + TIMING.lateness:
        clock.time = min(clock.time + TIMING.lateness, START + end + TIMING.lateness)
        store.freeze("m")
    return store.freeze("m") - START


def fold_all(store: Store, digest: str = "d") -> list[Slice]:
    """Fold whatever is frozen; the verdict of each step says when it was."""
    folded = store.unfolded("m", digest)
    for each in folded:
        before = store.progress("m", digest).folded
        step = Fold(Progress(each.end, b"state %d" % each.end), b"verdict %d" % each.end, each.end)
        assert store.fold("m", digest, before, step)
    return folded

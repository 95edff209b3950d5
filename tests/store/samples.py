"""Small summaries, panes and batches to put into stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Pane, Slice
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.panes.windows import WindowSetting
from driftmeter.store.protocol import Store
from driftmeter.store.records import AddRows, Fold, Progress, PutPane, Receipt
from driftmeter.types import Milliseconds
from tests.support.clocks import SetClock

Opener = Callable[[], Store]
"""Opens one more store object on the same content."""
BINS = 3
START: Milliseconds = 1_700_000_000_000 // 3_600_000 * 3_600_000
"""A full hour, so that panes and merged slices start with it."""
TIMING = Timing(pane=1000, lateness=2000)
EVERYTHING = WindowSetting(0, 10**15)
"""A window that all slices are in."""


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
    source_totals = totals or SourceTotals()
    return PutPane(model, Pane(digest, START + at, length, source, sequence, rows(number), source_totals, watermark))


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
    """Commit writes one after the other, all of which must succeed; return their receipts as `fate` does."""
    receipts = []
    for write in writes:
        (answer,) = store.commit([write])
        assert isinstance(answer, Receipt), answer
        receipts.append(fate(answer))
    return receipts


def fate(receipt: object) -> Receipt:
    assert isinstance(receipt, Receipt), receipt
    return replace(receipt, added=0, added_late=0, dropped={}, used=b"")


def freeze_at(store: Store, clock: SetClock, end: Milliseconds) -> Milliseconds:
    """Let time pass in small steps until the panes of live sources that end by START + end are closed."""
    while clock.now < START + end + TIMING.lateness:
        clock.now = min(clock.now + TIMING.lateness, START + end + TIMING.lateness)
        store.freeze("m")
    return store.freeze("m") - START


def frozen_slices(store: Store, clock: SetClock, end: Milliseconds = 1000) -> list[Slice]:
    """Freeze the panes that end by START + end, and return the slices that are not folded yet."""
    freeze_at(store, clock, end)
    return store.unfolded("m", "d")


def assert_empty(store: Store) -> None:
    """Check that nothing was ever written to model `m`."""
    assert store.progress("m", "d") == Progress()
    assert store.verdict("m", "d") is None
    assert store.unfolded("m", "d") == store.recent("m", "d", START, EVERYTHING) == []
    assert store.history("m", "d", 0, 2 * START) == []
    assert store.sources("m") == []
    assert store.acknowledged("m") == {}


def fold_all(store: Store, digest: str = "d") -> list[Slice]:
    """Fold all slices, with the end of each slice as its verdict."""
    folded = store.unfolded("m", digest)
    for slice_ in folded:
        before = store.progress("m", digest).folded
        step = Fold(Progress(slice_.end, b"state %d" % slice_.end), b"verdict %d" % slice_.end, slice_.end)
        assert store.fold("m", digest, before, step)
    return folded

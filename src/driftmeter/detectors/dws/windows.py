"""Dyadic windows: the blocks of panes that they are added up from, what was found in each, and their bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.run import Run
from driftmeter.detectors.state_bytes import pack, unpack
from driftmeter.panes.codec import decode_counts, encode_counts
from driftmeter.types import JSON, Codes, Counts, Floats, Milliseconds

_MAGIC = b"DWS2"


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive panes added up: counts, rows, when they `start`, `length` in ms that held rows, `elapsed` in ms of
    event time that they stand for, a stretch without rows being a day at most.

    `hours` are the rows by hour of the day in which their pane began, (24,), or none where that does not matter.
    """

    counts: Counts
    rows: int
    start: Milliseconds
    length: Milliseconds
    elapsed: Milliseconds
    hours: Counts

    def __add__(self, other: Block) -> Block:
        """Add the panes that follow."""
        return Block(
            self.counts + other.counts,
            self.rows + other.rows,
            self.start,
            self.length + other.length,
            self.elapsed + other.elapsed,
            self.hours + other.hours,
        )


@dataclass(frozen=True, eq=False)
class Findings:
    """What the latest window of each level said, each (levels, features).

    `cause` is a number of what was found, -1 where there is none; `value` and `reference` are as in `Cause`. `lengths`
    are the event time that the windows stand for, `spans` how long they were from start to end.
    """

    evidence: Floats
    cause: npt.NDArray[np.int64]
    value: Floats
    reference: Floats
    low: Floats
    smallest: Floats
    inside: Floats
    rows: Floats
    lengths: Floats
    spans: Floats

    @classmethod
    def nothing(cls, levels: int, features: int) -> Findings:
        """Return what is found before any window."""
        shape = (levels, features)
        return cls(
            np.full(shape, -np.inf), np.full(shape, -1, np.int64), np.zeros(shape), np.zeros(shape), np.zeros(shape),
            np.full(shape, np.inf), np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape),
        )  # fmt: skip

    def without(self, features: Mask) -> Findings:
        """Return this as if nothing had been found of some features."""
        levels, number = self.evidence.shape
        empty = Findings.nothing(levels, number)
        return self._map(lambda mine, its: np.where(features, its, mine), empty)

    def resized(self, levels: int) -> Findings:
        """Return a copy with so many levels, which may be written to."""
        more = Findings.nothing(max(0, levels - len(self.evidence)), self.evidence.shape[1])
        return self._map(lambda mine, its: np.concatenate([mine[:levels], its]), more)

    def _map(self, change, other: Findings) -> Findings:  # type: ignore[no-untyped-def]  # over arrays of two types
        return Findings(
            **{name: change(getattr(self, name), getattr(other, name)) for name in Findings.__annotations__}
        )


@dataclass(frozen=True, eq=False)
class DwsState:
    """A position in the stream: the panes so far, the run that is not yet a pane, a block per level, what was found.

    `held` is how much time of the panes held rows, `passed` how much of event time they stand for.
    `since` (features,) is the number of the pane from which on a feature's windows count.
    """

    panes: int
    held: Milliseconds
    passed: Milliseconds
    last: Milliseconds
    run: Run | None
    blocks: tuple[Block | None, ...]
    since: npt.NDArray[np.int64]
    found: Findings


class Best:
    """The strongest finding of each feature in one window, while its tests are made."""

    def __init__(self, features: int, window: Block, end: Milliseconds) -> None:
        """Begin with nothing found, in a window that ends at `end`."""
        self._rows, self._length, self._span = window.rows, window.elapsed, end - window.start
        self.evidence: Floats = np.full(features, -np.inf)
        self.cause: npt.NDArray[np.int64] = np.full(features, -1, np.int64)
        self.value: Floats = np.zeros(features)
        self.reference: Floats = np.zeros(features)
        self.low: Floats = np.zeros(features)
        self.smallest: Floats = np.full(features, np.inf)
        self.inside: Floats = np.zeros(features)

    def write(self, found: Findings, level: int, chosen: Mask) -> None:
        """Write it into one level of `found`, for the features whose windows count."""
        for name in ("evidence", "cause", "value", "reference", "low", "smallest", "inside"):
            getattr(found, name)[level, chosen] = getattr(self, name)[chosen]
        found.rows[level, chosen], found.lengths[level, chosen] = self._rows, self._length
        found.spans[level, chosen] = self._span

    def offer(self, evidence: Floats, cause: Codes, value: Floats, reference: Floats, *, dim: bool = False) -> None:
        """Take what is stronger than what there is; `dim` causes only where nothing clearer alarms already."""
        better = evidence > self.evidence
        clear = self.evidence >= 0
        self.evidence = np.where(better, evidence, self.evidence)
        better = better & ~clear if dim else better
        self.cause = np.where(better, cause, self.cause)
        self.value = np.where(better, value, self.value)
        self.reference = np.where(better, reference, self.reference)


def dump(state: DwsState) -> bytes:
    """Serialise; equal states give equal bytes."""
    head = {
        "panes": state.panes,
        "held": state.held,
        "passed": state.passed,
        "last": state.last,
        "levels": len(state.found.evidence),
        "features": len(state.since),
        "run": None if state.run is None else [state.run.start, state.run.end, state.run.length, state.run.rows],
        "blocks": [
            None if each is None else [each.rows, each.start, each.length, each.elapsed, each.hours.tolist()]
            for each in state.blocks
        ],
    }
    parts = [] if state.run is None else [encode_counts(state.run.counts)]
    parts += [encode_counts(each.counts) for each in state.blocks if each is not None]
    parts.append(state.since.astype("<i8").tobytes())
    for name in Findings.__annotations__:
        array = getattr(state.found, name)
        parts.append(zlib.compress(array.astype("<i8" if name == "cause" else "<f8").tobytes(), 1))
    return pack(_MAGIC, head, parts)


def load(data: bytes, bins: int, features: int) -> DwsState:
    """Read what `dump` wrote of so many bins and features; raises StoreError on anything else."""

    def read(head: JSON, parts: Iterator[bytes]) -> DwsState:
        if head["features"] != features:
            raise ValueError(f"expected {features} features, got {head['features']}")
        run: Run | None = None
        if head["run"] is not None:
            start, end, length, rows = head["run"]
            run = Run(start, end, length, rows, decode_counts(next(parts), bins))
        blocks = tuple(
            None if each is None else _block(decode_counts(next(parts), bins), *each) for each in head["blocks"]
        )
        since = np.frombuffer(next(parts), "<i8").astype(np.int64)
        shape = head["levels"], features
        arrays = {
            name: np.frombuffer(zlib.decompress(next(parts)), "<i8" if name == "cause" else "<f8").reshape(shape)
            for name in Findings.__annotations__
        }
        return DwsState(
            head["panes"], head["held"], head["passed"], head["last"], run, blocks, since, Findings(**arrays)
        )

    return unpack(_MAGIC, data, read)


def _block(
    counts: Counts, rows: int, start: Milliseconds, length: Milliseconds, elapsed: Milliseconds, hours: list[int]
) -> Block:
    return Block(counts, rows, start, length, elapsed, np.array(hours, dtype=np.int64))

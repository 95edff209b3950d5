"""Dyadic windows: the blocks of panes that they are added up from, the findings in each, and the bytes of both."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.run import Run
from driftmeter.detectors.state_bytes import pack, unpack
from driftmeter.panes.codec import decode_counts, encode_counts
from driftmeter.types import JSON, Counts, Floats, Milliseconds

_MAGIC = b"DWS2"


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive panes of the detector, added up: one window, or what will be half of one.

    `counts` (bins,) of `rows` rows over all features, from `start` on, in ms since the epoch. `length` is the time that
    held rows, `elapsed` the event time that the panes stand for (see run.py), both in ms. `hours` (24,) are the rows by
    the hour of the day in which their pane began; (0,) where hours do not matter.
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
    """What was found in the latest window of each level; arrays of shape (levels, features).

    `evidence` is -inf where no window was judged yet. `cause` is a number (see finding.py), -1 before any finding;
    `value` and `reference` are as in `protocol.Cause`; `effect_low`, `smallest_visible` and `significant` are as in
    smooth.py. `rows` is the number of rows in the window, `lengths` the event time that the window stands for, `spans`
    the time from its start to its end, both in ms. The order of the fields is the order of the arrays in a saved state.
    """

    evidence: Floats
    cause: npt.NDArray[np.int64]
    value: Floats
    reference: Floats
    effect_low: Floats
    smallest_visible: Floats
    significant: Floats
    rows: Floats
    lengths: Floats
    spans: Floats

    @classmethod
    def nothing(cls, levels: int, features: int) -> Findings:
        """Return the findings before any window."""
        shape = (levels, features)
        return cls(
            np.full(shape, -np.inf), np.full(shape, -1, np.int64), np.zeros(shape), np.zeros(shape), np.zeros(shape),
            np.full(shape, np.inf), np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape),
        )  # fmt: skip

    def without(self, features: Mask) -> Findings:
        """Return these findings with those of some features (features,) taken out."""
        levels, number = self.evidence.shape
        empty = Findings.nothing(levels, number)
        return self._combined(empty, lambda array, blank: np.where(features, blank, array))

    def resized(self, levels: int) -> Findings:
        """Return a writable copy with so many levels: longer ones are cut off, or begin empty."""
        missing = Findings.nothing(max(0, levels - len(self.evidence)), self.evidence.shape[1])
        return self._combined(missing, lambda array, blank: np.concatenate([array[:levels], blank]))

    def _combined(self, other: Findings, combine: Callable[[Any, Any], Any]) -> Findings:
        return Findings(
            **{name: combine(getattr(self, name), getattr(other, name)) for name in Findings.__annotations__}
        )


@dataclass(frozen=True, eq=False)
class DwsState:
    """A position in the stream of panes.

    `panes` so far; `held` is how much of their time held rows, `elapsed` how much event time they stand for, in ms; the
    last one ended at `last`. `run` is what is not yet a pane. `blocks[level]` waits for its other half: 2^(level−1)
    panes, None where there are too few yet; level 0 needs none. A feature's windows count from pane number `since` on,
    (features,). `findings` are those of the latest window of each level.
    """

    panes: int
    held: Milliseconds
    elapsed: Milliseconds
    last: Milliseconds
    run: Run | None
    blocks: tuple[Block | None, ...]
    since: npt.NDArray[np.int64]
    findings: Findings


def dump(state: DwsState) -> bytes:
    """Serialise; equal states give equal bytes."""
    head = {
        "panes": state.panes,
        "held": state.held,
        "passed": state.elapsed,
        "last": state.last,
        "levels": len(state.findings.evidence),
        "features": len(state.since),
        "run": None if state.run is None else [state.run.start, state.run.end, state.run.length, state.run.rows],
        "blocks": [
            None if block is None else [block.rows, block.start, block.length, block.elapsed, block.hours.tolist()]
            for block in state.blocks
        ],
    }
    parts = [] if state.run is None else [encode_counts(state.run.counts)]
    parts += [encode_counts(block.counts) for block in state.blocks if block is not None]
    parts.append(state.since.astype("<i8").tobytes())
    for name in Findings.__annotations__:
        array = getattr(state.findings, name)
        parts.append(zlib.compress(array.astype("<i8" if name == "cause" else "<f8").tobytes(), 1))
    return pack(_MAGIC, head, parts)


def load(data: bytes, bins: int, features: int) -> DwsState:
    """Read what `dump` wrote for so many bins and features; raises StoreError on anything else."""

    def read(head: JSON, parts: Iterator[bytes]) -> DwsState:
        if head["features"] != features:
            raise ValueError(f"expected {features} features, got {head['features']}")
        run: Run | None = None
        if head["run"] is not None:
            start, end, length, rows = head["run"]
            run = Run(start, end, length, rows, decode_counts(next(parts), bins))
        blocks = tuple(
            None if numbers is None else _block(decode_counts(next(parts), bins), *numbers)
            for numbers in head["blocks"]
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

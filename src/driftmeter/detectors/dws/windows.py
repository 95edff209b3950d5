"""Dyadic windows: the blocks of panes that make them up, the findings in each window, and the bytes of both."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.protocol import Mask
from driftmeter.detectors.run import Run
from driftmeter.detectors.state_bytes import pack, read_run, run_head, run_parts, unpack
from driftmeter.panes.codec import decode_counts, encode_counts
from driftmeter.types import JSON, Counts, Floats, Milliseconds

_MAGIC = b"DWS3"


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive panes of the detector, added up: one window, or one half of a later window.

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
class ToldWindow:
    """A window of which sentences tell: `counts` (bins,), 0 for features of which there is nothing to tell.

    `hours` are as in `Block`.
    """

    counts: Counts
    hours: Counts


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found in the latest window of each level; arrays of shape (levels, features).

    `evidence` is -inf where no window was judged yet. `cause` is a number (see finding.py), -1 before any finding;
    `value`, `reference`, `effect`, `effect_low` and `excess_low` are as in `protocol.Cause`; `smallest_visible` and
    `significant` are as in smooth.py. `rows` is the number of rows in the window, `lengths` the event time that the
    window stands for, `spans` the time from its start to its end, both in ms. The order of the fields is the order of
    the arrays in a saved state.
    """

    evidence: Floats
    cause: npt.NDArray[np.int64]
    value: Floats
    reference: Floats
    effect: Floats
    effect_low: Floats
    excess_low: Floats
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
            evidence=np.full(shape, -np.inf),
            cause=np.full(shape, -1, np.int64),
            value=np.zeros(shape),
            reference=np.zeros(shape),
            effect=np.zeros(shape),
            effect_low=np.zeros(shape),
            excess_low=np.zeros(shape),
            smallest_visible=np.full(shape, np.inf),
            significant=np.zeros(shape),
            rows=np.zeros(shape),
            lengths=np.zeros(shape),
            spans=np.zeros(shape),
        )

    def without(self, features: Mask) -> Findings:
        """Return these findings without those of some features, a mask of shape (features,)."""
        levels, number = self.evidence.shape
        empty = Findings.nothing(levels, number)
        return self._combined(empty, lambda array, blank: np.where(features, blank, array))

    def resized(self, levels: int) -> Findings:
        """Return a writable copy with `levels` levels; longer ones are cut off, missing ones start empty."""
        if levels == len(self.evidence):
            return Findings(**{name: getattr(self, name).copy() for name in Findings.__annotations__})
        missing = Findings.nothing(max(0, levels - len(self.evidence)), self.evidence.shape[1])
        return self._combined(missing, lambda array, blank: np.concatenate([array[:levels], blank]))

    def _combined(self, other: Findings, combine: Callable[[Any, Any], Any]) -> Findings:
        return Findings(
            **{name: combine(getattr(self, name), getattr(other, name)) for name in Findings.__annotations__}
        )


@dataclass(frozen=True, eq=False)
class DwsState:
    """A position in the stream of panes.

    `panes` is their number so far. `held` is the time that held rows, `elapsed` the event time that the panes stand
    for, both in ms; the last pane ended at `last`. `run` holds the rows that are not yet a pane. `blocks[level]` are
    2^(level−1) panes that wait for the other half of their window; None before there are that many, and at level 0. A
    feature's windows begin with pane number `since`, (features,), or later. `findings` are those of the latest window
    of each level. `told[level]` is that window for the sentences that tell how values changed, None where none does.
    """

    panes: int
    held: Milliseconds
    elapsed: Milliseconds
    last: Milliseconds
    run: Run | None
    blocks: tuple[Block | None, ...]
    since: npt.NDArray[np.int64]
    findings: Findings
    told: tuple[ToldWindow | None, ...]


def dump(state: DwsState) -> bytes:
    """Serialise; equal states give equal bytes."""
    head = {
        "panes": state.panes,
        "held": state.held,
        "passed": state.elapsed,
        "last": state.last,
        "levels": len(state.findings.evidence),
        "features": len(state.since),
        "run": run_head(state.run),
        "blocks": [
            None if block is None else [block.rows, block.start, block.length, block.elapsed, block.hours.tolist()]
            for block in state.blocks
        ],
        "told": [None if window is None else window.hours.tolist() for window in state.told],
    }
    parts = run_parts(state.run)
    parts += [encode_counts(block.counts) for block in state.blocks if block is not None]
    parts += [encode_counts(window.counts) for window in state.told if window is not None]
    parts.append(state.since.astype("<i8").tobytes())
    for name in Findings.__annotations__:
        array = getattr(state.findings, name)
        parts.append(zlib.compress(array.astype("<i8" if name == "cause" else "<f8").tobytes(), 1))
    return pack(_MAGIC, head, parts)


def load(data: bytes, bins: int, features: int) -> DwsState:
    """Read what `dump` wrote for `bins` bins of `features` features; raises StoreError on anything else."""

    def read(head: JSON, parts: Iterator[bytes]) -> DwsState:
        if head["features"] != features:
            raise ValueError(f"expected {features} features, got {head['features']}")
        run = read_run(head["run"], parts, bins)
        blocks = tuple(
            None if numbers is None else _block(decode_counts(next(parts), bins), *numbers)
            for numbers in head["blocks"]
        )
        told = tuple(
            None if hours is None else ToldWindow(decode_counts(next(parts), bins), np.array(hours, dtype=np.int64))
            for hours in head["told"]
        )
        since = np.frombuffer(next(parts), "<i8").astype(np.int64)
        shape = head["levels"], features
        arrays = {
            name: np.frombuffer(zlib.decompress(next(parts)), "<i8" if name == "cause" else "<f8").reshape(shape)
            for name in Findings.__annotations__
        }
        return DwsState(
            panes=head["panes"],
            held=head["held"],
            elapsed=head["passed"],
            last=head["last"],
            run=run,
            blocks=blocks,
            since=since,
            findings=Findings(**arrays),
            told=told,
        )

    return unpack(_MAGIC, data, read)


def _block(
    counts: Counts, rows: int, start: Milliseconds, length: Milliseconds, elapsed: Milliseconds, hours: list[int]
) -> Block:
    return Block(counts, rows, start, length, elapsed, np.array(hours, dtype=np.int64))

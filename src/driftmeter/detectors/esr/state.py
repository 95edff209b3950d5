"""The state of e-SR, and its bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.protocol import Cause
from driftmeter.detectors.run import Run
from driftmeter.detectors.state_bytes import pack, read_run, run_head, run_parts, unpack
from driftmeter.panes.codec import decode_counts, encode_counts
from driftmeter.types import JSON, Counts, Floats, Milliseconds

_MAGIC = b"ESR3"
_FLOATS = ("smooth", "rare", "evidence", "held")
_COUNTS = ("counts", "climb_counts")
_INTEGERS = ("rows", "begun", "until", "climb_rows", "climb_begun")


@dataclass(frozen=True, eq=False)
class EsrState:
    """A position in the stream of panes.

    `panes` is their number so far. `active` is the time that held rows, `elapsed` the event time that the panes stand
    for, both in ms; the last pane ended at `last`. `run` holds the rows that are not yet a pane. `smooth` (features,
    bets) and `rare` (bets,) are the natural logarithms of each bet's capital. Per feature, shape (features,): its bets
    began at `begun`, `rows` is the number of rows since, `evidence` is that of the last pane, and `held` that of the
    last alarm, which stands until `until`. `counts` (bins,) are the counts of the rows since each feature's `begun`;
    `climb_counts`, `climb_rows` and `climb_begun` are the same since its capital began to climb: the rows that an alarm
    is about. `causes` are those of the last alarms, by the index of the feature, while they stand or the climb goes on.
    """

    panes: int
    active: Milliseconds
    elapsed: Milliseconds
    last: Milliseconds
    run: Run | None
    smooth: Floats
    rare: Floats
    counts: Counts
    rows: npt.NDArray[np.int64]
    begun: npt.NDArray[np.int64]
    evidence: Floats
    held: Floats
    until: npt.NDArray[np.int64]
    climb_counts: Counts
    climb_rows: npt.NDArray[np.int64]
    climb_begun: npt.NDArray[np.int64]
    causes: Mapping[int, Cause]

    @classmethod
    def zero(cls, features: int, smooth_bets: int, rare_bets: int, bins: int) -> EsrState:
        """Return the state before the first pane: no capital, no rows, no evidence."""
        none, zeros = np.full(features, -np.inf), np.zeros(features, np.int64)
        return cls(
            panes=0,
            active=0,
            elapsed=0,
            last=0,
            run=None,
            smooth=np.full((features, smooth_bets), -np.inf),
            rare=np.full(rare_bets, -np.inf),
            counts=np.zeros(bins, np.int64),
            rows=zeros,
            begun=zeros,
            evidence=none,
            held=none,
            until=zeros,
            climb_counts=np.zeros(bins, np.int64),
            climb_rows=zeros,
            climb_begun=zeros,
            causes={},
        )


def dump(state: EsrState) -> bytes:
    """Serialise; equal states give equal bytes."""
    parts = run_parts(state.run)
    parts += [encode_counts(getattr(state, name)) for name in _COUNTS]
    parts += [zlib.compress(getattr(state, name).astype("<f8").tobytes(), 1) for name in _FLOATS]
    parts += [getattr(state, name).astype("<i8").tobytes() for name in _INTEGERS]
    head = {
        "panes": state.panes,
        "active": state.active,
        "passed": state.elapsed,
        "last": state.last,
        "run": run_head(state.run),
        "causes": [[index, _cause_json(cause)] for index, cause in sorted(state.causes.items())],
    }
    return pack(_MAGIC, head, parts)


def load(data: bytes, empty: EsrState) -> EsrState:
    """Read what `dump` wrote of a state with the shapes of `empty`; raises StoreError on anything else."""
    bins = len(empty.counts)

    def read(head: JSON, parts: Iterator[bytes]) -> EsrState:
        run = read_run(head["run"], parts, bins)
        counts = {name: decode_counts(next(parts), bins) for name in _COUNTS}
        floats = {
            name: np.frombuffer(zlib.decompress(next(parts)), "<f8").reshape(getattr(empty, name).shape)
            for name in _FLOATS
        }
        integers = {name: np.frombuffer(next(parts), "<i8").reshape(empty.rows.shape) for name in _INTEGERS}
        return EsrState(
            panes=head["panes"],
            active=head["active"],
            elapsed=head["passed"],
            last=head["last"],
            run=run,
            counts=counts["counts"],
            climb_counts=counts["climb_counts"],
            causes={int(index): _cause_of(fields) for index, fields in head["causes"]},
            **floats,
            **integers,
        )

    return unpack(_MAGIC, data, read)


def _cause_json(cause: Cause) -> JSON:
    return {**vars(cause), "counts": None if cause.counts is None else cause.counts.tolist()}


def _cause_of(fields: JSON) -> Cause:
    pairs = {name: tuple(map(tuple, fields[name])) for name in ("names", "gone")}
    counts = None if fields["counts"] is None else np.array(fields["counts"], dtype=np.int64)
    return Cause(**{**fields, **pairs, "counts": counts})

"""Runs: rows in the order of their panes, counted run by run into a table of counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Rows
from driftmeter.counts.unseen import UnseenTexts
from driftmeter.types import Codes, Counts

MOST_COUNTS = 1 << 20
"""Counts that are held at once, 8 MB."""
_SHORT = 16
"""Runs of fewer rows on average are counted together: a call of the counter for each would cost more."""


@dataclass(frozen=True)
class RunCounts:
    """Counts of some runs: `first` is the number of the first run, `rows` (runs,), `counts` (runs, bins).

    `texts` are the unseen texts of the runs that have any, by the position of the run among these.
    """

    first: int
    rows: Counts
    counts: Counts
    texts: dict[int, UnseenTexts]


def edges_of(keys: Counts) -> Codes:
    """Return where the runs of equal keys (rows,) begin, and at last the number of rows: shape (runs + 1,).

    >>> edges_of(np.array([4, 4, 9])).tolist(), edges_of(np.array([], np.int64)).tolist()
    ([0, 2, 3], [0])
    """
    if not len(keys):
        return np.zeros(1, np.intp)
    edges: Codes = np.concatenate([[0], np.flatnonzero(np.diff(keys)) + 1, [len(keys)]])
    return edges


def count_runs(binner: Binner, rows: Rows, edges: Codes) -> Iterator[RunCounts]:
    """Count rows run by run, from edge to edge, many runs at a time; the runs come in order.

    `edges` (runs + 1,) ascend from 0 to the number of rows; each run has at least one.
    """
    at_once = max(1, MOST_COUNTS // binner.profile.bins)
    for first in range(0, len(edges) - 1, at_once):
        part = edges[first : first + at_once + 1]
        start, end = int(part[0]), int(part[-1])
        block, within = rows.between(start, end), part - start
        counts = _together(binner, block, within) if end - start < _SHORT * (len(part) - 1) else None
        counts = _one_by_one(binner, block, within) if counts is None else counts
        texts = {} if block.unseen is None else _texts(block, within)
        yield RunCounts(first, np.diff(part), counts, texts)


def _one_by_one(binner: Binner, rows: Rows, edges: Codes) -> Counts:
    counts = np.zeros((len(edges) - 1, binner.profile.bins), np.int64)
    bare = Rows(rows.numbers, rows.codes, rows.index)
    limits = edges.tolist()
    for run, (first, last) in enumerate(pairwise(limits)):
        binner.add(bare.between(first, last), counts[run])
    return counts


def _together(binner: Binner, rows: Rows, edges: Codes) -> Counts:
    runs, bins = len(edges) - 1, binner.profile.bins
    offsets = np.repeat(np.arange(runs) * bins, np.diff(edges))
    flat = (binner.places(rows) + offsets[:, np.newaxis]).ravel()
    return np.bincount(flat, minlength=runs * bins).reshape(runs, bins)


def _texts(rows: Rows, edges: Codes) -> dict[int, UnseenTexts]:
    """Return the unseen texts of the runs that have any."""
    assert rows.unseen is not None
    texts = {}
    limits = edges.tolist()
    for run in np.unique(np.searchsorted(edges, rows.unseen.rows, side="right") - 1).tolist():
        cells = rows.unseen.between(limits[run], limits[run + 1])
        if cells is not None:
            texts[run] = cells.sample()
    return texts

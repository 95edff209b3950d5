"""A small regression tree on bins: it explains what the score leaves open, and its leaves follow from bins alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftmeter.profile.feature import Feature
from driftmeter.profile.performance import HIGH, LOW, UNKNOWN, Split
from driftmeter.types import Codes, Floats


@dataclass(frozen=True)
class TreeSize:
    """How far a tree may grow: the most leaves, the fewest rows of each, and what a split must gain.

    That is `gain` variances of the target, and `share` of the sum of squares of all rows.
    """

    leaves: int
    least: int
    gain: float
    share: float = 0.0


@dataclass(frozen=True)
class _Candidate:
    """The best split of some rows: how much it gains, and the bins of the feature that go to the low side."""

    gain: float
    feature: int
    low: Codes


def grow(
    features: Sequence[Feature],
    allowed: Sequence[int],
    bins: Codes,
    targets: Sequence[tuple[Floats, TreeSize]],
    half: Codes,
) -> list[Split]:
    """Grow a tree that explains the first target by bins, best split first, then the next one by further splits.

    `bins` (rows, features); each target (rows,) has the size that the tree may grow to. `allowed` are the features that
    may be split by; `half` (rows,) is 0 or 1. What a split gains is the product of what the two halves of the rows say
    of it, so that chance gains nothing on average: the cross-fitted form of the gain in squared error. Returns no split
    where none gains enough.
    """
    rows_of = {0: np.arange(len(bins))}  # by node
    chosen: list[tuple[int, _Candidate, int, int]] = []
    for target, size in targets:
        enough = max(size.gain, size.share * len(bins)) * float(target.var())
        best = {node: _best(features, allowed, bins, target, half, rows, size.least) for node, rows in rows_of.items()}
        while len(rows_of) < size.leaves:
            node = max(best, key=lambda one: (best[one].gain, -one))
            if best[node].gain <= enough:
                break
            candidate, rows = best.pop(node), rows_of.pop(node)
            low = np.isin(bins[rows, candidate.feature], candidate.low)
            children = (2 * len(chosen) + 1, 2 * len(chosen) + 2)
            chosen.append((node, candidate, *children))
            for child, part in zip(children, (rows[low], rows[~low]), strict=True):
                rows_of[child] = part
                best[child] = _best(features, allowed, bins, target, half, part, size.least)
    return _splits(features, chosen)


def _splits(features: Sequence[Feature], chosen: Sequence[tuple[int, _Candidate, int, int]]) -> list[Split]:
    """Return the nodes that were split, in the order in which they were, with the leaves numbered."""
    position = {node: index for index, (node, *_) in enumerate(chosen)}
    leaves = 0
    splits = []
    for _, candidate, *children in chosen:
        ends = []
        for child in children:
            if child not in position:
                leaves += 1
            ends.append(position.get(child, -leaves))
        feature = features[candidate.feature]
        sides = np.full(feature.size, HIGH)
        sides[candidate.low] = LOW
        sides[feature.reference == 0] = UNKNOWN
        splits.append(Split(candidate.feature, "".join(sides.tolist()), ends[0], ends[1]))
    return splits


def _best(
    features: Sequence[Feature],
    allowed: Sequence[int],
    bins: Codes,
    target: Floats,
    half: Codes,
    rows: Codes,
    least: int,
) -> _Candidate:
    """Return the best split of some rows, one that gains nothing where there is none."""
    best = _Candidate(0.0, -1, np.zeros(0, dtype=np.intp))
    if len(rows) < 2 * least:
        return best
    of_row, half_of_row = target[rows], half[rows]
    for index in allowed:
        size = features[index].size
        place = half_of_row * size + bins[rows, index]
        counts = np.bincount(place, minlength=2 * size).reshape(2, size)
        sums = np.bincount(place, of_row, minlength=2 * size).reshape(2, size)
        order = np.arange(size)
        if features[index].kind != "numeric":  # by the mean in one half: the other one judges it
            order = np.argsort(sums[0] / np.maximum(counts[0], 1), kind="stable")
        low_rows: Floats = np.cumsum(counts[:, order], axis=1, dtype=np.float64)
        low_sums: Floats = np.cumsum(sums[:, order], axis=1)
        all_rows, all_sums = low_rows[:, -1:], low_sums[:, -1:]
        gain = _agreed(low_rows, low_sums) - _agreed(all_rows, all_sums)
        gain += _agreed(all_rows - low_rows, all_sums - low_sums)
        total = low_rows.sum(axis=0)
        gain[(total < least) | (len(rows) - total < least)] = 0.0
        at = int(gain.argmax())
        if gain[at] > best.gain:
            best = _Candidate(float(gain[at]), index, order[: at + 1])
    return best


def _agreed(counts: Floats, sums: Floats) -> Floats:
    """Return rows × the product of the means in both halves: both (2, splits)."""
    means = sums / np.maximum(counts, 1)
    agreed: Floats = counts.sum(axis=0) * means[0] * means[1]
    return agreed

"""The cells of a target: groups of the prediction, leaves of a tree, and the labels that the reference has there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from driftmeter.errors import ProfileError
from driftmeter.fitting.tree import TreeSize, grow
from driftmeter.performance.estimate import slopes_of
from driftmeter.performance.realised import row_moments
from driftmeter.profile import bin_names
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.performance import Axis, CellTable, Performance, Task
from driftmeter.types import Codes, Floats

Hashes = npt.NDArray[np.uint64]
MOST_GROUPS = 50
TREE = TreeSize(leaves=8, least=200, gain=6.0)
"""Explains labels, beside the score."""
TREE_OF_SLOPES = TreeSize(leaves=16, least=200, gain=12.0, share=0.01)
"""Explains in addition where labels follow the score less, or more."""
TREE_OF_ERROR = TreeSize(leaves=256, least=100, gain=4.0)
"""Explains errors, alone."""
MOST_GROWN = 200_000
"""Rows that the tree is grown on, chosen by a hash of their bins."""
_NO_VALUE = (bin_names.MISSING, bin_names.NOT_FINITE, bin_names.UNREADABLE)
_CLIP = 1e-15
"""Probabilities are kept so far from 0 and 1 in the log-loss."""


def axes_of(
    features: Sequence[Feature], bins: Codes, scored: Sequence[int], prediction: int, made: Performance, text: str
) -> tuple[tuple[Axis, ...], tuple[bool, ...]]:
    """Return the axes of the groups, and where the model predicts the class: (groups,)."""
    if made.task == "regression":  # one group: its prediction is one of the features of the tree
        grid = features[prediction].grid
        assert isinstance(grid, NumericGrid)
        present = range(features[prediction].size)[grid.present]
        return (Axis(prediction, tuple(0 if bin_ in present else -1 for bin_ in range(grid.size))),), ()
    if made.threshold is not None:
        axis = _graded(features[prediction], prediction, bins, made.threshold)
        grid = features[prediction].grid
        assert isinstance(grid, NumericGrid)
        first = int(np.searchsorted(grid.edges, made.threshold, side="right"))
        return (axis,), tuple(group >= axis.groups[first] for group in range(axis.size))
    feature = features[prediction]
    own = _bin_of_class(feature, text or made.classes[1])
    groups = np.array([int(bin_ == own) for bin_ in range(feature.size)])
    groups[[bin_ for name, bin_ in feature.grid.special.items() if name in _NO_VALUE]] = -1
    side = Axis(prediction, tuple(groups.tolist()))
    axes = (*(_graded(features[index], index, bins, None) for index in scored), side)
    return axes, tuple(bool(group % 2) for group in range(int(np.prod([axis.size for axis in axes]))))


def _bin_of_class(feature: Feature, text: str) -> int:
    if isinstance(feature.grid, NumericGrid):
        try:
            number = float(text)
        except ValueError:
            number = np.nan
        bin_ = int(np.searchsorted(feature.grid.edges, number, side="right"))
        if number not in feature.grid.atoms[bin_ - 2 : bin_ - 1]:
            raise ProfileError(f"prediction {feature.column!r}: expected classes such as {text!r}, got other numbers")
        return bin_
    bin_ = feature.grid.bin_of(text)
    if bin_ >= len(feature.grid.categories):
        raise ProfileError(f"prediction {feature.column!r}: expected the class {text!r} among its frequent values")
    return bin_


def _graded(feature: Feature, index: int, bins: Codes, threshold: float | None) -> Axis:
    """Return at most about MOST_GROUPS groups of equal numbers of rows, none on both sides of the threshold."""
    if not isinstance(feature.grid, NumericGrid):
        raise ProfileError(f"column {feature.column!r}: expected numbers, got categories")
    present = feature.grid.present
    counts = np.bincount(bins[:, index], minlength=feature.size)[present]
    first = 0 if threshold is None else int(np.searchsorted(feature.grid.edges, threshold, side="right"))
    least = counts.sum() / MOST_GROUPS
    groups = np.full(feature.size, -1)
    group = 0
    for start, end in ((0, first), (first, present.stop)):
        held = 0
        begin = start
        for bin_ in range(start, end):
            held += int(counts[bin_])
            groups[bin_] = group
            if held >= least:
                group, held, begin = group + 1, 0, bin_ + 1
        if begin < end:  # too few at the end: they belong to the group before, if there is one on this side
            alone = begin == start
            groups[begin:end] = group if alone else group - 1
            group += int(alone)
    return Axis(index, tuple(groups.tolist()))


def table_of(
    features: Sequence[Feature],
    axes: tuple[Axis, ...],
    positive: tuple[bool, ...],
    bins: Codes,
    hashes: Hashes,
    target: Floats,
    score: Floats | None,
    task: Task,
) -> CellTable:
    """Return a table of cells; `score` (rows,) are values of the first axis, `target` the labels, in classes 0 or 1.

    `bins` (rows, features), and `hashes` (rows,) of them, which say which rows the tree is grown on, and their half.
    """
    bare = CellTable(axes, (), ())
    group = bare.groups_of(bins)
    known = group >= 0
    rows_of_group = np.maximum(np.bincount(group[known], minlength=bare.groups), 1)
    if task == "regression":
        assert score is not None
        moments = row_moments(score, target)
        moments[:, -1] = moments[:, -1] if np.isfinite(moments[known, -1]).all() else -1.0
        targets, used = [(moments[:, 1] - moments[known, 1].mean(), TREE_OF_ERROR)], []
    else:
        # where labels are more often positive than the score says, and where they follow it more, or less
        rate = (np.bincount(group[known], target[known], bare.groups) + 1) / (rows_of_group + 2)
        rest = target - rate[group]
        turned = rest * slopes_of(rate, rows_of_group)[group]
        targets, used = [(rest, TREE), (turned, TREE_OF_SLOPES)], [axis.feature for axis in axes]
    allowed = [index for index, feature in enumerate(features) if feature.role != "derived" and index not in used]
    grown = np.flatnonzero(known)
    grown = grown[np.argsort(hashes[grown], kind="stable")[:MOST_GROWN]]
    half = (hashes[grown] >> np.uint64(63)).astype(np.intp)
    splits = grow(features, allowed, bins[grown], [(one[grown], size) for one, size in targets], half)
    table = replace(bare, splits=tuple(splits))
    cell = table.cells_of(bins)
    table = replace(table, counts=tuple(np.bincount(cell, minlength=table.size).tolist()))
    if task == "regression":
        return _with_moments(table, cell, moments)
    positives = np.bincount(cell[target == 1], minlength=table.size)
    scores = () if score is None else _scores(axes[0], bins, score)
    return replace(table, positives=tuple(positives.tolist()), positive=positive, scores=scores)


def _scores(axis: Axis, bins: Codes, score: Floats) -> tuple[tuple[float, ...], ...]:
    """Return the means of s, s², ln s, ln(1−s) by group of a score; nothing where the scores are no probabilities."""
    group = np.array(axis.groups)[bins[:, axis.feature]]
    group, score = group[group >= 0], score[group >= 0]
    rows = np.bincount(group, minlength=axis.size)
    if score.min() < 0 or score.max() > 1 or not rows.all():
        return ()
    clipped = np.clip(score, _CLIP, 1 - _CLIP)
    each = (score, score**2, np.log(clipped), np.log1p(-clipped))
    return tuple(tuple(rounded(np.bincount(group, one) / rows)) for one in each)


def _with_moments(table: CellTable, cell: Codes, moments: Floats) -> CellTable:
    """Add means, deviations and correlation of `moments` (rows, MOMENTS), by the cells of the rows, (rows,)."""
    known = cell < table.size - 1
    cell, moments = cell[known], moments[known]
    rows = np.maximum(np.array(table.counts), 1)[:, None]
    means = _sums(cell, moments, table.size) / rows
    rest = moments - means[cell]
    spread = np.sqrt(_sums(cell, rest**2, table.size) / rows)
    scaled = rest / np.maximum(spread[cell], 1e-300)
    correlation = np.array([[float(one @ other) for other in scaled.T] for one in scaled.T]) / max(len(scaled), 1)
    arrays = [tuple(tuple(rounded(row)) for row in array) for array in (means, spread, correlation)]
    return replace(table, moments=arrays[0], spread=arrays[1], correlation=arrays[2])


def _sums(cell: Codes, values: Floats, size: int) -> Floats:
    return np.stack([np.bincount(cell, one, size) for one in values.T], axis=1)


def rounded(values: Floats) -> list[float]:
    """Return numbers to nine digits: more would only show in which order they were added up."""
    return [float(f"{value:.9g}") for value in values.tolist()]

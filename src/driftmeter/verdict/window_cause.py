"""What changed most in one window that is judged by itself: the cause that a detector would name, from counts alone.

Of each kind of rows, with the share p of the reference and w of the window, (w − p)² / p̄ is what it adds to the effect,
p̄ = (w + p)/2; of new and rare categories p is what the reference lets one expect. The largest is told. The values of a
number are one candidate: their sum over sixteen groups, of the values in range alone, less what chance adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from driftmeter.detectors.protocol import Cause
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.expected import expected_counts
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.types import Counts, Floats

_GROUPS = 16
_EXPECTED = 10
"""A category without rows is gone if the reference lets one expect as many: by chance it is, once in 20,000 times."""

_FEW_CHANGED = 0.25
_LEAST_EFFECT = 0.05

_NEAR = {bin_names.BELOW: bin_names.FAR_BELOW, bin_names.ABOVE: bin_names.FAR_ABOVE}

Names = Sequence[tuple[str, float]]


def cause_of_window(feature: Feature, counts: Counts, *, vanished: float = 0.0, new: Names = ()) -> Cause | None:
    """Return what changed most of a feature; None where the window has no rows.

    `counts` (bins,) are the feature's. `vanished` is the share of the reference whose categories are gone, named or
    not; `new` are categories that the reference never held, with their shares of the rows, the largest first.

    >>> feature = Feature("x", "categorical", "feature", CategoryGrid(("a", "b"), ()), (700, 300, 0, 0, 0, 0), "x")
    >>> cause = cause_of_window(feature, np.array([60, 30, 0, 0, 10, 0]))
    >>> cause.what, cause.value, cause.reference
    ('missing', 0.1, 0.0)
    """
    rows, known = int(counts.sum()), int(feature.reference.sum())
    if not rows or not known:
        return None
    was, now = feature.reference / known, counts / rows
    of_grid = _of_numbers if isinstance(feature.grid, NumericGrid) else _of_categories
    candidates = [
        *_special(feature, was, now),
        *of_grid(feature, was, now, (known, rows)),
    ]
    gone = _gone(feature, was, now, rows)
    lost = max(vanished, sum(share for _, share in gone))
    if lost and (len(gone) != 1 or vanished > lost):
        candidates.append((adds(lost, 0.0), "vanished", False, 0.0, lost))
    best = max(candidates, key=lambda candidate: candidate[0])
    came = next((candidate for candidate in candidates if candidate[1:3] == (bin_names.UNSEEN, False)), None)
    if came is not None and gone and came[0] >= best[0] / 2:
        best = came  # other rows than those of the categories that are gone, but by a new name
    _, what, category, value, reference = best
    unseen = what == bin_names.UNSEEN and not category
    return Cause(
        what=what,
        category=category,
        value=value,
        reference=reference,
        window=0,
        rows=rows,
        counts=counts,
        names=tuple(new) if unseen else gone if what == "vanished" and not category else (),
        gone=gone if unseen else (),
    )


def missing_instead(feature: Feature, counts: Counts) -> Cause | None:
    """Return the change of the missing values if the values that are there hardly changed, None if they did.

    Scores take a missing value for an average one: with fewer of them, all scores spread out.
    """
    known, rows = max(int(feature.reference.sum()), 1), max(int(counts.sum()), 1)
    bin_ = feature.grid.special[bin_names.MISSING]
    before, after = float(feature.reference[bin_]) / known, float(counts[bin_]) / rows
    if not isinstance(feature.grid, NumericGrid) or feature.role == "derived" or not before + after:
        return None
    was, now = feature.reference / known, counts / rows
    beyond = (found for found in _special(feature, was, now) if found[1] != bin_names.MISSING)
    effect = sum(found[0] for found in (*beyond, *_of_numbers(feature, was, now, (known, rows))))
    if effect >= _FEW_CHANGED * adds(before, after) or effect >= _LEAST_EFFECT:
        return None
    return Cause(bin_names.MISSING, False, after, before, 0, rows)


_Candidate = tuple[float, str, bool, float, float]
"""What it adds to the effect, and `what`, `category`, `value` and `reference` of its cause."""


def adds(was: float, now: float) -> float:
    """Return what rows of these two shares add to the effect.

    >>> adds(0.0, 0.25), adds(0.5, 0.5)
    (0.5, 0.0)
    """
    return (now - was) ** 2 / max(now / 2 + was / 2, 1e-12)


def _special(feature: Feature, was: Floats, now: Floats) -> Iterator[_Candidate]:
    """Yield the bins that hold no ordinary value; but for missing values, only more of them are drift."""
    bins = dict(feature.grid.special)
    for name, bin_ in bins.items():
        before, after = float(was[bin_]), float(now[bin_])
        if name in _NEAR and after < float(now[bins[_NEAR[name]]]):
            continue  # most of what is out of range is far out
        if name == bin_names.MISSING and feature.role == "derived":
            continue  # a residual is missing where another column is out of range, which tells of it itself
        if after > before or name == bin_names.MISSING:
            yield adds(before, after), name, False, after, before
    if isinstance(feature.grid, CategoryGrid):
        expected = expected_counts(feature) / feature.reference.sum()
        for name, part in ((bin_names.UNSEEN, feature.grid.unseen), (bin_names.OTHER, feature.grid.rest)):
            before, after = float(expected[part].sum()), float(now[part].sum())
            if after > before:
                yield adds(before, after), name, False, after, before


def _of_categories(feature: Feature, was: Floats, now: Floats, rows: tuple[int, int]) -> Iterator[_Candidate]:
    assert isinstance(feature.grid, CategoryGrid)
    for bin_, category in enumerate(feature.grid.categories):
        if feature.kind == "boolean" and category != "true":
            continue  # the same, the other way round
        before, after = float(was[bin_]), float(now[bin_])
        yield adds(before, after), category, True, after, before


def _of_numbers(feature: Feature, was: Floats, now: Floats, rows: tuple[int, int]) -> Iterator[_Candidate]:
    assert isinstance(feature.grid, NumericGrid)
    core = feature.grid.core
    held, there = float(was[core].sum()), float(now[core].sum())
    if not held or not there:
        return
    before, after = was[core] / held, now[core] / there
    group = np.minimum((_GROUPS * (np.cumsum(before) - before / 2)).astype(np.intp), _GROUPS - 1)
    shares = [np.bincount(group, sample, _GROUPS) for sample in (before, after)]
    effect = sum(map(adds, *(share.tolist() for share in shares)))
    degrees = np.count_nonzero(shares[0]) - 1
    chance = degrees * (1 / (rows[0] * held) + 1 / (rows[1] * there))
    yield there * (effect - chance), "values", False, 0.0, 0.0


def _gone(feature: Feature, was: Floats, now: Floats, rows: int) -> tuple[tuple[str, float], ...]:
    """Return the categories that have vanished and their shares in the reference, the largest first."""
    if not isinstance(feature.grid, CategoryGrid):
        return ()
    gone = [
        (category, float(was[bin_]))
        for bin_, category in enumerate(feature.grid.categories)
        if now[bin_] == 0 and was[bin_] * rows >= _EXPECTED
    ]
    return tuple(sorted(gone, key=lambda pair: -pair[1]))

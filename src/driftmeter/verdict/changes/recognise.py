"""The kind of change of a feature, from the counts of a window: said where it is sure, else not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from driftmeter.profile import bin_names
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts, Floats
from driftmeter.verdict.changes.change import Change, ChangeKind
from driftmeter.verdict.changes.hypothesis import Noise, choose, unchanged
from driftmeter.verdict.changes.kinds import Categories
from driftmeter.verdict.changes.registry import OF_CATEGORIES, OF_NUMBERS
from driftmeter.verdict.changes.values import LUMPY, SMOOTH, Values
from driftmeter.verdict.figures import percents

FEWEST_ROWS = 100
_LEAST = 0.01
_CERTAIN = 4.0
"""Standard deviations by which the share of rows without a value must have changed."""
_ALL = 0.995


def recognise(
    feature: Feature,
    counts: Counts,
    *,
    worth: float = 1.0,
    names: Sequence[str] = (),
    usual: Floats | None = None,
) -> Change | None:
    """Return the kind of change of a feature; None where no kind, or more than one, explains it.

    `counts` (bins,) are those of the feature in a window, `names` the unseen categories in it, the commonest first, as
    far as they are known, and `usual` (bins,) the shares to compare with, where these are not the reference's. `worth`
    is how many independent rows a row of the window is worth, 1 or less. Derived features are not recognised: what
    changed is the column, or another one.

    >>> from driftmeter.profile.numeric_grid import NumericGrid
    >>> values = np.random.default_rng(1).normal(20.0, 5.0, 20_000)
    >>> grid = NumericGrid.fit(values, bins=64)
    >>> def counts_of(values): return np.bincount(grid.edges.searchsorted(values, side="right"), minlength=grid.size)
    >>> feature = Feature("x", "numeric", "feature", grid, tuple(counts_of(values).tolist()), "x")
    >>> recognise(feature, counts_of(values[:2000] + 3)).text
    'is shifted by about +3'
    """
    rows, known = int(counts.sum()), int(feature.reference.sum())
    if feature.role == "derived" or rows * worth < FEWEST_ROWS or not known:
        return None
    noise = Noise(rows * worth, known)
    was, now = feature.reference / known if usual is None else usual / usual.sum(), counts / rows
    apart = _apart(feature, was, now, noise)
    values: Values | Categories | None = Values.of(feature, counts, worth, usual) or Categories.of(
        feature, counts, worth, names
    )
    if values is None or values.noise.window < FEWEST_ROWS:
        return apart[0] if len(apart) == 1 and now[feature.grid.present].sum() <= 1 - _ALL else None
    if unchanged(values.was, values.now, values.noise):
        return apart[0] if len(apart) == 1 else None
    return _instead_of_missing(apart, values) if apart else _of_values(values)


def _of_values(values: Values | Categories) -> Change | None:
    with np.errstate(all="ignore"):  # what is not finite is no good explanation
        if isinstance(values, Categories):
            hypotheses = [one for recogniser in OF_CATEGORIES for one in recogniser(values)]
            return choose(hypotheses, values.was, values.now, values.noise)
        for lumps in (SMOOTH, LUMPY):
            even = replace(values, lumps=lumps)
            hypotheses = [one for recogniser in OF_NUMBERS for one in recogniser(even)]
            change = choose(hypotheses, values.was, values.now, values.noise)
            if change is not None:
                return change
    return None


def _instead_of_missing(apart: Sequence[Change], values: Values | Categories) -> Change | None:
    """Return a default value that many rows have while fewer are missing, if the two are as many; else None."""
    if len(apart) != 1 or apart[0].kind != "missing" or (lost := -(apart[0].offset or 0.0)) <= 0:
        return None
    change = _of_values(values)
    if change is None or change.kind not in ("default", "spike") or change.share is None:
        return None
    there = float(change.share)
    if abs(there - lost) > max(0.2 * lost, 3 * np.sqrt(values.noise.rate * lost)):
        return None
    return replace(change, kind="default", text=f"{change.text}, where it was missing before")


_WORDS: dict[str, tuple[ChangeKind, str]] = {
    bin_names.MISSING: ("missing", "is missing"),
    bin_names.NOT_FINITE: ("infinite", "is infinite"),
    bin_names.UNREADABLE: ("unreadable", "cannot be read"),
}


def _apart(feature: Feature, was: Floats, now: Floats, noise: Noise) -> list[Change]:
    """Return how the shares of rows without a value changed; `offset` is by how much."""
    changes = []
    for name, (kind, verb) in _WORDS.items():
        bin_ = feature.grid.special.get(name)
        if bin_ is None:
            continue
        before, after = float(was[bin_]), float(now[bin_])
        middle = np.array(before / 2 + after / 2)
        certain = abs(after - before) > _CERTAIN * float(np.sqrt(noise.variance(middle)))
        if not certain or abs(after - before) < _LEAST:
            continue
        first, last = percents(before, after)
        text = f"{verb} in {last} of the rows ({first} before)" if after else f"is never {verb.split()[-1]} any more"
        if after >= _ALL:
            text = f"{verb.replace('is', 'is always', 1) if verb.startswith('is') else 'can never be read'}"
        changes.append(Change(kind, text, share=after, offset=after - before))
    return changes

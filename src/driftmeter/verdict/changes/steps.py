"""Values that were rounded, or cut, to multiples of a step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from driftmeter.types import Floats
from driftmeter.verdict.changes.change import Change
from driftmeter.verdict.changes.hypothesis import Hypothesis
from driftmeter.verdict.changes.values import Values
from driftmeter.verdict.figures import amount

_FEWEST, _MOST = 4, 200
"""Multiples of a step within the range of the reference."""
_PRICE = 0.5
_FEW = 0.1
_BETWEEN, _SEEN = 0.02, 0.2
"""Hardly a value is in a bin without a multiple, where the reference had many."""


def steps(values: Values) -> Iterator[Hypothesis]:
    """Yield values rounded to the nearest multiple of a step, or to the next one towards 0, or below."""
    limits = values.feature.unit_values
    width = limits.high - limits.low
    few = values.now < values.was * _FEW
    if not 0 < width < np.inf or values.was[few].sum() < _SEEN - _BETWEEN:
        return
    for step in _steps(width):
        first = np.floor(limits.low / step) - 1
        multiples = step * (first + np.arange(int(np.ceil(width / step)) + 4))
        held = np.zeros(len(values.was), dtype=np.bool_)
        held[np.searchsorted(values.cuts, multiples, side="right")] = True
        if values.now[~held].sum() > _BETWEEN or values.was[~held].sum() < _SEEN:
            continue
        text = "whole numbers" if step == 1 else f"multiples of {amount(step)}"
        rounded = Change("rounded", f"looks rounded to {text}", step=step)
        yield _gathered(values, multiples, multiples - step / 2, rounded)
        yield _gathered(values, multiples, multiples, Change("truncated", f"looks cut down to {text}", step=step))
        if limits.low < 0:
            # towards 0: what is cut to 0 lies on both sides of it
            starts = np.where(multiples > step / 2, multiples, np.nextafter(multiples - step, np.inf))
            towards = Change("truncated", f"looks cut to {text}, towards 0", step=step)
            yield _gathered(values, multiples, starts, towards)


def _steps(width: float) -> list[float]:
    least, most = width / _MOST, width / _FEWEST
    powers = range(int(np.floor(np.log10(least))), int(np.floor(np.log10(most))) + 1)
    found = [float(f"{digit * 10.0**power:.6g}") for power in powers for digit in (1, 2, 5)]
    return [step for step in found if least <= step <= most]


def _gathered(values: Values, multiples: Floats, starts: Floats, change: Change) -> Hypothesis:
    """Return the values from each of `starts` on, up to the next, gathered at its multiple."""
    below = values.below(starts)
    variance = values.unsure(starts, below)
    share = np.diff(below, append=1.0)
    share[0] += below[0]
    bin_ = np.searchsorted(values.cuts, multiples, side="right")
    size = len(values.was)
    expected: Floats = np.bincount(bin_, share, size).astype(np.float64)
    unsure: Floats = np.bincount(bin_, variance + np.append(variance[1:], 0.0), size).astype(np.float64)
    return Hypothesis(change, expected, _PRICE, unsure)

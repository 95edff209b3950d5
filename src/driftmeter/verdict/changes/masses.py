"""Rows that gathered, came or went, while the others stayed as they were: of a number."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import inf, isfinite

import numpy as np

from driftmeter.types import Codes, Floats
from driftmeter.verdict.changes.change import Change, Numbers
from driftmeter.verdict.changes.hypothesis import Hypothesis
from driftmeter.verdict.changes.values import Values
from driftmeter.verdict.figures import amount, amounts, percent

_STUCK = 0.98
_OUTLIERS = 0.2
"""With more rows out of range these are a mixture."""
_LEAST = 0.01
"""A smaller share of the values is not told of."""
_DEFAULTS = (0.0, -1.0, 99.0, 999.0, 9999.0, -99.0, -999.0, -9999.0)
_MOST_MIXED = 0.4
_KEPT = 0.6
"""A mixture leaves at least such a part of the reference's values alone."""


def spikes(values: Values) -> Iterator[Hypothesis]:
    """Yield one value that many rows hold now, or all of them."""
    was, now = values.was, values.now
    core = np.arange(2, len(was) - 2)
    gain = (now - was)[core] / np.sqrt(values.noise.variance(was[core]))
    for index in core[np.argsort(-gain, kind="stable")[:2]].tolist():
        share = float((now[index] - was[index]) / max(1 - was[index], 1e-12))
        if share < _LEAST:
            continue
        only = np.zeros_like(was)
        only[index] = 1.0
        if now[index] >= _STUCK:
            text = f"is stuck at {_one(values, index)}"
            change = Change("stuck", text, share=float(now[index]), **_range(values, index))
            # in another unit, all values may be next to 0
            near = values.cuts[index - 1] <= 0 < values.cuts[index]
            yield Hypothesis(None if near else change, only, 1.0, within=("spike", "mixture", "clipped", "gone"))
            continue
        change = _spike(values, index, share)
        yield Hypothesis(change, (1 - share) * was + share * only, 2.0, within=("mixture",))


def outliers(values: Values) -> Iterator[Hypothesis]:
    """Yield rows beyond the reference's range, with all others as they were."""
    was, now = values.was, values.now
    outside = np.array([0, 1, len(was) - 2, len(was) - 1])
    gained = outside[now[outside] > was[outside] + values.noise.rate]
    share = float((now - was)[gained].sum())
    if share < _LEAST / 2:
        return
    expected = was * (1 - now[gained].sum()) / max(1 - float(was[gained].sum()), 1e-12)
    expected[gained] = now[gained]
    limits = values.feature.unit_values
    low, high = bool((gained < 2).any()), bool((gained > 2).any())
    places = [f"below {_limit(values, limits.low)}"] * low + [f"above {_limit(values, limits.high)}"] * high
    where = " and ".join(places)
    ends: Numbers = {"high": limits.low} if low and not high else {"low": limits.high} if high and not low else {}
    change: Change | None = None
    if share <= _OUTLIERS:
        change = Change("outliers", f"has {percent(share)} of outliers, {where}", share=share, **ends)
    elif share <= _MOST_MIXED:
        change = Change("mixture", f"mixes in other values, {percent(share)} of all, {where}", share=share, **ends)
    yield Hypothesis(change, expected, float(len(gained)), within=("mixture",))


def limits(values: Values) -> Iterator[Hypothesis]:
    """Yield a limit at which values are cut off: beyond it they are gone, or all equal to it."""
    yield from _limits(values, values.was, values.now, upper=True)
    yield from _limits(values, values.was[::-1], values.now[::-1], upper=False)


def _limits(values: Values, was: Floats, now: Floats, *, upper: bool) -> Iterator[Hypothesis]:
    """Yield the two kinds of an upper limit; of a lower one, all bins are in reverse order."""
    noise, size = values.noise, len(was)
    bins = np.arange(2, size - 2)
    weight = 1 / noise.variance(was)
    sums = np.stack([was, weight * now**2, weight * now * was, weight * was**2, now**2 / noise.variance(0 * now)])
    below = np.concatenate([np.zeros((len(sums), 1)), np.cumsum(sums, axis=1)], axis=1)
    kept, squares, product, usual, _ = below[:, bins]
    above = below[-1, -1] - below[-1, bins + 1]
    moved = 1 - kept - was[bins]
    several = (moved >= _LEAST) & (kept >= _LEAST)

    at_limit = (now[bins] - (1 - kept)) ** 2 / noise.variance(1 - kept)
    scores = np.where(several, squares - 2 * product + usual + at_limit + above, np.inf)
    best = int(scores.argmin())
    if isfinite(float(scores[best])):
        index = int(bins[best])
        expected = np.where(np.arange(size) < index, was, 0.0)
        expected[index] = 1 - kept[best]
        place, shares = (index, expected) if upper else (size - 1 - index, expected[::-1])
        yield Hypothesis(_clipped(values, place, upper), shares, 1.0, within=("gone",))

    part = (1 - now[bins]) / np.maximum(kept, 1e-12)
    most = part * was[bins]
    no_more = now[bins] <= most + 3 * np.sqrt(noise.variance(most))
    scores = squares - 2 * part * product + part**2 * usual + above
    scores = np.where((moved >= _LEAST) & (kept >= _KEPT / 2) & no_more, scores, np.inf)
    best = int(scores.argmin())
    if isfinite(float(scores[best])):
        index = int(bins[best])
        expected = np.where(np.arange(size) < index, part[best] * was, 0.0)
        expected[index] = now[index]
        place, shares = (index, expected) if upper else (size - 1 - index, expected[::-1])
        yield Hypothesis(_gone(values, place, upper, float(moved[best])), shares, 1.0)


def mixtures(values: Values) -> Iterator[Hypothesis]:
    """Yield an interval that gained rows of any shape, while outside of it all is as it was, but less."""
    was, now = values.was, values.now
    held = np.maximum(was, 1 / values.noise.reference / 2)
    sums = [np.append(0.0, np.cumsum(sample)) for sample in (now**2 / held, now, held, was)]
    first, last = _pairs(len(was) + 1)
    squares, window, usual, kept = (one[-1] - (one[last] - one[first]) for one in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = window / usual
        scores = (squares / part - 2 * window + part * usual) / values.noise.rate
    price = np.log(max(values.noise.window, 2.0))
    gained = (part <= 1 - 2 * _LEAST) & (part > 0) & (kept >= _KEPT)
    scores = np.where(gained, scores + price * (last - first), np.inf)
    best = int(scores.argmin())
    if not isfinite(float(scores[best])):
        return
    start, stop, rest = int(first[best]), int(last[best]), float(part[best])
    extra = now[start:stop] - rest * was[start:stop]
    if (extra < -3 * np.sqrt(values.noise.variance(was[start:stop]))).any():
        return
    expected = rest * was
    expected[start:stop] = now[start:stop]
    yield Hypothesis(_mixture(values, start, stop, 1 - rest), expected, 1.0 + stop - start, within=("outliers",))


@lru_cache(maxsize=64)
def _pairs(size: int) -> tuple[Codes, Codes]:
    """Return the ends of all intervals of some bins."""
    return np.triu_indices(size, 1)


def _mixture(values: Values, start: int, stop: int, share: float) -> Change | None:
    """Tell what is mixed in from one bin to before another; None of what is too much to be sure of."""
    if share > _MOST_MIXED:
        return None
    low, high = float(values.ends[0][start]), float(values.ends[1][stop - 1])
    ends: Numbers = {}
    if isfinite(low):
        ends["low"] = low
    if isfinite(high):
        ends["high"] = high
    where = _between(low, high, values.scale / 10)
    if share <= _OUTLIERS / 2 and (start < 2 or stop > len(values.was) - 2):
        return Change("outliers", f"has {percent(share)} of outliers, {where}", share=share, **ends)
    return Change("mixture", f"mixes in other values, {percent(share)} of all, {where}", share=share, **ends)


def _spike(values: Values, index: int, share: float) -> Change:
    there = percent(float(values.now[index]))
    low, high = values.ends[0][index], values.ends[1][index]
    for default in _DEFAULTS:
        if values.cuts[index - 1] <= default < values.cuts[index]:
            text = f"is {amount(default)} in {there} of the values, a default value it seems"
            return Change("default", text, share=share, value=default)
    mean = float(values.was @ values.feature.by_bin[0])
    median = float(values.quantiles(np.array([0.5]))[0])
    named = [(name, value) for name, value in (("mean", mean), ("median", median)) if low <= value < high]
    if named:
        name, value = " or ".join(name for name, _ in named), named[0][1]
        if low < high:
            shown = amount(value, values.scale / 10)
            text = f"is its {name} ({shown}) in {there} of the values, a default it seems"
            return Change("default", text, share=share, value=value, low=float(low), high=float(high))
    text = f"is {_one(values, index)} in {there} of the values"
    return Change("spike", text, share=share, **_range(values, index))


def _clipped(values: Values, index: int, upper: bool) -> Change:
    side = "above" if upper else "below"
    return Change("clipped", f"is cut off {side} {_one(values, index)}", **_range(values, index))


def _gone(values: Values, index: int, upper: bool, share: float) -> Change:
    low, high = values.ends[0][index], values.ends[1][index]
    end = float(high if upper else low)
    text = f"has no values {'above' if upper else 'below'} {amount(end, values.scale / 10)} any more"
    ends: Numbers = {"low": end} if upper else {"high": end}
    return Change("gone", text, share=share, **ends)


def _range(values: Values, index: int) -> Numbers:
    low, high = float(values.ends[0][index]), float(values.ends[1][index])
    return {"value": low} if low == high else {"low": low, "high": high}


def _limit(values: Values, value: float) -> str:
    return amount(value, values.scale / 10)


def _one(values: Values, index: int) -> str:
    """Name the value that a bin holds: by the two ends of the bin where there may be several."""
    low, high = float(values.ends[0][index]), float(values.ends[1][index])
    if low == high:
        return amount(low)
    return "a value from {} to {}".format(*amounts(low, high, finer=3))


def _between(low: float, high: float, scale: float) -> str:
    if low == -inf:
        return f"up to {amount(high, scale)}"
    if high == inf:
        return f"from {amount(low, scale)} on"
    return f"at {amount(low)}" if low == high else "from {} to {}".format(*amounts(low, high, finer=3))

"""Values that moved as one: an offset, a factor, both, another unit, another sign; or of a part of the rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from driftmeter.types import Floats
from driftmeter.verdict.changes.change import Change, ChangeKind, Numbers
from driftmeter.verdict.changes.hypothesis import Hypothesis, misfit
from driftmeter.verdict.changes.units import UNITS, Unit, before_all
from driftmeter.verdict.changes.values import Values
from driftmeter.verdict.changes.words import factor_text, offset_text, roundest, signed
from driftmeter.verdict.figures import amount, percent

_TABLE = 0.5
"""Parameters that a unit of the table counts for: there are many."""
_PRECISE, _PRECISE_PART, _PRECISE_FACTOR = 0.02, 0.05, 0.1
"""A factor is told where one that is by so much larger or smaller explains less: of a unit, of a part, of any."""
_WITH_OFFSET = 10.0
"""Units with an offset are few, and both numbers must be right: they may be known so much less well."""
_LIKELY = 6.0
_MARGIN = 6.0
_FEWEST_ROWS, _FEWEST_BINS, _FEWEST_WITH_OFFSET = 5, 5, 3
"""Rows that a bin must hold to show a shape, and how many such bins there must be: fewer of a unit with an offset."""
_INSIDE = 0.2
"""With fewer values in the reference's range neither an offset nor a factor is told, unless a unit has it."""
_LEAST_MOVED = 0.1
"""Standard deviations by which some values must have moved."""
_LEAST_PART, _MOST_PART = 0.1, 0.95
_ROUNDS = (0.05, 0.015, 0.005)
"""Steps of the search, in standard deviations of the reference."""
_INNER = (0.01, 0.99)
_GRID = np.stack(np.meshgrid(np.arange(-2.0, 3), np.arange(-2.0, 3)), axis=-1).reshape(-1, 2)
_LINE = np.arange(-3.0, 4)


def affine(values: Values) -> Iterator[Hypothesis]:
    """Yield an offset alone, a factor alone, and both, each fitted to the window; and the other sign."""
    yield from _fitted(values)
    flipped, unsure = mapped(values, -values.cuts, falling=True)
    yield Hypothesis(
        Change("flipped", "has its sign flipped", factor=-1.0),
        flipped,
        0.5,
        unsure,
        is_sure=lambda: _is_precise(values, Unit("", -1.0), _PRECISE_FACTOR, falling=True),
    )
    absolute = values.below(values.cuts) - values.below(-values.cuts)
    below = np.where(values.cuts > 0, absolute, 0.0)
    yield Hypothesis(Change("flipped", "has lost its sign"), np.diff(below, prepend=0.0, append=1.0), 0.5)


def units(values: Values) -> Iterator[Hypothesis]:
    """Yield the units of the table that explain most: of all rows, and of a part of them.

    A unit is told where its factor is known to some per cent, and no other unit explains nearly as much.
    """
    expected, unsure = mapped(values, before_all(values.cuts))
    scores = misfit(values.now, expected, values.noise, unsure)
    best = int(scores.argmin())
    unit = UNITS[best]
    yield Hypothesis(
        Change("unit", f"looks like {unit.name}{_by(unit)}", **_numbers(unit)),
        expected[best],
        _TABLE,
        unsure[best],
        within=("scale", "shift", "affine", "spread"),
        is_sure=partial(_is_unit, values, scores, best, _PRECISE),
    )
    weight = 1 / values.noise.variance(values.now / 2 + values.was / 2)
    moved = expected - values.was
    along = moved * weight
    part = along @ (values.now - values.was) / np.maximum((along * moved).sum(axis=-1), 1e-300)
    some = (part >= _LEAST_PART) & (part <= _MOST_PART)
    if not some.any():
        return
    places = np.flatnonzero(some)
    share = part[places, np.newaxis]
    mixed, doubt = values.was + share * moved[places], share**2 * unsure[places]
    scores = misfit(values.now, mixed, values.noise, doubt)
    best = int(scores.argmin())
    unit, size = UNITS[int(places[best])], float(share[best, 0])
    all_scores = np.full(len(UNITS), np.inf)
    all_scores[places] = scores
    text = f"looks like {unit.name} in {percent(size)} of the values{_by(unit)}"
    yield Hypothesis(
        Change("unit", text, share=size, **_numbers(unit)),
        mixed[best],
        1.0 + _TABLE,
        doubt[best],
        within=("mixture", "spike", "default", "outliers"),
        is_sure=partial(_is_unit, values, all_scores, int(places[best]), _PRECISE_PART, share=size),
    )


def mapped(values: Values, before: Floats, *, falling: bool = False) -> tuple[Floats, Floats]:
    """Return the shares of the bins after a monotone change, and their variances: both (…, bins).

    `before` (…, cuts) are the values that become the cuts. `falling` says that larger values become smaller.
    """
    below = values.below(before)
    variance = values.unsure(before, below)
    if falling:
        below = 1 - below
    unsure = np.zeros((*below.shape[:-1], below.shape[-1] + 1))
    unsure[..., :-1] += variance
    unsure[..., 1:] += variance
    return shares_of(below), unsure


def shares_of(below: Floats) -> Floats:
    """Return the shares of the bins, (…, bins), by those below the cuts between them, (…, cuts)."""
    shares = np.empty((*below.shape[:-1], below.shape[-1] + 1))
    shares[..., 0], shares[..., -1] = below[..., 0], 1 - below[..., -1]
    np.subtract(below[..., 1:], below[..., :-1], out=shares[..., 1:-1])
    return shares


def _is_unit(values: Values, scores: Floats, best: int, precision: float, *, share: float = 1.0) -> bool:
    """Say whether it is the best unit, and no other: neither one of the table nor one with nearly its factor."""
    unit, others = UNITS[best], np.delete(scores, best)
    if others.min() < scores[best] + _MARGIN:
        return False
    return _is_precise(values, unit, _WITH_OFFSET * precision if unit.offset else precision, share=share)


def _is_precise(values: Values, unit: Unit, precision: float, *, share: float = 1.0, falling: bool = False) -> bool:
    """Say whether a unit explains more than it would with a slightly larger or smaller factor, and by enough bins."""
    bins = np.count_nonzero(values.now * values.noise.window >= _FEWEST_ROWS)
    if bins < (_FEWEST_BINS if unit not in UNITS or not unit.offset else _FEWEST_WITH_OFFSET):
        return False
    back, others = unit.back(values.cuts), (1 + precision, 1 / (1 + precision))
    if unit.inverse is not None:
        before = [back, *(unit.inverse(values.cuts / factor) for factor in others)]
    elif unit.offset:
        # spread about the middle, and moved from there
        wider = [values.middle + (back - values.middle) / factor for factor in others if unit.factor != 1]
        before = [back, *wider]
        before += [back + precision * values.scale * sign for sign in (-1, 1)]
    else:
        before = [back, *(back / factor for factor in others)]
    expected, unsure = mapped(values, np.stack(before), falling=falling)
    expected, unsure = values.was + share * (expected - values.was), share**2 * unsure
    scores = misfit(values.now, expected, values.noise, unsure)
    return bool((scores[1:] >= scores[0] + _LIKELY).all())


def _starts(values: Values) -> tuple[float, float, float, float] | None:
    """Return an offset, a factor, and both together, from quantiles; None where too few are in range."""
    level = np.cumsum(values.now)[:-1]
    inside = (level > _INNER[0]) & (level < _INNER[1])
    if np.count_nonzero(inside) < 2:
        return None
    y = values.cuts[inside]
    x = values.quantiles(level[inside])
    offset = float(np.median(y - x))
    dx = x - x.mean()
    spread = float(dx @ dx)
    slope = float(dx @ (y - y.mean())) / spread if spread > 0 else 1.0
    factor = float(x @ y) / max(float(x @ x), 1e-300)
    if slope <= 0:
        slope = 1.0
    return offset, factor if factor > 0 else 1.0, slope, float(np.median(y - slope * x))


def _fitted(values: Values) -> Iterator[Hypothesis]:
    """Search the best offset, the best factor, and the best pair of both, near where quantiles place them."""
    starts = _starts(values)
    if starts is None:
        return
    offset, factor, slope, base = starts
    middle = values.middle
    far, lines = max(abs(middle), values.scale), len(_LINE)
    a, b = np.ones((2 * lines + len(_GRID), 1)), np.zeros((2 * lines + len(_GRID), 1))
    for step in _ROUNDS:
        slopes = slope * np.exp(step * _GRID[:, 0])
        a[lines : 2 * lines, 0] = factor * np.exp(step * values.scale / far * _LINE)
        a[2 * lines :, 0] = slopes
        b[:lines, 0] = offset + step * values.scale * _LINE
        b[2 * lines :, 0] = base + (slope - slopes) * middle + step * slope * values.scale * _GRID[:, 1]
        expected = shares_of(values.below((values.cuts - b) / a))
        scores = misfit(values.now, expected, values.noise, values.usual_doubt)
        best = [int(scores[:lines].argmin()), lines + int(scores[lines : 2 * lines].argmin())]
        best.append(2 * lines + int(scores[2 * lines :].argmin()))
        offset, factor = float(b[best[0], 0]), float(a[best[1], 0])
        slope, base = float(a[best[2], 0]), float(b[best[2], 0])
    expected, unsure = mapped(values, (values.cuts - b[best]) / a[best])
    error = values.scale * float(np.sqrt(values.noise.rate))
    moved = roundest(offset, error)
    change = Change("shift", f"is shifted by about {signed(moved)}", factor=1.0, offset=moved)
    more: tuple[ChangeKind, ...] = ("affine", "spread")
    yield Hypothesis(change, expected[0], 1.0, unsure[0], more, _if_precise(values, 1.0, offset))
    times = roundest(factor, error / far * factor)
    change = Change("scale", f"is scaled by about {factor_text(times)}", factor=times, offset=0.0)
    yield Hypothesis(change, expected[1], 1.0, unsure[1], more, _if_precise(values, factor, 0.0))
    change = _both(values, slope, base, error)
    # any two bells are a factor and an offset apart: a month from the next one, too
    sure = _if_precise(values, slope, base) if change.kind != "affine" else _never
    yield Hypothesis(change, expected[2], 2.0, unsure[2], (), sure)
    # half of the rows may have moved twice as far: as in a window of before and after
    twice = [values.cuts - 2 * offset, values.cuts / max(2 * factor - 1, 1e-3)]
    expected, unsure = mapped(values, np.stack(twice))
    for shares, doubt in zip(expected, unsure, strict=True):
        yield Hypothesis(None, values.was / 2 + shares / 2, 2.0, doubt / 4)


def _never() -> bool:
    return False


def _if_precise(values: Values, factor: float, offset: float) -> Callable[[], bool]:
    """Return what says whether a factor and an offset are known to some precision, and move values at all."""

    def is_precise() -> bool:
        places = values.quantiles(np.array([0.1, 0.5, 0.9]))
        moved = float(np.abs((factor - 1) * places + offset).max())
        inside = float(values.now[2:-2].sum())
        far = moved >= _LEAST_MOVED * values.scale
        return far and inside >= _INSIDE and _is_precise(values, Unit("", factor, offset), _PRECISE_FACTOR)

    return is_precise


def _both(values: Values, factor: float, offset: float, error: float) -> Change:
    """Tell a factor and an offset: as a spread where the middle stays where it is."""
    low, high = values.quantiles(np.array([0.2, 0.8]))
    fixed = offset / (1 - factor) if factor != 1 else np.inf
    slope = roundest(factor, error / values.scale * factor)
    base = roundest(offset + (factor - slope) * values.middle, error * factor)
    if abs(factor - 1) <= 2 * error / values.scale * factor:
        moved = roundest(offset + (factor - 1) * values.middle, error)
        return Change("shift", f"is shifted by about {signed(moved)}", factor=1.0, offset=moved)
    if abs(offset) <= 2 * error * factor * max(abs(values.middle) / values.scale, 1.0):
        times = factor + offset / values.middle if abs(values.middle) > values.scale else factor
        times = roundest(times, error / max(abs(values.middle), values.scale) * factor)
        return Change("scale", f"is scaled by about {factor_text(times)}", factor=times, offset=0.0)
    if low <= fixed <= high:
        wider = "spread out" if slope > 1 else "drawn together"
        text = f"is {wider} by {factor_text(slope)} about {amount(fixed, values.scale)}"
        return Change("spread", text, factor=slope, offset=base)
    return Change("affine", f"moved by {factor_text(slope)} {offset_text(base)}", factor=slope, offset=base)


def _by(unit: Unit) -> str:
    if unit.inverse is not None:
        return ""
    if unit.factor == 1:
        return f" ({signed(unit.offset)})"
    return f" ({factor_text(unit.factor)}{f' {offset_text(unit.offset)}' if unit.offset else ''})"


def _numbers(unit: Unit) -> Numbers:
    return {} if unit.inverse is not None else {"factor": unit.factor, "offset": unit.offset}

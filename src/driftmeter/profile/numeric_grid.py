"""The bins of a number: cuts between the values of the reference, and bins for what lies outside of its range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from driftmeter.profile import bin_names
from driftmeter.types import JSON, Floats

_LARGEST = float(np.finfo(np.float64).max)
DIGITS = 6
"""Significant digits that the cuts tell apart: a value falls in the same bin as its float32, as its text of six digits,
and as the same sum added up in another order."""
_SINGLE, _DOUBLE = 23, 48
"""Bits to which numbers are told apart: as float32, and as float64 after some arithmetic."""
_FEWEST_STEPS = 1
"""Steps of a precision that the middle half of the values must span for it to be fine enough."""


@dataclass(frozen=True)
class NumericGrid:
    """Bins of a number, in the order of the number line.

    `cuts` ascend: the far low bound, a cut just below the reference's minimum, the inner cuts, one just above the
    maximum, the far high bound. A finite x is in bin `searchsorted(cuts, x, side="right")`, so that the bins are far
    below, below, the core, above, far above; behind them come missing, not finite, unreadable. No cut is as near to a
    value of the reference as rounding could move that value. `atoms` has, for each bin of the core, the single value
    that the reference held in it, or None where it held several.

    Three distinct values have a bin each; the range ends a hair outside of them, and its far bounds are half as far
    from the extremes as the median is:

    >>> grid = NumericGrid.fit(np.array([20.0, 0.0, 10.0, 10.0]), bins=64)
    >>> [float(f"{cut:.5g}") for cut in grid.cuts]
    [-5.0, -2e-08, 5.0, 15.0, 20.0, 25.0]
    >>> grid.atoms, grid.labels[:7]
    ((0.0, 10.0, 20.0), ('far below', 'below', '0', '10', '20', 'above', 'far above'))
    >>> [grid.labels[index] for index in grid.edges.searchsorted([10.4, 21, 99], side="right")]
    ['10', 'above', 'far above']

    More values share bins of equal numbers of rows:

    >>> NumericGrid.fit(np.arange(200.0, 1200.0), bins=4).labels[2:6]
    ('[200, 449.5)', '[449.5, 699.5)', '[699.5, 949.5)', '[949.5, 1199)')
    """

    cuts: tuple[float, ...]
    atoms: tuple[float | None, ...]

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.cuts) + 4

    @property
    def core(self) -> slice:
        """The bins between the reference's minimum and maximum."""
        return slice(2, len(self.cuts) - 1)

    @property
    def present(self) -> slice:
        """All bins of finite values, in order."""
        return slice(0, len(self.cuts) + 1)

    @cached_property
    def special(self) -> dict[str, int]:
        """Index of the bins outside the core."""
        n = len(self.cuts)
        return {
            bin_names.FAR_BELOW: 0,
            bin_names.BELOW: 1,
            bin_names.ABOVE: n - 1,
            bin_names.FAR_ABOVE: n,
            bin_names.MISSING: n + 1,
            bin_names.NOT_FINITE: n + 2,
            bin_names.UNREADABLE: n + 3,
        }

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The names of all bins: an atom by its value, the rest of the core as half-open intervals."""
        # the outermost cuts are a hair beyond the extremes: that hair is not shown
        low, high = self.cuts[1], self.cuts[-2]
        form = ".5g" if high - low > 1e-3 * max(abs(low), abs(high)) else ".9g"
        edges = [f"{low:{form}}", *(f"{cut:.9g}" for cut in self.cuts[2:-2]), f"{high:{form}}"]
        core = [f"[{edges[i]}, {edges[i + 1]})" if atom is None else f"{atom:.9g}" for i, atom in enumerate(self.atoms)]
        behind = (bin_names.MISSING, bin_names.NOT_FINITE, bin_names.UNREADABLE)
        return (*bin_names.BELOW_RANGE, *core, *bin_names.ABOVE_RANGE, *behind)

    @cached_property
    def edges(self) -> Floats:
        """The cuts as an array."""
        return np.array(self.cuts, dtype=np.float64)

    def with_cut(self, cut: float, values: Floats) -> NumericGrid:
        """Return the grid with a cut at a number, such as a threshold; `values` are the reference's.

        Where no value lies between it and the next cut, it replaces that one. Raises ValueError where the number is not
        above the least and at most the largest of the values.

        >>> scores = np.array([0.1, 0.2, 0.4, 0.9])
        >>> NumericGrid.fit(scores, bins=2).with_cut(0.5, scores).labels[3:5]
        ('0.4', '0.9')
        """
        ordered = np.sort(values[np.isfinite(values)])
        if not len(ordered) or not ordered[0] < cut <= ordered[-1]:
            raise ValueError("expected a number above the least and at most the largest value of the reference")
        if cut in self.cuts:
            return self
        bin_ = int(self.edges.searchsorted(cut, side="right"))
        low, high = self.cuts[bin_ - 1], self.cuts[bin_]
        inside = ordered[(ordered >= low) & (ordered < high)]
        cuts, atoms = list(self.cuts), list(self.atoms)
        if not (inside < cut).any():
            cuts[bin_ - 1] = cut
        elif not (inside >= cut).any():
            cuts[bin_] = cut
        else:
            parts = (np.unique(inside[inside < cut]), np.unique(inside[inside >= cut]))
            atoms[bin_ - 2 : bin_ - 1] = [float(part[0]) if len(part) == 1 else None for part in parts]
            cuts.insert(bin_, cut)
        return NumericGrid(tuple(cuts), tuple(atoms))

    def to_json(self) -> JSON:
        """Return plain JSON; floats round-trip."""
        return {"cuts": list(self.cuts), "atoms": list(self.atoms)}

    @classmethod
    def from_json(cls, data: JSON) -> NumericGrid:
        """Read what `to_json` wrote; raises ValueError where the cuts do not ascend or the atoms do not fit."""
        cuts = tuple(float(cut) for cut in data["cuts"])
        if len(cuts) < 4 or not all(map(math.isfinite, cuts)) or list(cuts) != sorted(cuts):
            raise ValueError(f"expected at least 4 finite ascending cuts, got {len(cuts)}: {cuts[:5]}…")
        atoms = tuple(None if atom is None else float(atom) for atom in data["atoms"])
        if len(atoms) != len(cuts) - 3:
            raise ValueError(f"expected an atom or null for each of {len(cuts) - 3} bins, got {len(atoms)}")
        return cls(cuts, atoms)

    @classmethod
    def fit(cls, values: Floats, *, bins: int, whole: bool = False, noise: float = 0.0) -> NumericGrid:
        """Place the cuts by the finite values of a reference, in any order.

        Where at most `bins` values can be told apart, each has a bin. Else the bins hold equal shares of the rows, but
        a value that alone fills more than one bin has a bin by itself. `whole` says that the values are integers,
        which are never rounded to six digits. `noise`, in the unit of the values, is the least distance by which
        rounding is taken to move a value.
        """
        ordered = np.sort(values) + 0.0  # -0.0 becomes 0.0: the order of the two must not show
        if ordered.size == 0:
            ordered = np.zeros(1)
        distinct, rows = np.unique(ordered, return_counts=True)
        bits = _precision(ordered, len(distinct) > bins, whole)
        unit, parting = _gaps(distinct, rows, bins, bits, noise)
        starts = _bin_starts(rows, parting, bins)
        lasts = np.append(starts[1:], len(distinct)) - 1
        inner = [
            float(parting[at - 1]) if math.isfinite(parting[at - 1]) else _roundest(*distinct[at - 1 : at + 1].tolist())
            for at in starts[1:].tolist()
        ]
        alone = distinct[lasts] - distinct[starts] <= np.append(unit, 0.0)[starts]
        atoms = tuple(float(distinct[at]) if one else None for at, one in zip(starts, alone, strict=True))
        return cls(_with_outer_cuts(ordered, inner, bits, whole, noise), atoms)


def _bin_starts(rows: npt.NDArray[np.intp], parting: Floats, bins: int) -> npt.NDArray[np.intp]:
    """Return the index of the first distinct value of each core bin, ascending, at most `bins`.

    `rows` (values,) is the number of rows of each distinct value; `parting` (values - 1,) is NaN between two values
    that no cut can separate, see `_gaps`. Where more values can be separated than there are bins, the bins hold equal
    shares of the rows; a value that fills more than one bin has a bin by itself.

    >>> _bin_starts(np.array([1, 1, 6, 1, 1]), np.full(4, np.inf), bins=3).tolist()
    [0, 2, 3]
    """
    # values that no cut can separate are one
    firsts: npt.NDArray[np.intp] = np.flatnonzero(np.append(True, ~np.isnan(parting)))
    if len(firsts) <= bins:
        return firsts
    ends = np.cumsum(np.add.reduceat(rows, firsts))
    ranks = np.arange(bins) * int(ends[-1]) // bins
    chosen, times = np.unique(np.searchsorted(ends, ranks, side="right"), return_counts=True)
    after_ties = chosen[times > 1] + 1
    starts: npt.NDArray[np.intp] = firsts[np.unique([0, *chosen, *after_ties[after_ties < len(firsts)]])]
    return starts


def _with_outer_cuts(
    ordered: Floats, inner: list[float], bits: int | None, whole: bool, noise: float
) -> tuple[float, ...]:
    """Return the inner cuts between those just outside the extremes of ascending values, and the far bounds.

    The far bounds are half as far from the extremes as the median is. For `bits` see `_precision`, for `whole` and
    `noise` see `NumericGrid.fit`.
    """
    low, high = float(ordered[0]), float(ordered[-1])
    median = float(ordered[(len(ordered) - 1) // 2])
    # a sum in another order is off in proportion to what was added up, even where the sum should be 0
    least = max(0.5 if whole else 1e-9 * max(abs(low), abs(high)), noise, 1e-300)
    margins = np.maximum(2 * _unit(ordered[[0, -1]], bits), least)
    bottom, top = low - float(margins[0]), high + float(margins[1])
    if not math.isfinite(bottom):
        bottom = -_LARGEST
    top = min(top, _LARGEST)
    far_low, far_high = low - (median / 2 - low / 2), high + (high / 2 - median / 2)
    cuts = [min(far_low, bottom), bottom, *inner, top, max(far_high, top)]
    return tuple(float(cut) for cut in np.clip(cuts, -_LARGEST, _LARGEST))


def _precision(ordered: Floats, many: bool, whole: bool) -> int | None:
    """Return the number of bits to which values are told apart, None for six decimal digits.

    It is six digits, for integers the bits of float32. Where there are `many` distinct values, and their middle half
    lies within one step of that precision (as with numbers about a million that vary by one), the precision is the next
    finer one in which it does not: there, rounding to six digits or to float32 loses the information, and must show as
    drift.
    """
    first, last = float(ordered[len(ordered) // 4]), float(ordered[3 * len(ordered) // 4])
    for bits in (_SINGLE, _DOUBLE) if whole else (None, _SINGLE, _DOUBLE):
        step = float(_unit(np.array([max(abs(first), abs(last))]), bits)[0])
        if not many or last / 2 - first / 2 >= _FEWEST_STEPS / 2 * step:
            return bits
    return _DOUBLE


def _unit(values: Floats, bits: int | None) -> Floats:
    """Return the distance between neighbouring numbers of a precision at each value, same shape."""
    size = np.maximum(np.abs(values), np.finfo(np.float64).tiny)
    with np.errstate(under="ignore", over="ignore"):
        decimal, binary = np.floor(np.log10(size)), np.floor(np.log2(size))
        unit: Floats = 10.0 ** (decimal - (DIGITS - 1)) if bits is None else 2.0 ** (binary - bits)
    return unit


def _gaps(
    distinct: Floats, rows: npt.NDArray[np.intp], bins: int, bits: int | None, noise: float
) -> tuple[Floats, Floats]:
    """Return how far rounding may move each two neighbours of ascending values, and where to cut between them.

    Both have the shape (values - 1,). The second is infinite where a cut may lie anywhere between the two, NaN where it
    may lie nowhere, else the one place where it may lie. Values that are no farther apart than rounding may move them
    are separated only where rounding itself separates numbers: half way between two numbers of that precision, if that
    place lies between the values and no frequent value is near it.
    """
    low, high = distinct[:-1], distinct[1:]
    unit = np.maximum(np.maximum(_unit(low, bits), _unit(high, bits)), noise)
    with np.errstate(over="ignore"):
        apart = high / 2 - low / 2 >= 2 * unit
    parting = np.where(apart, np.inf, np.nan)
    near = np.flatnonzero(~apart)
    if near.size:
        step = unit[near]
        half = (np.floor(low[near] / step + 0.5) + 0.5) * step  # the first half unit above the lower one
        # how far the next finer precision may move a value at that place
        reach = np.maximum(np.abs(half) * 2.0 ** -(_SINGLE if bits is None else _DOUBLE), noise / 2)
        # rows that cross a cut in both directions even out, those of one frequent value cross it all at once
        heavy = np.append(distinct[rows > max(1.0, rows.sum() / (2 * bins))], np.inf)
        light = heavy[np.searchsorted(heavy, half - reach)] > half + reach
        parting[near] = np.where((low[near] < half) & (half <= high[near]) & light, half, np.nan)
    return unit, parting


def _roundest(low: float, high: float) -> float:
    """Return the number with the fewest digits in the middle half of an interval.

    >>> _roundest(1.9, 3.2), _roundest(100.01, 100.02)
    (2.5, 100.015)
    """
    quarter = high / 4 - low / 4
    first, last = low + quarter, high - quarter
    middle = low / 2 + high / 2
    for digits in range(1, 17):
        candidate = float(f"{middle:.{digits}g}")
        if first <= candidate <= last:
            return candidate
    return middle

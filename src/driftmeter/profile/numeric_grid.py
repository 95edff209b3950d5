"""The bins of a number: cuts between the reference's values, its atoms apart, and bins for what lies outside."""

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
"""Significant digits that the cuts tell apart: what comes as float32, as text of so many digits, or added up in another
order falls in the same bin."""


_SINGLE, _DOUBLE = 23, 48
"""Bits to which float32 tells numbers apart, and float64 after some arithmetic."""


_FEWEST_STEPS = 1


@dataclass(frozen=True)
class NumericGrid:
    """Bins of a number, in the order of the number line.

    `cuts` ascend: the far low bound, just below the reference's minimum, the inner edges, just above the maximum,
    the far high bound. A finite x is in bin `searchsorted(cuts, x, side="right")`, so that the bins are far below,
    below, the core, above, far above; behind them come missing, not finite, unreadable. No cut is as near to a value
    of the reference as rounding could move it. `atoms` has, for each bin of the core, the one value that the reference
    held in it, or None where it held several.
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
        """The value of an atom, half-open intervals for the rest of the core, names for what is beyond it."""
        # the outermost cuts are a hair beyond the extremes, which need not be seen
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

    def to_json(self) -> JSON:
        """Plain JSON; floats round-trip."""
        return {"cuts": list(self.cuts), "atoms": list(self.atoms)}

    @classmethod
    def from_json(cls, data: JSON) -> NumericGrid:
        """Read what `to_json` wrote; raises ValueError where the cuts do not ascend."""
        cuts = tuple(float(cut) for cut in data["cuts"])
        if len(cuts) < 4 or not all(map(math.isfinite, cuts)) or list(cuts) != sorted(cuts):
            raise ValueError(f"expected at least 4 finite ascending cuts, got {len(cuts)}: {cuts[:5]}…")
        atoms = tuple(None if atom is None else float(atom) for atom in data["atoms"])
        if len(atoms) != len(cuts) - 3:
            raise ValueError(f"expected an atom or null for each of {len(cuts) - 3} bins, got {len(atoms)}")
        return cls(cuts, atoms)

    @classmethod
    def fit(cls, values: Floats, *, bins: int, whole: bool = False, noise: float = 0.0) -> NumericGrid:
        """Place the cuts by the finite values of a reference.

        Where at most `bins` values can be told apart each has a bin; else the bins hold equal shares, but a value that
        alone fills more than a bin is a bin by itself. `whole` says that the values are integers, which nobody
        rounds to six digits; `noise` is how far values may move at least, in their own unit. Depends on the values,
        never on their order.
        """
        ordered = np.sort(values) + 0.0  # -0.0 becomes 0.0: which of them came first must not show
        if ordered.size == 0:
            ordered = np.zeros(1)
        distinct, rows = np.unique(ordered, return_counts=True)
        bits = _precision(ordered, len(distinct) > bins, whole)
        unit, parting = _gaps(distinct, rows, bins, bits, noise)
        firsts = np.flatnonzero(np.append(True, ~np.isnan(parting)))  # values that no cut can part are one
        starts = np.arange(len(firsts))
        if len(firsts) > bins:
            ends = np.cumsum(np.add.reduceat(rows, firsts))
            ranks = np.arange(bins) * len(ordered) // bins
            chosen, times = np.unique(np.searchsorted(ends, ranks, side="right"), return_counts=True)
            after_ties = chosen[times > 1] + 1
            starts = np.unique(np.concatenate([[0], chosen, after_ties[after_ties < len(firsts)]]))
        begins = firsts[starts]
        lasts = np.append(begins[1:], len(distinct)) - 1
        inner = [
            float(parting[at - 1]) if math.isfinite(parting[at - 1]) else _roundest(*distinct[at - 1 : at + 1].tolist())
            for at in begins[1:].tolist()
        ]
        alone = distinct[lasts] - distinct[begins] <= np.append(unit, 0.0)[begins]
        atoms = tuple(float(distinct[at]) if one else None for at, one in zip(begins, alone, strict=True))
        low, high = float(ordered[0]), float(ordered[-1])
        median = float(ordered[(len(ordered) - 1) // 2])
        # a sum in another order is off by the size of what was added up, even where it should be 0
        least = max(0.5 if whole else 1e-9 * max(abs(low), abs(high)), noise, 1e-300)
        margins = np.maximum(2 * _unit(ordered[[0, -1]], bits), least)
        bottom, top = low - float(margins[0]), high + float(margins[1])
        if not math.isfinite(bottom):
            bottom = -_LARGEST
        top = min(top, _LARGEST)
        far_low, far_high = low - (median / 2 - low / 2), high + (high / 2 - median / 2)
        cuts = [min(far_low, bottom), bottom, *inner, top, max(far_high, top)]
        return cls(tuple(float(cut) for cut in np.clip(cuts, -_LARGEST, _LARGEST)), atoms)


def _precision(ordered: Floats, many: bool, whole: bool) -> int | None:
    """Return to how many bits values are told apart, None for six decimal digits.

    Six digits; integers as float32 has them. Where the middle half of `many` different values would be told apart by
    less than a step, as of numbers about a million that vary by one, the next finer precision in which it would
    not: there six digits or float32 are no rounding, but a loss that is to be seen.
    """
    first, last = float(ordered[len(ordered) // 4]), float(ordered[3 * len(ordered) // 4])
    for bits in (_SINGLE, _DOUBLE) if whole else (None, _SINGLE, _DOUBLE):
        step = float(_unit(np.array([max(abs(first), abs(last))]), bits)[0])
        if not many or last / 2 - first / 2 >= _FEWEST_STEPS / 2 * step:
            return bits
    return _DOUBLE


def _unit(values: Floats, bits: int | None) -> Floats:
    """Return how far neighbours of such a precision are apart at each value."""
    size = np.maximum(np.abs(values), np.finfo(np.float64).tiny)
    with np.errstate(under="ignore", over="ignore"):
        decimal, binary = np.floor(np.log10(size)), np.floor(np.log2(size))
        unit: Floats = 10.0 ** (decimal - (DIGITS - 1)) if bits is None else 2.0 ** (binary - bits)
    return unit


def _gaps(
    distinct: Floats, rows: npt.NDArray[np.intp], bins: int, bits: int | None, noise: float
) -> tuple[Floats, Floats]:
    """Return for each two neighbours of ascending values, shape (values - 1,), how near rounding may bring numbers, and
    where a cut may part the two: anywhere (infinity), only there, or nowhere (NaN).

    Values that are as near as rounding may move them are parted where rounding parts numbers: half way between two that
    have so many digits, if such a place lies between them, and no frequent value lies on it.
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
        # how the next finer precision may move what lies there
        reach = np.maximum(np.abs(half) * 2.0 ** -(_SINGLE if bits is None else _DOUBLE), noise / 2)
        # single rows that cross a cut both ways make up for each other, those of one value do not
        heavy = np.append(distinct[rows > max(1.0, rows.sum() / (2 * bins))], np.inf)
        light = heavy[np.searchsorted(heavy, half - reach)] > half + reach
        parting[near] = np.where((low[near] < half) & (half <= high[near]) & light, half, np.nan)
    return unit, parting


def _roundest(low: float, high: float) -> float:
    """Return the number with the fewest digits in the middle half of an interval."""
    quarter = high / 4 - low / 4
    first, last = low + quarter, high - quarter
    middle = low / 2 + high / 2
    for digits in range(1, 17):
        found = float(f"{middle:.{digits}g}")
        if first <= found <= last:
            return found
    return middle

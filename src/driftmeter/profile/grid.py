"""Grids: which bin of a feature a value falls in, fixed by the reference for good."""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
import numpy.typing as npt

from driftmeter.profile.values import CategoryType, other_ways, texts_of
from driftmeter.types import JSON, Floats

_LARGEST = float(np.finfo(np.float64).max)
DIGITS = 6
"""Significant digits that the cuts tell apart: what comes as float32, as text of so many digits, or added up in another
order falls in the same bin."""
_SINGLE, _DOUBLE = 23, 48
"""Bits to which float32 tells numbers apart, and float64 after some arithmetic."""
_FEWEST_STEPS = 1
MOST_HASHED = 1024
MOST_KNOWN = 100_000
"""Categories whose hashes a grid keeps: with more, none is ever told to be new."""


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
            "far below": 0,
            "below": 1,
            "above": n - 1,
            "far above": n,
            "missing": n + 1,
            "not finite": n + 2,
            "unreadable": n + 3,
        }

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The value of an atom, half-open intervals for the rest of the core, names for what is beyond it."""
        # the outermost cuts are a hair beyond the extremes, which need not be seen
        low, high = self.cuts[1], self.cuts[-2]
        form = ".5g" if high - low > 1e-3 * max(abs(low), abs(high)) else ".9g"
        edges = [f"{low:{form}}", *(f"{cut:.9g}" for cut in self.cuts[2:-2]), f"{high:{form}}"]
        core = [f"[{edges[i]}, {edges[i + 1]})" if atom is None else f"{atom:.9g}" for i, atom in enumerate(self.atoms)]
        return ("far below", "below", *core, "above", "far above", "missing", "not finite", "unreadable")

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


@dataclass(frozen=True)
class CategoryGrid:
    """Bins of a category: one for each frequent one, some for the rest together, then unseen, missing, unreadable.

    The rest, known categories without a bin of their own, share `hashed` bins by their hash, so that a few of them that
    take over or vanish are seen; with one it is called other. As many are for unseen categories: the rest and the
    unseen of one hash together have the same expectation in every sample, which neither has alone. `others` are the
    64-bit hashes of the rest, ascending; None means that there were too many to keep, and then nothing is ever unseen.
    `once` is the number of categories that the reference held exactly once: by Good–Turing, what unseen may expect;
    `twice` that of those it held exactly twice: they say how many rows of one unseen category come together.

    A category has a bin from `fewest` rows on; 0 where the bins were fixed without a look at the counts. So
    chance chose some of them, by rows that the same category will not have again: `boundary` is how many.
    """

    categories: tuple[str, ...]
    others: tuple[int, ...] | None
    once: int = 0
    dtype: CategoryType = "string"
    fewest: int = 0
    boundary: int = 0
    hashed: int = 1
    twice: int = 0

    def clustering(self, rows: int) -> float:
        """Return how much more the number of unseen rows varies than rows that come by themselves, beside a reference
        of `rows` with a category, per share of the window in both samples.

        The estimate N₁/m of what is unseen has the variance (N₁(1 − N₁/m) + 2N₂)/m², of which the second part is that
        rows of one category come together. Source: Esty (1983), eq. 1.2.
        """
        alone = self.once * (1 - self.once / max(rows, 1))
        return 2 * self.twice / max(alone, 1.0)

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(self.unseen.stop) + 2

    @property
    def rest(self) -> slice:
        """The bins of categories without one of their own."""
        return slice(len(self.categories), len(self.categories) + self.hashed)

    @property
    def unseen(self) -> slice:
        """The bins of categories that the reference did not hold."""
        start = self.rest.stop
        return slice(start, start + (1 if self.others is None else self.hashed))

    @property
    def present(self) -> slice:
        """All bins of categories, known or not."""
        return slice(0, self.unseen.stop)

    @cached_property
    def special(self) -> dict[str, int]:
        """Index of the bins of rows without a category."""
        return {"missing": self.unseen.stop, "unreadable": self.unseen.stop + 1}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The categories themselves, then the names of the other bins."""
        parts = [f" {index + 1} of {self.hashed}" for index in range(self.hashed)] if self.hashed > 1 else [""]
        rest, unseen = [f"other{part}" for part in parts], [f"unseen{part}" for part in parts]
        return (*self.categories, *rest, *unseen[: self.unseen.stop - self.unseen.start], "missing", "unreadable")

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The bins of the categories in an order that no count decided: by hash, or as they were fixed."""
        bins = range(len(self.categories))
        return tuple(sorted(bins, key=lambda index: hash64(self.categories[index])) if self.fewest else bins)

    @cached_property
    def _bins(self) -> dict[str, int]:
        return {category: index for index, category in enumerate(self.categories)}

    @cached_property
    def _others(self) -> frozenset[int] | None:
        return None if self.others is None else frozenset(self.others)

    @cached_property
    def _numbers(self) -> dict[float, int]:
        """Bins of texts that are numbers, by the number; not of those that two texts are."""
        numbers = {text: number for text in self.categories if (number := _number_in(text)) is not None}
        once = Counter(numbers.values())
        return {number: self._bins[text] for text, number in numbers.items() if once[number] == 1}

    def bin_of(self, value: object) -> int:
        """Return the bin of a value, as `values` has it; raises what `texts_of` raises where it is no category.

        Of the texts that it may go by, the first that the reference knew decides: a reference that wrote "1.0" knows
        the number 1.
        """
        texts = texts_of(value, self.dtype)
        if not texts:
            return self.special["missing"]
        found = self._known(texts)
        if found is None and isinstance(value, str) and self.dtype == "string":
            found = self._known(other_ways(value))
        elif found is None and len(texts) > 1:
            number = _number_in(texts[-1])
            found = None if number is None else self._numbers.get(number)
        if found is not None:
            return found
        start = self.rest.start if self.others is None else self.unseen.start
        return int(start) + hash64(texts[0]) % self.hashed

    def _known(self, texts: Iterable[str]) -> int | None:
        """Return the bin of the first of some texts that is a known category, those with a bin of their own first."""
        for text in texts:
            found = self._bins.get(text)
            if found is not None:
                return found
        if self._others:
            for text in texts:
                hash_ = hash64(text)
                if hash_ in self._others:
                    return int(self.rest.start) + hash_ % self.hashed
        return None

    def to_json(self) -> JSON:
        """Plain JSON; the hashes as base64 of little-endian 64-bit integers."""
        packed = None
        if self.others is not None:
            packed = base64.b64encode(np.array(self.others, dtype="<u8").tobytes()).decode()
        return {
            "categories": list(self.categories),
            "others": packed,
            "once": self.once,
            "dtype": self.dtype,
            "fewest": self.fewest,
            "boundary": self.boundary,
            "hashed": self.hashed,
            "twice": self.twice,
        }

    @classmethod
    def from_json(cls, data: JSON) -> CategoryGrid:
        """Read what `to_json` wrote; raises ValueError or TypeError where something else stands there."""
        others = data["others"]
        if others is not None:
            others = tuple(np.frombuffer(base64.b64decode(others), dtype="<u8").tolist())
        if data["dtype"] not in get_args(CategoryType) or not all(isinstance(each, str) for each in data["categories"]):
            raise ValueError(f"expected texts as categories, of type {get_args(CategoryType)}, got {data['dtype']!r}")
        own, fewest, boundary = tuple(data["categories"]), integer_of(data["fewest"]), integer_of(data["boundary"])
        if boundary > len(own) * fewest:
            raise ValueError(f"expected a boundary of at most {len(own) * fewest} rows, got {boundary}")
        once = integer_of(data["once"])
        hashed = integer_of(data["hashed"])
        if not 1 <= hashed <= MOST_HASHED:
            raise ValueError(f"expected 1 to {MOST_HASHED} hashed bins, got {hashed}")
        return cls(own, others, once, data["dtype"], fewest, boundary, hashed, integer_of(data["twice"]))

    @classmethod
    def fit(
        cls,
        counts: Mapping[str, int],
        *,
        dtype: CategoryType,
        min_rows: int,
        most_bins: int,
        most_known: int,
    ) -> CategoryGrid:
        """Give the most frequent categories bins of their own; `counts` maps canonical text to rows.

        They are those with `min_rows` rows, or with as many more as leave at most `most_bins` of them: of
        equally frequent categories either all have a bin or none. Only where all are equally frequent their
        hash decides, which no count has a say in.
        """
        ranked = sorted(counts.items(), key=lambda item: (-item[1], hash64(item[0])))
        fewest = max(min_rows, ranked[most_bins][1] + 1) if len(ranked) > most_bins else min_rows
        if ranked and min_rows <= ranked[0][1] < fewest:
            fewest = ranked[0][1]
        chosen = [(-rows, text) for text, rows in ranked[:most_bins] if rows >= fewest and is_utf8(text)]
        own = tuple(text for _, text in sorted(chosen))
        taken = set(own)
        rest = [text for text in counts if text not in taken] if len(counts) <= most_known else []
        others = None if len(counts) > most_known else tuple(sorted(map(hash64, rest)))
        once, twice = (sum(rows == times for rows in counts.values()) for times in (1, 2))
        near = sum(near_boundary(counts[text], fewest) for text in own)
        boundary = _boundary(counts.values(), fewest, near)
        return cls(own, others, once, dtype, fewest, boundary, _hashed(len(counts) - len(own)), twice)

    @classmethod
    def boolean(cls) -> CategoryGrid:
        """The grid of every boolean feature."""
        return cls(("false", "true"), (), 0, "boolean")


def _hashed(rest: int) -> int:
    """Return how many bins so many categories share: a power of two, twice as many as they are, so that most are by
    themselves, up to a limit."""
    return 1 if rest < 2 else min(MOST_HASHED, 1 << (2 * rest - 1).bit_length())


def _number_in(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def near_boundary(rows: int, fewest: int) -> bool:
    """Say whether a category of so many rows may owe its bin to chance: it is within two standard deviations."""
    return 0 < fewest <= rows <= fewest + 2 * math.sqrt(fewest)


def _boundary(counts: Collection[int], fewest: int, near: int) -> int:
    """Return how many rows chance gave to the categories that it lifted to `fewest` rows or more.

    Leave one out: those of the categories with exactly `fewest` rows, each of which is in a bin of its own
    only because it was itself counted. The number of such categories is read off a geometric curve through
    the counts within half a standard deviation, since it alone is too noisy for large windows. They are at
    most half of the `near` ones: a handful just below says little of the one just above. Where none fell just
    short there are none: a reference with as many rows of each category was so made, not drawn.
    Source: Good (1953), eq. 2; smoothing: Gale & Sampson (1995).
    """
    reach = max(1, round(math.sqrt(fewest) / 2))
    gaps = [rows - fewest for rows in counts if abs(rows - fewest) <= reach]
    if not near or min(gaps, default=0) >= 0:
        return 0
    slope = 3 * math.fsum(gaps) / (len(gaps) * reach * (reach + 1))
    expected = len(gaps) / math.fsum(math.exp(slope * gap) for gap in range(-reach, reach + 1))
    return round(fewest * min(expected, near / 2))


def hash64(text: str) -> int:
    """Hash a category to 64 bits, the same on every machine and in every version."""
    # JSON may carry half a surrogate pair, which is no UTF-8
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def is_utf8(text: str) -> bool:
    """Say whether a text can be written: JSON and pandas may hold half a surrogate pair, which can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def integer_of(value: object) -> int:
    """Return a number of rows as JSON had it; raises ValueError where it is none that a float could carry too."""
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(f"expected an integer from 0 to 2**53 - 1, got {str(value)[:40]}")
    return value

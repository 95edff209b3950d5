"""Grids: which bin of a feature a value falls in, fixed by the reference for good."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from driftmeter.types import JSON, Floats

CategoryType = Literal["string", "integer", "float", "boolean"]

_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class NumericGrid:
    """Bins of a number, in the order of the number line.

    `cuts` ascend: the far low bound, the reference's minimum, the inner edges, just above the maximum,
    just above the far high bound. A finite x is in bin `searchsorted(cuts, x, side="right")`, so that the
    bins are far below, below, the core, above, far above; behind them come missing and not finite.
    `single` says that values are rounded to float32 first, as the reference's were.
    """

    cuts: tuple[float, ...]
    single: bool = False

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.cuts) + 3

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
        }

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Half-open intervals for the core, names for the rest."""
        edges = self.cuts[1:-1]
        core = [f"[{low:.6g}, {high:.6g})" for low, high in pairwise(edges)]
        return ("far below", "below", *core, "above", "far above", "missing", "not finite")

    @cached_property
    def edges(self) -> Floats:
        """The cuts as an array."""
        return np.array(self.cuts, dtype=np.float64)

    def to_json(self) -> JSON:
        """Plain JSON; floats round-trip."""
        return {"cuts": list(self.cuts), "single": self.single}

    @classmethod
    def from_json(cls, data: JSON) -> NumericGrid:
        """Read what `to_json` wrote; raises ValueError where the cuts do not ascend."""
        cuts = tuple(float(cut) for cut in data["cuts"])
        if len(cuts) < 4 or not all(map(math.isfinite, cuts)) or list(cuts) != sorted(cuts):
            raise ValueError(f"expected at least 4 finite ascending cuts, got {len(cuts)}: {cuts[:5]}…")
        return cls(cuts, bool(data["single"]))

    @classmethod
    def fit(cls, values: Floats, *, bins: int, single: bool) -> NumericGrid:
        """Place the cuts by the finite values of a reference.

        At most `bins` distinct values get a bin each; else the bins hold equal shares, but a value that
        alone fills more than a bin is a bin by itself. Depends on the values, never on their order.
        """
        ordered = np.sort(values) + 0.0  # -0.0 becomes 0.0: which of them came first must not show
        if ordered.size == 0:
            ordered = np.zeros(1)
        starts = np.unique(ordered)
        if len(starts) > bins:
            ranks = np.arange(1, bins) * len(ordered) // bins
            chosen, times = np.unique(np.concatenate([ordered[:1], ordered[ranks]]), return_counts=True)
            after_ties = np.nextafter(chosen[times > 1], np.inf)
            starts = np.unique(np.concatenate([chosen, after_ties[after_ties <= ordered[-1]]]))
        low, high = float(ordered[0]), float(ordered[-1])
        median = float(ordered[(len(ordered) - 1) // 2])
        far_low, far_high = low - (median - low) / 2, high + (high - median) / 2
        with np.errstate(over="ignore"):  # beyond the largest number is clipped below
            outer = [np.nextafter(high, np.inf), np.nextafter(far_high, np.inf)]
        cuts = np.clip([far_low, *starts, *outer], -_LARGEST, _LARGEST)
        return cls(tuple(float(cut) for cut in cuts), single)


@dataclass(frozen=True)
class CategoryGrid:
    """Bins of a category: one for each frequent one, then other, unseen, missing.

    `others` are the 64-bit hashes of the known categories without a bin of their own, ascending; None means
    that there were too many to keep, and then nothing is ever `unseen`. `once` is the number of categories
    that the reference held exactly once: by Good–Turing, what `unseen` may expect. `single` says that numbers
    are rounded to float32 first, as the reference's were: 0.1 is not the same number as float32 and as float64.

    A category has a bin from `fewest` rows on; 0 where the bins were fixed without a look at the counts. So
    chance chose some of them, by rows that the same category will not have again: `boundary` is how many.
    """

    categories: tuple[str, ...]
    others: tuple[int, ...] | None
    once: int = 0
    dtype: CategoryType = "string"
    single: bool = False
    fewest: int = 0
    boundary: int = 0

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self.categories) + 3

    @property
    def present(self) -> slice:
        """All bins but `missing`."""
        return slice(0, len(self.categories) + 2)

    @cached_property
    def special(self) -> dict[str, int]:
        """Index of the bins that are not one category."""
        n = len(self.categories)
        return {"other": n, "unseen": n + 1, "missing": n + 2}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The categories themselves, then the names of the rest."""
        return (*self.categories, "other", "unseen", "missing")

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

    def bin_of(self, text: str | None) -> int:
        """Return the bin of a canonical text; None is missing."""
        n = len(self.categories)
        if text is None:
            return n + 2
        found = self._bins.get(text)
        if found is not None:
            return found
        known = self._others is None or hash64(text) in self._others
        return n if known else n + 1

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
            "single": self.single,
            "fewest": self.fewest,
            "boundary": self.boundary,
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
        return cls(own, others, once, data["dtype"], bool(data["single"]), fewest, boundary)

    @classmethod
    def fit(
        cls,
        counts: dict[str, int],
        *,
        dtype: CategoryType,
        min_rows: int,
        most_bins: int,
        most_known: int,
        single: bool = False,
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
        once = sum(rows == 1 for rows in counts.values())
        near = sum(near_boundary(counts[text], fewest) for text in own)
        return cls(own, others, once, dtype, single, fewest, _boundary(counts.values(), fewest, near))

    @classmethod
    def boolean(cls) -> CategoryGrid:
        """The grid of every boolean feature."""
        return cls(("false", "true"), (), 0, "boolean")


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


def is_missing(value: object) -> bool:
    """Say whether a value is what data frames put where there is none: None, NaN, NaT, pandas' NA."""
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return bool(value != value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if isinstance(value, Decimal):
        return value.is_nan()
    # told by name: pandas need not be there, and its NA is not even unequal to itself
    return type(value).__name__ in ("NAType", "NaTType") and type(value).__module__.startswith("pandas.")


def canonical(value: object, dtype: CategoryType, *, single: bool = False) -> str | None:
    """Return the one text form of a category, or None where it is missing.

    Integral numbers have one form whatever type carried them, so that 1 and 1.0 meet in JSON, msgpack and
    Arrow alike; the text "1" is the number 1 exactly where the reference's categories were numbers.
    Raises TypeError on lists, objects and other values that are no category.

    >>> canonical(1.0, "integer"), canonical("1", "integer"), canonical(True, "boolean"), canonical(1.5, "string")
    ('1', '1', 'true', '1.5')
    """
    if value is None:
        return None
    if isinstance(value, bool | np.bool_):
        if dtype in ("integer", "float"):
            raise TypeError("a boolean")
        return "true" if value else "false"
    if isinstance(value, str):
        return _canonical_text(value, dtype, single=single)
    if is_missing(value):
        return None
    if isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64):
        value = int(value)
    elif isinstance(value, float | np.floating | Decimal):
        # through Decimal's own integer: beyond 2**53 a float would merge neighbours
        value = int(value) if float(value).is_integer() else float(value)
    else:
        raise TypeError(f"a {type(value).__name__}")
    if single:
        return _single_text(float(value))
    if dtype == "boolean":
        if value not in (0, 1):
            raise TypeError(f"the number {value}")
        return "true" if value else "false"
    return str(value)


def _single_text(number: float) -> str:
    with np.errstate(over="ignore"):  # beyond float32 is infinite there too
        rounded = np.float32(number)
    return str(int(rounded)) if float(rounded).is_integer() else str(rounded)


def _canonical_text(text: str, dtype: CategoryType, *, single: bool) -> str:
    if dtype == "string":
        return text
    if dtype == "boolean":
        lowered = text.strip().lower()
        if lowered in ("true", "false"):
            return lowered
        if lowered in ("0", "1"):
            return "true" if lowered == "1" else "false"
        raise TypeError(f"the text {text[:40]!r}")
    try:
        number = float(text)
    except ValueError:
        return text
    if single:
        return _single_text(number)
    if math.isfinite(number) and number.is_integer():
        # through int where the text is one: beyond 2**53 a float would merge neighbours
        return str(int(text)) if text.strip().lstrip("+-").isdecimal() else str(int(number))
    return str(number)

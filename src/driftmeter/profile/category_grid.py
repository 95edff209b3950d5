"""The bins of a categorical feature: one for each frequent category, shared ones, by hash, for the rest."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np

from driftmeter.profile import bin_names
from driftmeter.profile.boundary import boundary_rows, near_boundary
from driftmeter.profile.checks import integer_of, is_utf8
from driftmeter.profile.values import CategoryType, other_ways, plain, texts_of
from driftmeter.types import JSON

MOST_HASHED = 1024
MOST_KNOWN = 100_000
"""The most categories whose hashes a grid keeps: with more, no category counts as unseen."""


@dataclass(frozen=True)
class CategoryGrid:
    """Bins of a categorical feature: frequent categories, the rest, unseen categories, missing, unreadable.

    Each of `categories` has its own bin. The reference's other categories, the rest, share `hashed` bins by hash.
    Categories that the reference never held, the unseen, have as many bins, by the same hash. Only a rest bin and the
    unseen bin of the same hash *together* have a known expectation. `rest_hashes` are the 64-bit hashes of the rest,
    ascending; with None (too many to keep) no category counts as unseen, and there is one unseen bin, always empty.

    `once` is the number of categories that the reference held exactly once: the number of rows of unseen categories to
    expect in a sample of the reference's size (Good–Turing). `twice` is the number of those it held exactly twice, from
    which `clustering` follows.

    A category has its own bin from `least_rows` rows on; 0 means that the bins were fixed without regard to the counts.
    Chance lifted some categories over that limit, by rows that they will not have again: `boundary` is the number of
    these rows, see boundary.py.

    >>> counts = {"Ulm": 700, "Bonn": 40, "Jena": 2, "Trier": 1}
    >>> grid = CategoryGrid.fit(counts, dtype="string", min_rows=30, most_bins=256, most_known=100_000)
    >>> grid.categories, grid.hashed, grid.once, grid.twice
    (('Ulm', 'Bonn'), 4, 1, 1)
    >>> [grid.labels[grid.bin_of(value)] for value in ("Bonn", "Jena", "Berlin", None)]
    ['Bonn', 'other 2 of 4', 'unseen 3 of 4', 'missing']
    """

    categories: tuple[str, ...]
    rest_hashes: tuple[int, ...] | None
    once: int = 0
    twice: int = 0
    dtype: CategoryType = "string"
    least_rows: int = 0
    boundary: int = 0
    hashed: int = 1

    def clustering(self, rows: int) -> float:
        """Return how much more the number of unseen rows varies than that of rows which come independently.

        `rows` is the number of the reference's rows with a category; the result is per share of the window in both
        samples. The estimate N₁/m of the unseen share has the variance (N₁(1 − N₁/m) + 2N₂)/m²; its second part is due
        to rows of one category that come together. Source: Esty (1983), eq. 1.2.
        """
        alone = self.once * (1 - self.once / max(rows, 1))
        return 2 * self.twice / max(alone, 1.0)

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(self.unseen.stop) + 2

    @property
    def rest(self) -> slice:
        """The bins that the rest shares."""
        return slice(len(self.categories), len(self.categories) + self.hashed)

    @property
    def unseen(self) -> slice:
        """The bins of categories that the reference did not hold."""
        start = self.rest.stop
        return slice(start, start + (1 if self.rest_hashes is None else self.hashed))

    @property
    def present(self) -> slice:
        """All bins of categories, seen in the reference or not."""
        return slice(0, self.unseen.stop)

    @cached_property
    def special(self) -> dict[str, int]:
        """Index of the bins of rows without a category."""
        return {bin_names.MISSING: self.unseen.stop, bin_names.UNREADABLE: self.unseen.stop + 1}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The categories themselves, then the names of the other bins."""
        parts = [f" {index + 1} of {self.hashed}" for index in range(self.hashed)] if self.hashed > 1 else [""]
        rest = [f"{bin_names.OTHER}{part}" for part in parts]
        unseen = [f"{bin_names.UNSEEN}{part}" for part in parts][: self.unseen.stop - self.unseen.start]
        return (*self.categories, *rest, *unseen, bin_names.MISSING, bin_names.UNREADABLE)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The bins of the categories in an order that does not depend on counts: by hash, or as they were fixed."""
        bins = range(len(self.categories))
        return tuple(sorted(bins, key=lambda index: hash64(self.categories[index])) if self.least_rows else bins)

    @cached_property
    def _bins(self) -> dict[str, int]:
        return {category: index for index, category in enumerate(self.categories)}

    @cached_property
    def _rest_hashes(self) -> frozenset[int] | None:
        return None if self.rest_hashes is None else frozenset(self.rest_hashes)

    @cached_property
    def _numbers(self) -> dict[float, int]:
        """Bins of texts that are numbers, by the number; without numbers that two texts stand for."""
        numbers = {text: number for text in self.categories if (number := _number_in(text)) is not None}
        texts = Counter(numbers.values())
        return {number: self._bins[text] for text, number in numbers.items() if texts[number] == 1}

    def bin_of(self, value: object) -> int:
        """Return the bin of a value; raises what `texts_of` raises where the value is no category.

        A value may be written in several ways; the first of them that the reference has decides. So the number 1 is in
        the bin of "1.0" where the reference has that text.
        """
        if type(value) is not str:
            value = plain(value)  # bytes are a text, also in the other ways to write it
        texts = texts_of(value, self.dtype)
        if not texts:
            return self.special[bin_names.MISSING]
        bin_ = self._bin_in_reference(texts)
        if bin_ is None and isinstance(value, str) and self.dtype == "string":
            bin_ = self._bin_in_reference(other_ways(value))
        elif bin_ is None and len(texts) > 1:
            number = _number_in(texts[-1])
            bin_ = None if number is None else self._numbers.get(number)
        if bin_ is not None:
            return bin_
        start = self.rest.start if self.rest_hashes is None else self.unseen.start
        return int(start) + hash64(texts[0]) % self.hashed

    def _bin_in_reference(self, texts: Iterable[str]) -> int | None:
        """Return the bin of the first text that the reference has, categories with their own bin first."""
        for text in texts:
            bin_ = self._bins.get(text)
            if bin_ is not None:
                return bin_
        if self._rest_hashes:
            for text in texts:
                hash_ = hash64(text)
                if hash_ in self._rest_hashes:
                    return int(self.rest.start) + hash_ % self.hashed
        return None

    def to_json(self) -> JSON:
        """Return plain JSON, with the hashes as base64 of little-endian 64-bit integers."""
        packed = None
        if self.rest_hashes is not None:
            packed = base64.b64encode(np.array(self.rest_hashes, dtype="<u8").tobytes()).decode()
        return {
            "categories": list(self.categories),
            "others": packed,
            "once": self.once,
            "dtype": self.dtype,
            "fewest": self.least_rows,
            "boundary": self.boundary,
            "hashed": self.hashed,
            "twice": self.twice,
        }

    @classmethod
    def from_json(cls, data: JSON) -> CategoryGrid:
        """Read what `to_json` wrote; raises ValueError or TypeError on anything else."""
        rest_hashes = data["others"]
        if rest_hashes is not None:
            rest_hashes = tuple(np.frombuffer(base64.b64decode(rest_hashes), dtype="<u8").tolist())
        if data["dtype"] not in get_args(CategoryType) or not all(isinstance(text, str) for text in data["categories"]):
            raise ValueError(f"expected texts as categories, of type {get_args(CategoryType)}, got {data['dtype']!r}")
        categories, least_rows = tuple(data["categories"]), integer_of(data["fewest"])
        boundary = integer_of(data["boundary"])
        if boundary > len(categories) * least_rows:
            raise ValueError(f"expected a boundary of at most {len(categories) * least_rows} rows, got {boundary}")
        once = integer_of(data["once"])
        hashed = integer_of(data["hashed"])
        if not 1 <= hashed <= MOST_HASHED:
            raise ValueError(f"expected 1 to {MOST_HASHED} hashed bins, got {hashed}")
        return cls(
            categories=categories,
            rest_hashes=rest_hashes,
            once=once,
            twice=integer_of(data["twice"]),
            dtype=data["dtype"],
            least_rows=least_rows,
            boundary=boundary,
            hashed=hashed,
        )

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
        """Give each of the most frequent categories its own bin; `counts` maps canonical text to rows.

        These are the categories with `min_rows` rows or more, where they are at most `most_bins`; else the limit is
        raised until they are. Of equally frequent categories either all have a bin or none; only where all of them are
        equally frequent does the hash decide, which does not depend on counts. With more than `most_known` categories
        no hashes are kept.
        """
        ranked = sorted(counts.items(), key=lambda item: (-item[1], hash64(item[0])))
        least_rows = max(min_rows, ranked[most_bins][1] + 1) if len(ranked) > most_bins else min_rows
        if ranked and min_rows <= ranked[0][1] < least_rows:
            least_rows = ranked[0][1]
        chosen = [(-rows, text) for text, rows in ranked[:most_bins] if rows >= least_rows and is_utf8(text)]
        categories = tuple(text for _, text in sorted(chosen))
        with_bin = set(categories)
        rest = [text for text in counts if text not in with_bin] if len(counts) <= most_known else []
        rest_hashes = None if len(counts) > most_known else tuple(sorted(map(hash64, rest)))
        once, twice = (sum(rows == times for rows in counts.values()) for times in (1, 2))
        near = sum(near_boundary(counts[text], least_rows) for text in categories)
        return cls(
            categories=categories,
            rest_hashes=rest_hashes,
            once=once,
            twice=twice,
            dtype=dtype,
            least_rows=least_rows,
            boundary=boundary_rows(counts.values(), least_rows, near),
            hashed=_hashed(len(counts) - len(categories)),
        )

    @classmethod
    def boolean(cls) -> CategoryGrid:
        """The grid of every boolean feature."""
        return cls(categories=("false", "true"), rest_hashes=(), dtype="boolean")


def _hashed(rest: int) -> int:
    """Return how many bins `rest` categories share: a power of two, at least twice `rest`, so that most are alone.

    >>> [_hashed(rest) for rest in (0, 1, 2, 3, 5000)]
    [1, 1, 4, 8, 1024]
    """
    return 1 if rest < 2 else min(MOST_HASHED, 1 << (2 * rest - 1).bit_length())


def _number_in(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def hash64(text: str) -> int:
    """Hash a category to 64 bits, the same on every machine and in every version."""
    # JSON may hold half a surrogate pair, which strict UTF-8 refuses
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")

"""The bins of a category: one for each frequent one, hashed ones for the rest, fixed by the reference for good."""

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
from driftmeter.profile.values import CategoryType, other_ways, texts_of
from driftmeter.types import JSON

MOST_HASHED = 1024
MOST_KNOWN = 100_000
"""Categories whose hashes a grid keeps: with more, none is ever told to be new."""


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
            return self.special[bin_names.MISSING]
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
        boundary = boundary_rows(counts.values(), fewest, near)
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


def hash64(text: str) -> int:
    """Hash a category to 64 bits, the same on every machine and in every version."""
    # JSON may carry half a surrogate pair, which is no UTF-8
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")

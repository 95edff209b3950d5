"""Summaries: the counts of some rows. The only operation on them is addition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from driftmeter.counts.unseen import NO_TEXTS, UnseenTexts, is_sampled
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile
from driftmeter.types import Counts


@dataclass(frozen=True, eq=False)
class Summary:
    """A number of rows, and the counts of their values over all bins of all features: shape (profile.bins,), int64.

    `unseen` is a sample of the texts of categories that the reference did not hold; where none is given, none are kept.
    The sum of two summaries is the summary of their rows together. Addition commutes, associates, and has `zero` as
    its identity; all exactly, since the counts are integers.

    >>> Summary(2, np.array([1, 1])) + Summary(1, np.array([0, 1])) == Summary(3, np.array([1, 2]))
    True
    """

    rows: int
    counts: Counts
    unseen: UnseenTexts = NO_TEXTS

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of the rows of both; raises ValueError where the numbers of bins differ."""
        if self.counts.shape != other.counts.shape:
            raise ValueError(f"expected counts over {self.counts.size} bins, got {other.counts.size}")
        return Summary(self.rows + other.rows, self.counts + other.counts, self.unseen + other.unseen)

    def __eq__(self, other: object) -> bool:
        """Compare the rows, every count and the texts."""
        if not isinstance(other, Summary):
            return NotImplemented
        same = self.rows == other.rows and self.unseen == other.unseen
        return same and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]  # it holds an array

    @classmethod
    def zero(cls, bins: int) -> Summary:
        """Return the summary of no rows."""
        return cls(0, np.zeros(bins, dtype=np.int64))

    @classmethod
    def sum(cls, summaries: Iterable[Summary], bins: int) -> Summary:
        """Add any number of summaries over `bins` bins; raises ValueError where one has other bins."""
        rows, counts, texts = 0, np.zeros(bins, dtype=np.int64), []
        for summary in summaries:
            if summary.counts.size != bins:
                raise ValueError(f"expected counts over {bins} bins, got {summary.counts.size}")
            rows += summary.rows
            counts += summary.counts
            if summary.unseen:
                texts.append(summary.unseen)
        return cls(rows, counts, UnseenTexts.sum(texts))

    @property
    def moved(self) -> int:
        """The values that a correction moves from one bin to another; a correction is a summary without rows.

        >>> Summary(0, np.array([-2, 1, 1])).moved
        2
        """
        return 0 if self.rows else int(self.counts.clip(0).sum())

    def check(self, profile: Profile) -> str | None:
        """Return why this cannot be a summary by `profile`; None if it can.

        Each row must have one bin in every feature, and unseen texts must be of rows in unseen bins.
        """
        if self.counts.size != profile.bins:
            return f"expected counts over {profile.bins} bins, got {self.counts.size}"
        if self.rows < 0 or (self.counts < 0).any():
            return "expected counts of at least 0, got a negative one"
        per_feature = np.add.reduceat(self.counts, profile.offsets[:-1])
        wrong = np.flatnonzero(per_feature != self.rows)
        if wrong.size:
            name, total = profile.features[wrong[0]].name, per_feature[wrong[0]]
            return f"expected {self.rows} rows in each feature, got {total} in {name!r}"
        return self._check_texts(profile) if self.unseen else None

    def without_texts(self) -> Summary:
        """Return the rows and counts alone."""
        return Summary(self.rows, self.counts) if self.unseen else self

    def _check_texts(self, profile: Profile) -> str | None:
        parts = {feature.name: (feature, part) for feature, part in profile.slices()}
        for name in self.unseen.counts:
            feature, part = parts.get(name, (None, slice(0)))
            if feature is None or not is_sampled(feature):
                return f"expected unseen texts of features with few new categories, got some of {name[:60]!r}"
            assert isinstance(feature.grid, CategoryGrid)
            most = int(self.counts[part][feature.grid.unseen].sum())
            if self.unseen.rows(name) > most:
                return f"expected at most {most} rows of unseen texts in {name!r}, got {self.unseen.rows(name)}"
        return None

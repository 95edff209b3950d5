"""What a drift test is: the counts of two samples in, a statistic and perhaps a p-value out. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from driftmeter.types import Floats, Kind

View = Literal[
    "present",
    "hashed",
    "known",
    "groups",
    "hashed_64",
    "hashed_256",
    "hashed_1024",
    "missing",
    "unreadable",
    "unseen",
    "out_of_range",
]
"""Which counts of a feature a test looks at; `slots_of` in views.py says which bins are in each."""


@dataclass(frozen=True, slots=True)
class Score:
    """The result of one test of one feature; `p_value` is None where the statistic has none."""

    statistic: float
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """The results of one test of many features: arrays without the axis of bins; NaN where there is no p-value."""

    statistic: Floats
    p_value: Floats | None = None


@dataclass(frozen=True)
class Pair:
    """Counts of a reference and a window on the same bins, shape (bins,) or (features, bins).

    Bins that hold nothing in both samples change no result, so that features of different sizes share one
    array. Where either sample has no rows at all, all shares are zero: nothing can be said, hence no drift.
    `positions` is where each bin sits on the number line, in the feature's unit; `clustering` (features,) says how much
    rows of unseen categories come together.

    >>> pair = Pair(np.array([3, 1, 0]), np.array([1, 1, 0]))
    >>> pair.reference_shares.tolist(), pair.window_shares.tolist()
    ([0.75, 0.25, 0.0], [0.5, 0.5, 0.0])
    """

    reference: Floats
    window: Floats
    positions: Floats | None = None
    clustering: Floats | None = None

    def __post_init__(self) -> None:
        """Take integers too: counts below 2⁵³ are exact as floats."""
        object.__setattr__(self, "reference", np.asarray(self.reference, dtype=np.float64))
        object.__setattr__(self, "window", np.asarray(self.window, dtype=np.float64))

    @cached_property
    def m(self) -> Floats:
        """Rows of the reference."""
        return total(self.reference)

    @cached_property
    def n(self) -> Floats:
        """Rows of the window."""
        return total(self.window)

    @cached_property
    def comparable(self) -> npt.NDArray[np.bool_]:
        """Whether both samples have rows."""
        return np.asarray((self.m > 0) & (self.n > 0))

    @cached_property
    def effective(self) -> Floats:
        """The effective size of the comparison, nm/(n + m); 0 where either sample is empty."""
        return self.n * self.m / np.maximum(self.n + self.m, 1)

    @cached_property
    def noise(self) -> Floats:
        """Variance per unit of share, 1/n + 1/m; 0 where either is empty."""
        return 1 / np.where(self.comparable, self.n, np.inf) + 1 / np.where(self.comparable, self.m, np.inf)

    @cached_property
    def reference_shares(self) -> Floats:
        """Share of the reference in each bin."""
        return self._share_of(self.reference, self.m)

    @cached_property
    def window_shares(self) -> Floats:
        """Share of the window in each bin."""
        return self._share_of(self.window, self.n)

    @cached_property
    def steps(self) -> Floats:
        """The window's distribution function less the reference's, after each bin.

        Counts are added before they are divided, so that equal distributions differ by exactly zero.
        """
        return self._share_of(np.add.accumulate(self.window, axis=-1), self.n) - self._share_of(
            np.add.accumulate(self.reference, axis=-1), self.m
        )

    def _share_of(self, counts: Floats, rows: Floats) -> Floats:
        return counts / np.where(self.comparable, rows, np.inf)[..., None]


class DriftTest(Protocol):
    """A two-sample test on counts. A new one is a file with such a class and a line in registry.py.

    hellinger.py is a short one to begin with; for a test on the number line see wasserstein.py. `make docs` writes the
    row of a new one in docs/metrics.md. tests/drift/conformance.py holds every test to the same laws:

    - finite and within `bounds` for any counts; a p-value from 0 to 1, or NaN where there is none;
    - 0, with a p-value of 1, where either sample is empty or one bin holds all rows of both;
    - 0 for equal shares of any two sizes, and greater (its p-value smaller) the further the window moves away;
    - the same when reference and window change places; the opposite where `bounds` has negative values;
    - the same bits for a feature alone, and among others padded with empty bins: add up with `total`, not `np.sum`.

    A test that cannot keep a law is named there as an exception, with its reason.
    """

    @property
    def name(self) -> str:
        """The name in results, metrics and settings."""
        ...

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of features that it applies to."""
        ...

    @property
    def view(self) -> View:
        """The counts that it looks at."""
        ...

    @property
    def unit(self) -> str:
        """The unit of its statistic, in words."""
        ...

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value of its statistic."""
        ...

    @property
    def citation(self) -> str:
        """The paper or book that the formula is from."""
        ...

    def score(self, pair: Pair) -> Scores:
        """Score a pair; finite for any counts that are not negative."""
        ...


def total(values: Floats) -> Floats:
    """Add up the last axis strictly from left to right.

    `np.sum` adds in an order that depends on the length and the layout, so that a feature's last bits
    would depend on what it was padded to.
    """
    return np.asarray(np.add.accumulate(values, axis=-1)[..., -1])

"""The categories of a feature as the hypotheses see them, and what may have become of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from driftmeter.counts.unseen import MOST_OF_FEATURE
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.expected import expected_counts
from driftmeter.profile.feature import Feature
from driftmeter.types import Counts, Floats
from driftmeter.verdict.changes.change import Change
from driftmeter.verdict.changes.hours import DAY, hour_text
from driftmeter.verdict.changes.hypothesis import Hypothesis, Noise, misfit
from driftmeter.verdict.changes.spelling import bare, spelling
from driftmeter.verdict.changes.words import listed, quoted
from driftmeter.verdict.figures import percent, percents

_STUCK = 0.98
_EXPECTED = 10
"""A category without rows is gone if the reference lets one expect as many."""
_MOST_CHANGED = 4
_LEAST = 0.005


@dataclass(frozen=True, eq=False)
class Categories:
    """The rows with a category: `was` and `now` (categories + 2,) are shares; the last two are the rare, the unseen.

    `new` are texts of unseen categories, the commonest first, as far as they are known.
    """

    feature: Feature
    grid: CategoryGrid
    was: Floats
    now: Floats
    noise: Noise
    new: tuple[str, ...] = ()

    @classmethod
    def of(cls, feature: Feature, counts: Counts, worth: float = 1.0, new: Sequence[str] = ()) -> Categories | None:
        """Return the categories of a window; None where it, or the reference, has none.

        `worth` is how many independent rows a row of the window is worth.
        """
        grid = feature.grid
        if not isinstance(grid, CategoryGrid):
            return None
        was, now = (
            np.append(sample[: grid.rest.start], [sample[grid.rest].sum(), sample[grid.unseen].sum()])
            for sample in (expected_counts(feature), counts)
        )
        known, rows = int(was.sum()), int(now.sum())
        if not known or not rows:
            return None
        return cls(feature, grid, was / known, now / rows, Noise(max(rows * worth, 1.0), known), tuple(new))

    @property
    def unseen(self) -> int:
        """The place of the unseen categories."""
        return len(self.was) - 1

    def name(self, place: int) -> str:
        """Name a category: in quotes, but for a part of a date-time."""
        category = self.grid.categories[place]
        return f"{self.feature.part} {category}" if self.feature.part else quoted(category)

    def is_rare(self, text: str) -> bool:
        """Say whether the reference held a category, too rarely for its own bin."""
        return bool(self.grid.rest.start <= self.grid.bin_of(text) < self.grid.rest.stop)

    def changed(self) -> list[int]:
        """Return the places of the categories whose shares changed most, the most certain first."""
        gap = np.abs(self.now - self.was)[: self.unseen - 1]
        certain = gap / np.sqrt(self.noise.variance(self.was[: self.unseen - 1]))
        places: list[int] = np.argsort(-certain, kind="stable")[:_MOST_CHANGED].tolist()
        return places

    def gone(self) -> list[int]:
        """Return the places of the categories that have vanished, the largest first."""
        was, now = self.was[: self.unseen - 1], self.now[: self.unseen - 1]
        places = np.flatnonzero((now == 0) & (was * self.noise.window >= _EXPECTED))
        largest_first: list[int] = places[np.argsort(-was[places], kind="stable")].tolist()
        return largest_first


def new(values: Categories) -> Iterator[Hypothesis]:
    """Yield categories that the reference never held, with all others as they were: new ones, or known ones respelt."""
    share = float(values.now[values.unseen])
    if share - values.was[values.unseen] < _LEAST:
        return
    expected = values.was * (1 - share) / max(1 - float(values.was[values.unseen]), 1e-12)
    expected[values.unseen] = share
    written = spelling(values.grid.categories, values.new, values.is_rare)
    if written is not None:
        text = f"{written[0]} in {percent(share)} of the rows"
        yield Hypothesis(Change("spelling", text, share=share, names=written[1]), expected, 1.0)
        return
    named = f" ({listed(values.new)})" if values.new else ""
    text = f"has new categories{named} in {percent(share)} of the rows"
    if len(values.new) == 1:
        text = f"has the new category {quoted(values.new[0])} in {percent(share)} of the rows"
    yield Hypothesis(Change("new", text, share=share, names=values.new[:3]), expected, 1.0)


def renamed(values: Categories) -> Iterator[Hypothesis]:
    """Yield categories that are gone while as many rows are of unseen ones: by another name, or in other letters."""
    if values.now[values.unseen] - values.was[values.unseen] < _LEAST:
        return
    absent = np.flatnonzero(values.now[: len(values.grid.categories)] == 0).tolist()
    written = spelling([values.grid.categories[place] for place in absent], values.new, values.is_rare)
    if written is not None:
        bare_new = {bare(text) for text in values.new}
        all_known = len(values.new) < MOST_OF_FEATURE
        moved = [place for place in absent if not all_known or bare(values.grid.categories[place]) in bare_new]
        share = float(values.was[moved].sum())
        change = Change("spelling", written[0], share=share, names=written[1])
        yield Hypothesis(change, _without(values, moved), 0.5)
        return
    gone = values.gone()
    if not gone or len(gone) > _MOST_CHANGED:
        return
    names = [values.grid.categories[place] for place in gone]
    into = f" to {listed(values.new)}" if values.new else ""
    pair = (names[0], values.new[0]) if len(gone) == len(values.new) == 1 else tuple(names[:3])
    change = Change("renamed", f"has {listed(names)} renamed{into}", share=float(values.was[gone].sum()), names=pair)
    yield Hypothesis(change, _without(values, gone), 0.5 * len(gone))


def _without(values: Categories, gone: Sequence[int]) -> Floats:
    """Return the shares if the rows of some categories were of unseen ones."""
    expected = values.was.copy()
    expected[values.unseen] += expected[gone].sum()
    expected[gone] = 0.0
    return expected


def swapped(values: Categories) -> Iterator[Hypothesis]:
    """Yield two categories that exchanged their rows, or of which one took those of the other."""
    places = values.changed()
    for one, other in combinations(places, 2):
        expected = values.was.copy()
        expected[[one, other]] = expected[[other, one]]
        first, second = sorted((one, other))
        names = (values.grid.categories[first], values.grid.categories[second])
        text = f"has {values.name(first)} and {values.name(second)} swapped"
        yield Hypothesis(Change("swapped", text, names=names), expected, 1.0)
    gone = set(values.gone())
    for one in places:
        for other in places if one in gone else ():
            if other != one:
                expected = values.was.copy()
                expected[other] += expected[one]
                expected[one] = 0.0
                names = (values.grid.categories[one], values.grid.categories[other])
                text = f"has {values.name(one)} merged into {values.name(other)}"
                yield Hypothesis(Change("merged", text, share=float(values.was[one]), names=names), expected, 1.0)


def shares(values: Categories) -> Iterator[Hypothesis]:
    """Yield one category that rose or fell, with all others in proportion; or that is all there is, or gone."""
    for place in values.changed()[:2]:
        was, now = float(values.was[place]), float(values.now[place])
        expected = values.was * (1 - now) / max(1 - was, 1e-12)
        expected[place] = now
        name, names = values.name(place), (values.grid.categories[place],)
        if now >= _STUCK and was < 0.5:
            only = np.zeros_like(values.was)
            only[place] = 1.0
            yield Hypothesis(Change("stuck", f"is always {name}", share=now, names=names), only, 1.0, within=("share",))
        elif now == 0:
            change = Change("gone", f"has no {name} any more", share=was, names=names)
            yield Hypothesis(change, expected, 1.0, within=("share",))
        else:
            before, after = percents(was, now)
            text = f"has {name} in {after} of the rows ({before} before), all others in proportion"
            yield Hypothesis(Change("share", text, share=now, names=names), expected, 1.5)


def hours_of_day(values: Categories) -> Iterator[Hypothesis]:
    """Yield the hours of a date-time, or of a column of the numbers 0 to 23, moved as in another time zone."""
    texts = values.grid.categories
    if len(texts) < 6 or not all(text.isdecimal() and int(text) < DAY for text in texts):
        return
    places = np.empty((DAY, len(texts)), dtype=np.intp)
    of_hour = np.array([_place(values, str(hour)) for hour in range(DAY)])
    for index, text in enumerate(texts):
        places[:, index] = of_hour[(int(text) + np.arange(DAY)) % DAY]
    expected = np.zeros((DAY, len(values.was)))
    np.add.at(expected, (np.arange(DAY)[:, np.newaxis], places), values.was[: len(texts)])
    expected[:, len(texts) :] += values.was[len(texts) :]
    scores = misfit(values.now, expected[1:], values.noise)
    best = int(scores.argmin()) + 1
    number = best if best <= DAY // 2 else best - DAY
    yield Hypothesis(Change("hours", hour_text(best), hours=number), expected[best], 0.8)


def _place(values: Categories, text: str) -> int:
    bin_ = values.grid.bin_of(text)
    rest = values.grid.rest
    return bin_ if bin_ < rest.start else values.unseen - 1 if bin_ < rest.stop else values.unseen

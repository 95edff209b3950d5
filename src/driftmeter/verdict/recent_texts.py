"""The texts of unseen categories that came last: they name what a window's counts cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from driftmeter.counts.unseen import UnseenTexts
from driftmeter.detectors import Cause
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import RETENTION
from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid, hash64
from driftmeter.profile.feature import Feature
from driftmeter.timestamps import HOUR

_MOST_NAMED = 3


@dataclass(frozen=True)
class TextsOfHour:
    """The unseen texts of one hour of event time, numbered since the epoch, and its rows since the first of them."""

    hour: int
    rows: int
    texts: UnseenTexts


@dataclass(frozen=True)
class RecentTexts:
    """The unseen texts of the last two hours of event time in which any came, the newest first.

    Two, so that there are some to name soon after a full hour. They are dropped when the slices that held them are.
    """

    hours: tuple[TextsOfHour, ...] = ()

    def after(self, slices: Sequence[Slice]) -> RecentTexts:
        """Return the texts after the next closed slices; slices ascend."""
        texts = self
        for slice_ in slices:
            if texts.hours or slice_.summary.unseen:
                texts = texts._without_old(slice_)._after(slice_)
        return texts

    def _without_old(self, slice_: Slice) -> RecentTexts:
        oldest = (slice_.end - RETENTION) // HOUR
        return RecentTexts(tuple(one for one in self.hours if one.hour >= oldest))

    def _after(self, slice_: Slice) -> RecentTexts:
        hour, summary = (slice_.end - 1) // HOUR, slice_.summary
        now = next((one for one in self.hours[:1] if one.hour == hour), None)
        if now is not None:
            added = TextsOfHour(hour, now.rows + summary.rows, now.texts + summary.unseen)
            return RecentTexts((added, *self.hours[1:]))
        if not summary.unseen:
            return self
        return RecentTexts((TextsOfHour(hour, summary.rows, summary.unseen), *self.hours[:1]))

    def of(self, feature: str) -> list[tuple[str, int]]:
        """Return the texts of a feature with their rows, the commonest first."""
        sample = UnseenTexts.sum(one.texts for one in self.hours)
        return [(text, sample.counts[feature][text]) for text in sample.commonest(feature)]

    def named(self, cause: Cause, feature: Feature) -> Cause:
        """Return the cause with the names of unseen categories, the commonest first, if it is about such.

        The earlier hour is left out where it is further back than the cause's window is long. The shares are of the
        rows of these hours, which are not those of the window: where they add up to more than the cause's share, they
        are scaled down to it; one of less than a row of the window is 0, for not known. If the sample may lack some,
        only the first are named.
        """
        if not self.hours or not _is_of_unseen(cause, feature):
            return cause
        earliest = self.hours[0].hour - max(1, -(-cause.window // HOUR))
        hours = [one for one in self.hours if one.hour >= earliest]
        sample = UnseenTexts.sum(one.texts for one in hours)
        texts = sample.counts.get(feature.name, {})
        chosen = [text for text in sample.commonest(feature.name) if _is_in(cause, feature, text)]
        rows = max(sum(one.rows for one in hours), 1)
        together = sum(texts[text] for text in chosen) / rows
        scale = min(1.0, cause.value / together) if together else 1.0
        told = chosen if sample.is_complete(feature.name) else chosen[:_MOST_NAMED]
        shares = {text: scale * texts[text] / rows for text in told}
        names = tuple((text, share if share * cause.rows >= 1 else 0.0) for text, share in shares.items())
        return replace(cause, names=names)

    def dump(self) -> list[list[Any]]:
        """Return what `load` reads: plain JSON, empty without texts."""
        return [[one.hour, one.rows, one.texts.to_json()] for one in self.hours]

    @classmethod
    def load(cls, data: Iterable[Any]) -> RecentTexts:
        """Read what `dump` wrote; raises ValueError on anything else."""
        hours = []
        for hour, rows, texts in data:
            if type(hour) is not int or type(rows) is not int:
                raise ValueError(f"expected an hour and its rows, got {hour!r} and {rows!r}")
            hours.append(TextsOfHour(hour, rows, UnseenTexts.from_json(texts)))
        return cls(tuple(hours))


def _is_of_unseen(cause: Cause, feature: Feature) -> bool:
    kind = cause.what.partition(" ")[0]
    return not cause.category and isinstance(feature.grid, CategoryGrid) and kind in (bin_names.UNSEEN, bin_names.OTHER)


def _is_in(cause: Cause, feature: Feature, text: str) -> bool:
    """Say whether the rows of a cause hold a text: `other 3 of 64` also holds the unseen categories of that hash."""
    place, grid = cause.what.partition(" ")[2], feature.grid
    assert isinstance(grid, CategoryGrid)
    return not place or place == f"{hash64(text) % grid.hashed + 1} of {grid.hashed}"

"""Which bars a chart shows: few enough to tell apart, whatever the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.verdict.figures import percent

MOST_BARS = 64
"""Between a number's minimum and maximum: more would be too thin to be seen."""
MOST_CATEGORIES = 14
_MOST_NAMED_BINS = 10


@dataclass(frozen=True)
class Bar:
    """One bin: its name, and the share of all rows in it, 0 to 1, in reference and window."""

    label: str
    reference: float
    window: float

    @property
    def empty(self) -> bool:
        """Whether neither reference nor window has rows in it."""
        return not (self.reference or self.window)

    @property
    def tooltip(self) -> str:
        """The label and both shares in words."""
        return f"{self.label}: reference {percent(self.reference)}, window {percent(self.window)}"


@dataclass(frozen=True)
class AxisMark:
    """A text below the number line: its `position`, in bars from the left end, and how SVG anchors it there."""

    position: float
    text: str
    anchor: str


@dataclass(frozen=True)
class NumberBars:
    """The bars of a number: along the number line (`core`), to its left and right, and those that are not on it.

    Only `core` has empty bars.
    """

    marks: list[AxisMark]
    low: list[Bar]
    core: list[Bar]
    high: list[Bar]
    apart: list[Bar]


@dataclass(frozen=True)
class CategoryBars:
    """The bars of a category: the first `named` are categories themselves, the others collect values."""

    bars: list[Bar]
    named: int


def bars_of(feature: Feature, counts: Sequence[int]) -> list[Bar]:
    """Return a bar for each bin of a feature; hashed bins are added up to one. An empty sample has no shares.

    `counts` are the window's, over the bins of the feature's grid.
    """
    reference, window = max(sum(feature.counts), 1), max(sum(counts), 1)
    bars = [
        Bar(label, int(was) / reference, int(now) / window)
        for label, was, now in zip(feature.grid.labels, feature.counts, counts, strict=True)
    ]
    if isinstance(feature.grid, CategoryGrid):
        for name, part in (
            (bin_names.UNSEEN, feature.grid.unseen),
            (bin_names.OTHER, feature.grid.rest),
        ):  # the later ones first
            shares = [sum(feature.counts[part]) / reference, sum(map(int, counts[part])) / window]
            bars[part] = [Bar(name, *shares)]
    return bars


def chart_bars(feature: Feature, counts: Sequence[int]) -> NumberBars | CategoryBars:
    """Return the bars that a chart of a feature shows: neighbours or rare categories are added up if they are many.

    `counts` are the window's, over the bins of the feature's grid.
    """
    bars, grid = bars_of(feature, counts), feature.grid
    return _number_bars(grid, bars) if isinstance(grid, NumericGrid) else _category_bars(grid, bars)


def _number_bars(grid: NumericGrid, bars: list[Bar]) -> NumberBars:
    edges, core = grid.cuts[1:-1], bars[grid.core]
    if len(core) > MOST_BARS:
        neighbours = -(-len(core) // MOST_BARS)
        starts = range(0, len(core), neighbours)
        edges = (*(edges[start] for start in starts), edges[-1])
        core = [
            Bar(f"[{low:.6g}, {high:.6g})", *_sums(core[start : start + neighbours]))
            for start, (low, high) in zip(starts, pairwise(edges), strict=True)
        ]
    special = {name: bars[index] for name, index in grid.special.items() if not bars[index].empty}
    low = [special.pop(name) for name in bin_names.BELOW_RANGE if name in special]
    high = [special.pop(name) for name in ("above", "far above") if name in special]
    return NumberBars(_marks(edges, grid.atoms, len(core)), low, core, high, list(special.values()))


def _category_bars(grid: CategoryGrid, bars: list[Bar]) -> CategoryBars:
    categories = bars[: len(grid.categories)]
    special = [bar for bar in bars[len(categories) :] if not bar.empty]
    if len(categories) <= MOST_CATEGORIES:
        return CategoryBars([*categories, *special], len(categories))
    # those that changed most, among equals the most frequent; drawn in the profile's order
    ranked = sorted(categories, key=lambda bar: (-abs(bar.window - bar.reference), -bar.reference))
    chosen = set(map(id, ranked[: MOST_CATEGORIES - 1]))
    shown = [bar for bar in categories if id(bar) in chosen]
    rest = [bar for bar in categories if id(bar) not in chosen]
    return CategoryBars([*shown, Bar(f"{len(rest)} more", *_sums(rest)), *special], len(shown))


def _sums(bars: Sequence[Bar]) -> tuple[float, float]:
    return sum(bar.reference for bar in bars), sum(bar.window for bar in bars)


def _marks(edges: Sequence[float], atoms: Sequence[float | None], bins: int) -> list[AxisMark]:
    """Name the values at some edges, or of each bin if there are few; with the digits that tell them apart."""
    if bins <= _MOST_NAMED_BINS:
        indices, middle = list(range(bins)), 0.5
        values = [edges[index] if atom is None else atom for index, atom in enumerate(atoms)]
    else:
        indices, middle = sorted({round(bins * part / 4) for part in range(5)}), 0.0
        values = [edges[index] for index in indices]
    digits = next((n for n in range(4, 10) if len({f"{value:.{n}g}" for value in values}) == len(set(values))), 4)
    anchors = {} if middle else {indices[0]: "start", indices[-1]: "end"}
    texts = [f"{value:.{digits}g}" for value in values]
    return [
        AxisMark(index + middle, text, anchors.get(index, "middle")) for index, text in zip(indices, texts, strict=True)
    ]

"""The shape of a number: its rows on its own scale, so that densities can be drawn, and what is set apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from driftmeter.page.spans import Scale, drawn_atoms, drawn_spans, grid_of_number, on_axis, quantiles_of, scale_of
from driftmeter.profile import bin_names
from driftmeter.profile.feature import Feature
from driftmeter.types import JSON, Counts

LEVELS = (0.01, *(step / 20 for step in range(1, 20)), 0.99)
"""Levels of the quantiles that are shown."""
_MOST_INTERVALS = 40
"""Intervals that would fit into the middle nine tenths of the reference: narrower bins are drawn with their neighbours,
since the density of a narrow bin is mostly rounding and chance."""
_LABELS = {
    bin_names.MISSING: "missing",
    bin_names.NOT_FINITE: "not finite",
    bin_names.UNREADABLE: "unreadable",
}


@dataclass(frozen=True)
class Interval:
    """Bins that are drawn as one, from `low` to `high` in the feature's unit; none where no value can be."""

    low: float
    high: float
    bins: tuple[int, ...]


def numeric_shape(feature: Feature, counts: Counts) -> JSON:
    """Return the shape of a number: the reference's rows and those of a window, counts (bins,).

    `edges` (n + 1) ascend; `reference` and `now` (n) are rows between them. A value that is drawn as a bar is one of
    `atoms`, and in no interval. `apart` are the rows outside of the reference's range, and those without a number;
    of the former those with `drawn` are between the first or last two edges too: where they lie is known.
    """
    grid, atoms = grid_of_number(feature), drawn_atoms(feature)
    reference, scale = feature.reference, scale_of(feature)
    intervals = intervals_of(feature, counts, scale)
    edges = [interval.low for interval in intervals] + [interval.high for interval in intervals[-1:]]
    drawn = {bin_ for interval in intervals for bin_ in interval.bins}
    quantiles = [quantiles_of(feature, rows, LEVELS) for rows in (reference, counts)]
    unit = feature.unit_values.unit
    return {
        "kind": "numeric",
        "scale": scale,
        "edges": edges,
        "reference": [int(reference[list(interval.bins)].sum()) for interval in intervals],
        "now": [int(counts[list(interval.bins)].sum()) for interval in intervals],
        "atoms": [
            {"value": _number(atom * unit), "reference": int(reference[bin_]), "now": int(counts[bin_])}
            for bin_, atom in enumerate(atoms, grid.core.start)
            if atom is not None
        ],
        "apart": [
            {
                "name": name,
                "label": _LABELS.get(name) or _beyond(feature, name),
                "reference": int(reference[bin_]),
                "now": int(counts[bin_]),
                "drawn": bin_ in drawn,
            }
            for name, bin_ in grid.special.items()
            if reference[bin_] or counts[bin_]
        ],
        "quantiles": {"levels": list(LEVELS), "reference": quantiles[0], "now": quantiles[1]},
        "reference_rows": int(reference.sum()),
        "now_rows": int(counts.sum()),
    }


def intervals_of(feature: Feature, counts: Counts, scale: Scale) -> list[Interval]:
    """Return the intervals to draw, each beginning where the one before ends; none where all values are atoms.

    Bins just out of range are drawn where they hold rows of the reference or of counts (bins,), and the axis has them.
    """
    grid = grid_of_number(feature)
    middle = _merged(_without_gaps(_open_bins(feature)), _narrowest(feature, scale), scale)
    least, greatest = drawn_spans(feature)
    low, high = float(least[grid.core.start]), float(greatest[grid.core.stop - 1])
    below, above = (grid.special[name] for name in (bin_names.BELOW, bin_names.ABOVE))
    chosen: list[Interval] = []
    for bin_, place in ((below, 0), (above, 1)):
        held = bool(feature.reference[bin_] or counts[bin_])
        first, last = float(least[bin_]), float(greatest[bin_])
        if held and first < last and math.isfinite(last - first) and on_axis(first, scale) > -math.inf:
            chosen.append(Interval(first, low, (bin_,)) if place == 0 else Interval(high, last, (bin_,)))
    return _without_gaps(sorted([*middle, *chosen], key=lambda interval: interval.low))


def _open_bins(feature: Feature) -> list[Interval]:
    """Return an interval for each bin of several values; beside an atom it reaches to that atom."""
    grid, unit, drawn = grid_of_number(feature), feature.unit_values.unit, drawn_atoms(feature)
    least, greatest = drawn_spans(feature)
    atoms = [None, *drawn, None]
    found = []
    for place, (before, atom, after) in enumerate(zip(atoms[:-2], drawn, atoms[2:], strict=True)):
        if atom is not None:
            continue
        bin_ = place + grid.core.start
        low = float(least[bin_]) if before is None else before * unit
        high = float(greatest[bin_]) if after is None else after * unit
        found.append(Interval(low, high, (bin_,)))
    return found


def _without_gaps(intervals: Sequence[Interval]) -> list[Interval]:
    """Put an interval without bins wherever two do not touch: atoms alone are there."""
    filled = list(intervals[:1])
    for interval in intervals[1:]:
        if filled[-1].high < interval.low:
            filled.append(Interval(filled[-1].high, interval.low, ()))
        filled.append(interval)
    return filled


def _narrowest(feature: Feature, scale: Scale) -> float:
    """Return the least width of an interval, on the axis."""
    quantiles = quantiles_of(feature, feature.reference, (0.05, 0.95))
    if quantiles is None:
        return 0.0
    low, high = (on_axis(value, scale) for value in quantiles)
    return (high - low) / _MOST_INTERVALS


def _merged(intervals: Sequence[Interval], narrowest: float, scale: Scale) -> list[Interval]:
    """Join neighbours until each is wide enough; what is left over at the end joins the last."""
    merged: list[Interval] = []
    for group in _grouped(intervals, narrowest, scale):
        merged.append(Interval(group[0].low, group[-1].high, tuple(bin_ for one in group for bin_ in one.bins)))
    return merged


def _grouped(intervals: Sequence[Interval], narrowest: float, scale: Scale) -> Iterator[list[Interval]]:
    group: list[Interval] = []
    last: list[Interval] = []
    for interval in intervals:
        group.append(interval)
        if on_axis(group[-1].high, scale) - on_axis(group[0].low, scale) >= narrowest:
            if last:
                yield last
            last, group = group, []
    if last or group:
        yield last + group


def _beyond(feature: Feature, name: str) -> str:
    """Say where values out of range lie, by the limits of the bins."""
    grid, unit = grid_of_number(feature), feature.unit_values.unit
    far_low, far_high = (_number(grid.cuts[place] * unit) for place in (0, -1))
    low, high = (_number(value * unit) for value in (feature.unit_values.low, feature.unit_values.high))
    return {
        bin_names.FAR_BELOW: f"below {far_low:g}",
        bin_names.BELOW: f"{far_low:g} to {low:g}",
        bin_names.ABOVE: f"{high:g} to {far_high:g}",
        bin_names.FAR_ABOVE: f"from {far_high:g} on",
    }[name]


def _number(value: float) -> float:
    """Return a number without the last digits, which a unit that is no power of two leaves behind."""
    return float(f"{value:.12g}")

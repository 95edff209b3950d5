"""The shape of a category: its rows by name, those that changed most first, and what is set apart."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from driftmeter.profile import bin_names
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.types import JSON, Counts

MOST_CATEGORIES = 100
"""Categories by name; the others are added up."""


def grid_of_category(feature: Feature) -> CategoryGrid:
    """Return the grid of a category; raises TypeError of a number."""
    if not isinstance(feature.grid, CategoryGrid):
        raise TypeError(f"feature {feature.name!r}: expected a category, got a number")
    return feature.grid


def category_shape(feature: Feature, counts: Counts, new: Mapping[str, int] = MappingProxyType({})) -> JSON:
    """Return the shape of a category: the reference's rows and those of a window, counts (bins,).

    `categories` are the most changed first, by the difference of their shares; hours and weekdays are in their own
    order. `others` adds up the categories beyond the first hundred, None where there are none. `apart` are rows
    without a category of their own. `new` are texts of categories that the reference never held, with their rows.
    """
    grid, reference = grid_of_category(feature), feature.reference
    was, now = max(int(reference.sum()), 1), max(int(counts.sum()), 1)
    bins = list(range(len(grid.categories)))
    if feature.part is None:
        bins.sort(key=lambda bin_: (-abs(int(counts[bin_]) * was - int(reference[bin_]) * now), -int(reference[bin_])))
    shown, rest = bins[:MOST_CATEGORIES], bins[MOST_CATEGORIES:]
    apart = {
        bin_names.MISSING: slice(grid.special[bin_names.MISSING], grid.special[bin_names.MISSING] + 1),
        bin_names.UNSEEN: grid.unseen,
        bin_names.OTHER: grid.rest,
        bin_names.UNREADABLE: slice(grid.special[bin_names.UNREADABLE], grid.special[bin_names.UNREADABLE] + 1),
    }
    labels = {
        bin_names.UNSEEN: "never seen in the reference",
        bin_names.OTHER: "rare in the reference",
    }
    return {
        "kind": "category",
        "categories": [
            {"name": grid.categories[bin_], "reference": int(reference[bin_]), "now": int(counts[bin_])}
            for bin_ in shown
        ],
        "others": {
            "categories": len(rest),
            "reference": int(reference[rest].sum()),
            "now": int(counts[rest].sum()),
        }
        if rest
        else None,
        "apart": [
            {
                "name": name,
                "label": labels.get(name, name),
                "reference": int(reference[part].sum()),
                "now": int(counts[part].sum()),
            }
            for name, part in apart.items()
            if reference[part].any() or counts[part].any()
        ],
        "new": [
            {"name": name, "rows": rows} for name, rows in sorted(new.items(), key=lambda item: (-item[1], item[0]))
        ],
        "reference_rows": int(reference.sum()),
        "now_rows": int(counts.sum()),
    }

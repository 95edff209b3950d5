"""The timeline of a feature: its evidence, its effect and its values over time, and the incidents that it was in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from driftmeter.page.buckets import Buckets
from driftmeter.page.categories import grid_of_category
from driftmeter.page.past import DRIFTING, EFFECT, EVIDENCE, Moments
from driftmeter.page.spans import quantiles_of
from driftmeter.profile import bin_names
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.timestamps import iso
from driftmeter.types import JSON, Counts, Milliseconds

BANDS = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
MOST_CATEGORIES = 6

Columns = Iterable[tuple[Milliseconds, Counts]]
"""The ends of slices, and the counts of one feature in each."""


def timeline(
    feature: Feature,
    index: int,
    buckets: Buckets,
    moments: Moments,
    slices: Columns,
    incidents: Iterable[JSON],
    newest: Milliseconds,
) -> JSON:
    """Return a feature's evidence, effect, rows and values by bucket, null where there is nothing.

    `index` is the feature's place in the profile, `newest` the end of the newest slice. Evidence and effect are those
    of the last verdict of each bucket; `missing` and `outside` are shares of the rows, the latter of those out of the
    reference's range or of categories that it never held. `bands` are quantiles of a number, `top` the shares of the
    categories that have, or had in the reference, the largest.
    """
    counts = _by_bucket(feature, buckets, slices)
    rows = counts.sum(axis=1)
    values: JSON = {"bands": None, "top": None}
    if isinstance(feature.grid, NumericGrid):
        found = [quantiles_of(feature, row, tuple(BANDS.values())) for row in counts]
        values["bands"] = {
            name: [None if one is None else one[place] for one in found] for place, name in enumerate(BANDS)
        }
    else:
        values["top"] = _top(feature, counts)
    return {
        **buckets.to_json(),
        "feature": feature.name,
        "at": [iso(min(buckets.start + (place + 1) * buckets.step, newest)) for place in range(buckets.number)],
        "evidence": _series(moments, EVIDENCE, index),
        "effect": _series(moments, EFFECT, index),
        "drifting": [None if drifts is None else int(drifts) for drifts in _series(moments, DRIFTING, index)],
        "rows": rows.tolist(),
        "missing": _shares(counts[:, feature.grid.special[bin_names.MISSING]], rows),
        "outside": _shares(_outside(feature, counts), rows),
        **values,
        "incidents": [
            {"id": one["id"], "since": member["since"], "opened": one["opened"], "closed": one["closed"]}
            for one in incidents
            for member in one["features"]
            if member["feature"] == feature.name
        ],
    }


def _by_bucket(feature: Feature, buckets: Buckets, slices: Columns) -> Counts:
    counts = np.zeros((buckets.number, feature.size), dtype=np.int64)
    for end, row in slices:
        place = buckets.place(end)
        if place is not None:
            counts[place] += row
    return counts


def _outside(feature: Feature, counts: Counts) -> Counts:
    grid = feature.grid
    if isinstance(grid, NumericGrid):
        outside: Counts = counts[:, [grid.special[name] for name in bin_names.OUT_OF_RANGE]].sum(axis=1)
        return outside
    unseen: Counts = counts[:, grid.unseen].sum(axis=1)
    return unseen


def _top(feature: Feature, counts: Counts) -> list[JSON]:
    grid = grid_of_category(feature)
    rows, total = np.maximum(counts.sum(axis=1), 1), max(int(feature.reference.sum()), 1)
    ranked = sorted(
        range(len(grid.categories)),
        key=lambda bin_: -max(feature.counts[bin_] / total, float((counts[:, bin_] / rows).max(initial=0.0))),
    )
    return [
        {
            "name": grid.categories[bin_],
            "reference": round(feature.counts[bin_] / total, 6),
            "share": _shares(counts[:, bin_], counts.sum(axis=1)),
        }
        for bin_ in ranked[:MOST_CATEGORIES]
    ]


def _shares(part: Counts, rows: Counts) -> Sequence[float | None]:
    return [round(one / all_, 6) if all_ else None for one, all_ in zip(part.tolist(), rows.tolist(), strict=True)]


def _series(moments: Moments, key: int, index: int) -> list[float | None]:
    values = (np.nan if moment is None else float(moment.features[key, index]) for moment in moments)
    return [None if np.isnan(value) else value for value in values]

"""Notes on features of a reference: what deserves a second look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.notes import bounded
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.timestamps import moment_of

_HEAVY = 0.5
"""Share of the values in one bin that is worth a note."""


def notes_of(features: Iterable[Feature], of_columns: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the notes on each feature by its name, without features that have none.

    `of_columns` are the notes on the values of columns; derived features have only those on their counts.
    """
    notes = {}
    for feature in features:
        of_values = () if feature.role == "derived" else of_columns.get(feature.column, ())
        if noted := bounded([*notes_on_counts(feature), *of_values]):
            notes[feature.name] = noted
    return notes


def notes_on_counts(feature: Feature) -> Iterable[str]:
    """Yield notes on the counts of a feature's reference."""
    grid = feature.grid
    present = feature.reference[grid.present]
    total = int(present.sum())
    if total == 0:
        yield "no values at all"
    elif isinstance(grid, NumericGrid):
        heaviest = int(np.argmax(present))
        share = int(present[heaviest]) / total
        if share == 1.0 and grid.core.stop - grid.core.start == 1:
            yield "constant"
        elif share >= _HEAVY:
            inside = range(*grid.core.indices(grid.size))
            alone = heaviest in inside and grid.atoms[heaviest - grid.core.start] is not None
            yield f"{share:.0%} {'at' if alone else 'in'} {grid.labels[heaviest]}"
    else:
        yield from _on_categories(grid, present, total, feature)


def _on_categories(grid: CategoryGrid, present: Any, total: int, feature: Feature) -> Iterable[str]:
    if (
        len(grid.categories) == 1
        and int(np.count_nonzero(present)) == 1
        and not grid.rest_hashes
        and feature.part is None
    ):
        yield "constant"
    if grid.once >= 0.9 * total and total > 1:
        yield "looks like an identifier: hardly a value comes twice"
    if grid.rest_hashes is None:
        yield "too many categories to know them all: none is ever unseen"
    elif grid.rest_hashes:
        bins = "the bin other" if grid.hashed == 1 else f"{grid.hashed:,} bins by their hash"
        yield f"{len(grid.rest_hashes):,} rare categories share {bins}"


def note_on_zone(feature: Feature, series: nw.Series[Any]) -> Iterable[str]:
    """Yield a note if a feature is an hour or weekday of UTC, by its zone or by how the first value is written."""
    if feature.part is not None and _in_utc(feature, series):
        yield f"the {feature.part} of UTC: --zone NAME if people there live by clocks with summer time"


def _in_utc(feature: Feature, series: nw.Series[Any]) -> bool:
    if feature.zone is not None:
        return feature.zone == "UTC"
    try:
        return moment_of(next(iter(series.drop_nulls().head(1).to_list()))).utcoffset() == dt.timedelta(0)
    except (StopIteration, ValueError, TypeError, ArithmeticError):
        return False

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from driftmeter.detectors.protocol import Cause
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.types import Kind
from driftmeter.verdict.findings import finding
from driftmeter.verdict.window_cause import cause_of_window, missing_instead


def cities(*counts: int, kind: Kind = "categorical") -> Feature:
    """Return a feature of four cities; after their counts come those of other, unseen, missing and unreadable rows."""
    names = ("false", "true") if kind == "boolean" else ("Ulm", "Bonn", "Jena", "Trier")
    return Feature("x", kind, "feature", CategoryGrid(names, ()), (*counts, 0, 0, 0, 0), "x")


def numbers() -> Feature:
    values = np.arange(4_000.0)
    grid = NumericGrid.fit(values, bins=16)
    counts = np.bincount(grid.edges.searchsorted(values, side="right"), minlength=grid.size)
    return Feature("x", "numeric", "feature", grid, tuple(counts.tolist()), "x")


def cause_of(feature: Feature, counts: list[int], **more: object) -> Cause:
    cause = cause_of_window(feature, np.array(counts), **more)  # type: ignore[arg-type]
    assert cause is not None
    return cause


CITIES = cities(500, 300, 150, 50)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([100, 60, 30, 10, 0, 0, 50, 0], "missing values rose from 0 % to 20.0 % of the rows"),
        ([100, 60, 30, 10, 0, 0, 0, 40], "unreadable values, none of the feature's kind, rose from 0 % to 16.7 %"),
        ([100, 60, 30, 10, 0, 30, 0, 0], "categories never seen before rose from 0 % to 13.0 % of the rows"),
        ([100, 60, 30, 60, 0, 0, 0, 0], "category 'Trier' rose from 5.0 % to 24.0 % of the rows"),
        ([170, 0, 30, 10, 0, 0, 0, 0], "category 'Bonn' fell from 30.0 % to 0 % of the rows"),
        ([200, 0, 0, 10, 0, 0, 0, 0], "categories that are gone fell from 45.0 % to 0 % of the rows ('Bonn' 30.0 %"),
        ([100, 60, 0, 10, 0, 30, 0, 0], "categories never seen before rose from 0 % to 15.0 % of the rows, 'Jena' 15"),
    ],
)  # fmt: skip
def test_of_categories_what_adds_most_is_told(counts: list[int], told: str) -> None:
    assert finding(cause_of(CITIES, counts), CITIES).startswith(told)


def test_new_categories_are_named_with_new_shares_and_the_vanished_with_old_ones() -> None:
    cause = cause_of(CITIES, [100, 60, 0, 10, 0, 30, 0, 0], new=[("JENA", 0.13), ("Rom", 0.02)])
    assert cause.names == (("JENA", 0.13), ("Rom", 0.02))
    assert cause.gone == (("Jena", 0.15),)
    assert "('JENA' 13.0 %, 'Rom' 2.0 %), 'Jena' 15.0 % vanished, over 200 rows" in finding(cause, CITIES)


def test_a_rare_category_that_is_absent_by_chance_is_not_gone() -> None:
    cause = cause_of(CITIES, [40, 30, 15, 0, 0, 10, 0, 0])
    assert (cause.what, cause.gone) == ("unseen", ())


def test_what_is_told_of_new_categories_begins_at_what_the_reference_lets_one_expect() -> None:
    grid = CategoryGrid(("Ulm",), (1, 2, 3, 4), once=200, hashed=1)
    text = Feature("x", "categorical", "feature", grid, (400, 600, 0, 0, 0), "x")
    cause = cause_of(text, [40, 10, 50, 0, 0])
    assert finding(cause, text).startswith("categories never seen before rose from 20.0 % to 50.0 % of the rows")
    usual = cause_of(text, [55, 25, 20, 0, 0])
    assert (usual.what, usual.reference) == ("Ulm", 0.4)


def test_categories_without_a_bin_that_vanished_count_by_their_share() -> None:
    cause = cause_of(CITIES, [110, 60, 30, 10, 0, 0, 0, 0], vanished=0.2)
    assert (cause.what, cause.reference, cause.value, cause.names) == ("vanished", 0.2, 0.0, ())


def test_of_a_boolean_the_share_that_is_true_is_told() -> None:
    member = cities(200, 800, kind="boolean")
    assert finding(cause_of(member, [90, 110, 0, 0, 0, 0]), member).startswith("value true fell from 80.0 % to 55.0 %")


def test_of_numbers_values_are_told_unless_more_rows_lack_one() -> None:
    feature = numbers()
    fewer = feature.reference.copy()
    fewer[2:10] //= 4
    assert finding(cause_of(feature, fewer.tolist()), feature).startswith("rose from 2,000 to 2,600 on average")
    lost = feature.reference.copy()
    lost[feature.grid.special["missing"]] = 1_000
    assert cause_of(feature, lost.tolist()).what == "missing"
    assert cause_of_window(feature, np.zeros(feature.size, np.int64)) is None


def test_the_first_value_that_is_far_above_the_range_is_told_as_one_of_those_above() -> None:
    years = np.repeat([1997.0, 1998.0, 1999.0, 2000.0], 1_000)
    year = Profile.fit(pl.DataFrame({"x": years}), model="m").features[0]
    assert isinstance(year.grid, NumericGrid)
    counts = np.bincount(year.grid.edges.searchsorted([2001.0] * 60 + [2000.0] * 40, side="right"), minlength=year.size)
    told = "values from 2,001 on, far above the reference's range, rose from 0 % to 60.0 % of the rows"
    assert finding(cause_of(year, counts.tolist()), year).startswith(told)


def test_of_a_residual_missing_rows_are_never_told() -> None:
    residual = replace(numbers(), role="derived")
    lost = residual.reference.copy()
    lost[2:10] //= 4
    lost[residual.grid.special["missing"]] = 90_000
    assert finding(cause_of(residual, lost.tolist()), residual).startswith("rose from 2,000 to 2,600 on average")


def test_a_test_of_values_that_missing_rows_moved_is_told_by_these() -> None:
    feature = numbers()
    lost = feature.reference.copy()
    lost[feature.grid.special["missing"]] = 2_000
    missing = missing_instead(feature, lost)
    assert missing is not None
    assert (missing.what, missing.value, missing.reference) == ("missing", 1 / 3, 0.0)
    moved = lost.copy()
    moved[2:10] //= 4
    assert missing_instead(feature, moved) is None
    assert missing_instead(feature, feature.reference) is None
    beyond = np.zeros_like(feature.reference)
    beyond[feature.grid.special["far above"]] = 3_000
    beyond[feature.grid.special["missing"]] = 2_000
    assert missing_instead(feature, beyond) is None

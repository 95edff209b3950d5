from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.pooling import (
    LEAST_GROUP_SHARE,
    LEAST_HASHED,
    MOST_GROUPS,
    MOST_HASHED_GROUPS,
    pooled,
    reference_of,
)
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.expected import expected_counts
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from tests.detectors.samples import categories, category_grid, mixed_profile, number_grid, numbers


@pytest.fixture(scope="module")
def tables() -> CompiledBins:
    return CompiledBins(mixed_profile().features)


def drawn_categories(seed: int, levels: int = 130, rows: int = 4_000) -> Feature:
    """Return a feature whose categories are equally frequent, but for chance, which decided the bins."""
    chance = np.random.default_rng(seed)
    counts = dict(
        zip(*np.unique([f"k{number}" for number in chance.integers(0, levels, rows)], return_counts=True), strict=True)
    )
    counts = {str(name): int(number) for name, number in counts.items()}
    grid = CategoryGrid.fit(counts, dtype="string", min_rows=30, most_bins=128, most_known=10_000)
    binned = np.bincount([grid.bin_of(name) for name in counts], list(counts.values()), grid.size)
    return Feature("c", "categorical", "feature", grid, tuple(binned.astype(int).tolist()), "c")


def test_tables_lay_the_features_side_by_side(tables: CompiledBins) -> None:
    features = mixed_profile().features
    assert tables.starts.tolist() == [0, *np.cumsum([feature.size for feature in features])]
    assert np.array_equal(tables.rows, [4_000] * len(features))
    for index, feature in enumerate(features):
        part = slice(tables.starts[index], tables.starts[index + 1])
        assert (tables.owner[part] == index).all()
        assert np.array_equal(tables.padded_scores[index, :, : feature.size], tables.scores[:, part])
        assert np.array_equal(tables.padded_share[index, : feature.size], tables.share[part])
        assert tables.padded_share[index].sum() == pytest.approx(1)


def test_the_reference_itself_has_mean_scores_of_0(tables: CompiledBins) -> None:
    reference = np.concatenate([feature.reference for feature in mixed_profile().features])
    assert np.abs(tables.means(reference, 4_000)).max() < 1e-9


def test_a_shift_of_the_mean_moves_the_mean_of_the_first_score_by_its_standard_deviations() -> None:
    values = np.random.default_rng(3).normal(size=20_000)
    feature = numbers(values)
    shifted = np.searchsorted(number_grid(feature).edges, values + 0.1, side="right")
    counts = np.bincount(shifted, minlength=feature.size)
    assert CompiledBins([feature]).means(counts, len(values))[0, 0] == pytest.approx(0.1, rel=0.1)


def test_every_feature_has_rare_bins_in_the_order_of_the_features(tables: CompiledBins) -> None:
    assert (np.diff(tables.rare_owner) >= 0).all()
    assert sorted(set(tables.rare_owner.tolist())) == list(range(len(tables.features)))
    assert tables.rare_starts.tolist() == [
        tables.rare_owner.tolist().index(feature) for feature in range(len(tables.features))
    ]


def test_of_numbers_what_is_missing_or_out_of_range_is_rare_and_of_categories_each_of_them() -> None:
    feature = numbers(np.arange(100.0))
    bins = CompiledBins([feature, categories([60, 40])])
    names = bins.rare_names
    assert set(names[:7]) == {"missing", "below", "above", "far below", "far above", "not finite", "unreadable"}
    assert names[7:] == ("v0", "v1", "missing", "unreadable", "unseen")
    assert bins.two_sided.tolist() == [False] * 7 + [True, True, False, False, False]
    assert bins.rare_named == (*[False] * 7, True, True, False, False, False)
    assert bins.rare_tests[0] == 7
    assert bins.rare_tests[1] >= 2 * 5


def test_what_is_never_unseen_is_not_looked_for() -> None:
    grid = CategoryGrid(("a", "b"), None)
    feature = Feature("c", "categorical", "feature", grid, (50, 30, 20, 0, 0, 0), "c")
    bins = CompiledBins([feature])
    assert bins.rare_names == ("a", "b", "other", "missing", "unreadable")
    # any of very many categories might have been given a bin
    assert bins.rare_tests[0] > 10_000


def test_unseen_categories_are_expected_as_often_as_the_reference_held_categories_once() -> None:
    grid = CategoryGrid(("a",), tuple(range(40)), once=25)
    feature = Feature("c", "categorical", "feature", grid, (900, 100, 0, 0, 0), "c")
    bins = CompiledBins([feature])
    expected = dict(zip(bins.rare_names, bins.rare_reference.tolist(), strict=True))
    assert (expected["unseen"], expected["other"]) == (25, 100)


def test_categories_are_expected_without_the_rows_that_chance_gave_them() -> None:
    feature = drawn_categories(4)
    assert category_grid(feature).boundary > 0
    assert np.array_equal(reference_of(feature), expected_counts(feature))
    assert not np.array_equal(reference_of(feature), feature.reference)
    assert reference_of(feature).sum() == 4_000
    number = numbers(np.arange(100.0))
    assert np.array_equal(reference_of(number), number.reference)


@pytest.mark.parametrize(
    "feature",
    [
        numbers(np.random.default_rng(5).normal(size=5_000)),
        numbers(np.random.default_rng(5).poisson(3, 5_000).astype(float)),
        drawn_categories(6),
        categories([1_000] * 3),
        categories([1]),
        numbers(np.full(30, np.nan)),
    ],
    ids=["normal", "Poisson", "130 categories", "3 categories", "1 row", "missing"],
)
def test_pooled_groups_are_few_and_hold_enough_rows(feature: Feature) -> None:
    codes = pooled(feature)
    number = int(codes.max()) + 1
    assert sorted(set(codes.tolist())) == list(range(number))
    rows = np.bincount(codes, reference_of(feature))
    if isinstance(feature.grid, CategoryGrid) and feature.grid.hashed >= LEAST_HASHED:
        # a window must hold ten rows for each of them, and be expected to have five in the smallest
        assert number <= MOST_HASHED_GROUPS
        (needed,) = CompiledBins([feature]).pooled_rows.tolist()
        assert needed >= 10 * number
        assert needed * rows.min() / rows.sum() >= 5 * (1 - 1e-9)
        return
    assert number <= MOST_GROUPS
    if number > 1:
        assert rows.min() >= LEAST_GROUP_SHARE / 2 * rows.sum()


def test_groups_by_hash_with_next_to_no_rows_go_together() -> None:
    # a few large categories and hundreds that one row names: most hashes have a row or none
    chance = np.random.default_rng(5)
    counts = {f"k{number}": rows for number, rows in enumerate([2_000] * 3 + chance.poisson(0.7, 600).tolist()) if rows}
    grid = CategoryGrid.fit(counts, dtype="string", min_rows=30, most_bins=128, most_known=10_000)
    binned = np.bincount([grid.bin_of(name) for name in counts], list(counts.values()), grid.size)
    feature = Feature("c", "categorical", "feature", grid, tuple(binned.astype(int).tolist()), "c")
    assert grid.hashed >= LEAST_HASHED
    rows = np.bincount(pooled(feature), reference_of(feature))
    (needed,) = CompiledBins([feature]).pooled_rows.tolist()
    # in the smallest window that is judged, no group is expected to be all but empty
    assert (needed * rows / rows.sum()).min() >= 4.9


def test_numbers_are_pooled_with_their_neighbours_and_what_is_beyond_goes_to_the_ends() -> None:
    feature = numbers(np.random.default_rng(7).normal(size=5_000))
    codes, grid = pooled(feature), number_grid(feature)
    assert codes[grid.core].tolist() == sorted(codes[grid.core].tolist())
    assert {codes[grid.special[name]] for name in ("below", "far below")} == {0}
    assert {codes[grid.special[name]] for name in ("above", "far above")} == {codes.max()}
    assert 0 < codes[grid.special["missing"]] < codes.max()


def test_groups_of_categories_do_not_depend_on_their_ranks() -> None:
    feature = drawn_categories(8)
    number = len(category_grid(feature).categories)
    groups = pooled(feature)[:number]
    # were they pooled by rank, the groups' counts per category would fall from one group to the next
    ranks = np.argsort(np.argsort([-count for count in feature.counts[:number]]))
    sizes = np.bincount(groups)
    mean_rank = np.bincount(groups, ranks)[sizes > 1] / sizes[sizes > 1]
    assert abs(np.corrcoef(np.flatnonzero(sizes > 1), mean_rank)[0, 1]) < 0.5
    # two categories of nearly the same count that change places stay where they are
    counts = list(feature.counts)
    first, second = np.argsort(counts[:number])[number // 2 : number // 2 + 2].tolist()
    counts[first], counts[second] = counts[second], counts[first]
    assert np.array_equal(pooled(replace(feature, counts=tuple(counts)))[:number], groups)


def test_the_modal_share_leaves_the_outermost_bins_of_numbers_out() -> None:
    grid = NumericGrid(tuple(float(number) for number in range(9)), (None,) * 6)
    counts = [0] * grid.size
    counts[grid.core.start], counts[grid.core.start + 2], counts[grid.special["missing"]] = 500, 300, 200
    feature = Feature("x", "numeric", "feature", grid, tuple(counts), "x")
    bins = CompiledBins([feature, categories([900, 100])])
    both = np.concatenate([feature.reference, [900, 100, 0, 0, 0, 0]])
    assert bins.modal(both, 1_000).tolist() == [0.3, 0.9]


def test_groups_add_up_to_all_rows(tables: CompiledBins) -> None:
    reference = np.concatenate([feature.reference for feature in mixed_profile().features])
    per_feature = np.bincount(tables.group_owner, tables.grouped(reference))
    assert np.array_equal(per_feature, [4_000] * len(tables.features))
    assert np.array_equal(tables.degrees, np.bincount(tables.group_owner) - 1)


def test_missing_residuals_are_no_drift_of_the_derived_feature() -> None:
    feature = replace(numbers(np.random.default_rng(3).normal(size=4_000)), role="derived")
    missing = feature.grid.special["missing"]
    gone = np.array(feature.counts)
    gone[missing] = 12_000
    half = replace(feature, counts=tuple(gone.tolist()))
    for tables in (CompiledBins([feature]), CompiledBins([half])):
        assert "missing" not in tables.rare_names
        for counts in (feature.counts, half.counts):
            groups = tables.grouped(np.array(counts))
            assert groups.sum() == pytest.approx(sum(counts))
            assert groups / groups.sum() == pytest.approx(tables.group_share)
        assert tables.group_reference.sum() == pytest.approx(tables.rows[0])

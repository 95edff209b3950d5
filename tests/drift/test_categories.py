"""Without drift, categories that have bins of their own by chance are none the worse for it."""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.drift import Scorer
from driftmeter.drift.categories import groups_of, hashed_groups, order_of
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.expected import expected_counts
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.settings.model import ModelSettings
from driftmeter.types import Counts, Floats
from tests.drift.samples import noise, p_of


class Stream:
    """A reference of categories named by number, and windows counted on its grid."""

    def __init__(self, reference: Counts) -> None:
        counts = {str(index): int(rows) for index, rows in enumerate(reference) if rows}
        self.grid = CategoryGrid.fit(counts, dtype="string", min_rows=30, most_bins=128, most_known=10_000)
        self._bins = np.array([self.grid.bin_of(str(index)) for index in range(len(reference))])
        self.feature = Feature("c", "categorical", "feature", self.grid, tuple(self.counted(reference).tolist()), "c")

    def counted(self, rows: Counts) -> Counts:
        return np.bincount(self._bins, rows, self.grid.size).astype(np.int64)


def zipf(categories: int, power: float = 1.0) -> Floats:
    weights = 1 / np.arange(1.0, categories + 1) ** power
    shares: Floats = weights / weights.sum()
    return shares


def equal(categories: int) -> Floats:
    return np.full(categories, 1 / categories)


def scored(shares: Floats, m: int, n: int, *, streams: int, seed: int = 0, live: Floats | None = None) -> Floats:
    """Return chi-square's p-value, the whole p-value and the effect of windows, each with its own reference."""
    rng = np.random.default_rng(seed)
    results = []
    for _ in range(streams):
        stream = Stream(rng.multinomial(m, shares))
        window = stream.counted(rng.multinomial(n, shares if live is None else live))
        (scores,) = Scorer([stream.feature]).scores(window)
        results.append((p_of(scores.tests["chi_square"]), scores.p_value, scores.effect))
    return np.array(results, dtype=np.float64).T


def grown(shares: Floats, category: int, by: float) -> Floats:
    live = shares.copy()
    live[category] = 0
    live *= (1 - by * shares[category]) / live.sum()
    live[category] = by * shares[category]
    return live


LARGE_WINDOWS = {
    "330 equal": (equal(330), 10_000),
    "200 equal": (equal(200), 10_000),
    "4,000 equal, 25 rows each": (equal(4000), 100_000),
    "ten large, 200 small": (np.repeat([0.05, 0.5 / 200], [10, 200]), 10_000),
    "zipf": (zipf(500), 10_000),
    "100 equal, all with bins": (equal(100), 6000),
}


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("shares", "m"),
    [(equal(330), 10_000), (equal(200), 10_000), (zipf(500), 10_000), (equal(100), 10_000)],
    ids=["330 equal", "200 equal", "zipf", "100 equal"],
)
def test_without_drift_chi_square_has_its_size_in_windows_below_the_reference(shares: Floats, m: int) -> None:
    p, _, _ = scored(shares, m, 1000, streams=500)
    assert 0.02 <= np.mean(p <= 0.05) <= 0.08


@pytest.mark.simulation
@pytest.mark.parametrize(("shares", "m"), LARGE_WINDOWS.values(), ids=LARGE_WINDOWS)
def test_without_drift_chi_square_is_not_above_its_size_in_large_windows_and_the_effect_is_negligible(
    shares: Floats, m: int
) -> None:
    p, _, effect = scored(shares, m, 20_000, streams=120)
    assert np.mean(p <= 0.05) <= 0.12  # .08 and two standard errors
    assert effect.max() < 0.01
    assert effect.mean() < 0.001


@pytest.mark.simulation
def test_where_hardly_any_of_4000_categories_has_a_bin_there_is_no_false_alarm() -> None:
    p, whole, effect = scored(equal(4000), 10_000, 1000, streams=120)
    assert max(np.mean(p <= 0.05), np.mean(whole <= 0.05)) <= 0.08
    # the mean of what chance leaves above 0, of 17 groups: .4·√(2·17)·(1/1000 + 1/10,000)
    assert effect.mean() < 0.003


def test_one_of_twenty_categories_that_grows_by_half_is_found() -> None:
    shares = np.append(0.035, np.full(19, 0.965 / 19))
    p, _, _ = scored(shares, 10_000, 5000, streams=60, live=grown(shares, 0, 5.2 / 3.5))
    assert np.mean(p <= 0.05) >= 0.8


@pytest.mark.simulation
@pytest.mark.parametrize(("rank", "rows"), [(5, 245), (20, 70)])
def test_a_category_that_doubles_is_found_beside_many_that_owe_their_bins_to_chance(rank: int, rows: int) -> None:
    shares = zipf(500)
    assert shares[rank] * 10_000 == pytest.approx(rows, rel=0.02)
    p, _, _ = scored(shares, 10_000, 20_000, streams=60, live=grown(shares, rank, 2))
    assert np.mean(p <= 0.05) >= 0.7


def test_a_frequent_category_that_doubles_has_an_effect_beside_many_that_owe_their_bins_to_chance() -> None:
    shares = zipf(500)
    p, _, effect = scored(shares, 10_000, 20_000, streams=20, live=grown(shares, 2, 2))
    assert p.max() < 1e-6
    assert effect.min() > 0.01


def test_the_reference_gives_other_the_rows_that_chance_gave_to_the_categories() -> None:
    rng = np.random.default_rng(4)
    shares = equal(330)
    gaps = []
    for _ in range(60):
        stream = Stream(rng.multinomial(10_000, shares))
        live = stream.counted(np.ones(330, dtype=np.int64))[stream.grid.rest].sum() / 330
        expected = expected_counts(stream.feature)
        assert expected.sum() == 10_000
        assert expected.min() >= 0
        gaps.append(expected[stream.grid.rest].sum() / 10_000 - live)
    assert abs(np.mean(gaps)) < 0.008  # .07 without
    assert np.std(gaps) < 0.012


def test_which_small_categories_are_in_a_group_together_depends_on_their_names() -> None:
    names = tuple(f"{number:03}" for number in range(100))
    groups = []
    for order in (names, names[::-1]):
        grid = CategoryGrid(order, (), least_rows=30)
        feature = Feature("c", "categorical", "feature", grid, (*[70] * 100, 0, 0, 0), "c")
        groups.append(dict(zip(order, groups_of(feature).tolist(), strict=False)))
    assert groups[0] == groups[1]
    assert set(groups[0].values()) == set(range(16))


def test_a_large_category_is_a_group_by_itself() -> None:
    grid = CategoryGrid(tuple(f"{number:03}" for number in range(101)), (), least_rows=30)
    feature = Feature("c", "categorical", "feature", grid, (3000, *[70] * 100, 0, 0, 0), "c")
    groups = groups_of(feature)
    assert (groups == groups[0]).sum() == 1


def test_hours_keep_their_order() -> None:
    grid = CategoryGrid(tuple(map(str, range(24))), (), dtype="integer")
    feature = Feature("h", "categorical", "feature", grid, (*[70] * 24, 0, 0, 0), "h", "hour")
    assert order_of(feature).tolist() == list(range(25))
    assert np.all(np.diff(groups_of(feature)[:24]) >= 0)


def test_numbers_have_no_categories() -> None:
    feature = Feature("x", "numeric", "feature", NumericGrid((0.0, 1.0, 2.0, 3.0), (None,)), (0,) * 8, "x")
    with pytest.raises(TypeError, match="feature 'x': expected categories"):
        order_of(feature)


MANY = {
    "600 equal": (equal(600), 10_000),
    "600 by Zipf": (zipf(600), 10_000),
    "10,000 equal": (equal(10_000), 20_000),
    "10,000 by Zipf": (zipf(10_000), 20_000),
}


def found(shares: Floats, live: Floats, m: int, n: int = 10_000, streams: int = 20) -> Floats:
    """Return which windows `check` would call drifting: significant at 1 %, and beyond the tolerance."""
    rng, flags = np.random.default_rng(5), []
    for _ in range(streams):
        stream = Stream(rng.multinomial(m, shares))
        (scores,) = Scorer([stream.feature]).scores(stream.counted(rng.multinomial(n, live)))
        flags.append(scores.p_value <= 0.01 and scores.largest_effect >= ModelSettings().tolerance)
    return np.array(flags)


@pytest.mark.simulation
@pytest.mark.parametrize(("shares", "m"), MANY.values(), ids=MANY)
def test_of_many_categories_the_same_mix_is_no_drift(shares: Floats, m: int) -> None:
    assert found(shares, shares, m, streams=60).mean() <= 0.01 + noise(0.01, 60)


@pytest.mark.simulation
@pytest.mark.parametrize(("shares", "m"), MANY.values(), ids=MANY)
def test_of_many_categories_a_rare_one_that_takes_over_is_found(shares: Floats, m: int) -> None:
    category = len(shares) // 2
    assert found(shares, grown(shares, category, 0.1 / shares[category]), m).all()


@pytest.mark.simulation
@pytest.mark.parametrize(("shares", "m"), MANY.values(), ids=MANY)
def test_of_many_categories_the_mix_of_another_place_is_found(shares: Floats, m: int) -> None:
    live = np.where(np.arange(len(shares)) % 2, 1.6, 0.4) * shares
    # with fewer rows of 10,000 alike, those of one hash make up for each other
    assert found(shares, live / live.sum(), m, n=20_000).all()


@pytest.mark.parametrize("first", [0, 300, 580])
def test_of_600_categories_twenty_that_vanish_are_found(first: int) -> None:
    shares = equal(600)
    gone = (np.arange(600) >= first) & (np.arange(600) < first + 20)
    assert found(shares, np.where(gone, 0.0, shares) * 600 / 580, 10_000).all()


@pytest.mark.simulation
def test_of_10000_categories_the_twenty_largest_that_vanish_are_found() -> None:
    shares = zipf(10_000)
    live = np.where(np.arange(10_000) < 20, 0.0, shares)
    assert found(shares, live / live.sum(), 20_000).all()


def test_categories_that_are_hashed_are_alone_in_most_of_their_bins() -> None:
    stream = Stream(np.array([5000, 3000, *[20] * 100]))
    assert (stream.grid.categories, stream.grid.hashed) == (("0", "1"), 256)
    bins = [stream.grid.bin_of(str(index)) for index in range(2, 102)]
    assert all(stream.grid.rest.start <= bin_ < stream.grid.rest.stop for bin_ in bins)
    assert len(set(bins)) > 70


def test_hashed_groups_part_no_bin_and_leave_out_only_what_is_no_category() -> None:
    feature = Stream(np.full(600, 10)).feature
    grid = feature.grid
    assert isinstance(grid, CategoryGrid)
    for number in (64, 256, 1024):
        groups = hashed_groups(feature, number)
        assert sorted(np.flatnonzero(groups < 0).tolist()) == sorted(grid.special.values())
        assert groups.max() == number - 1
        assert np.array_equal(groups[grid.rest], groups[grid.unseen])

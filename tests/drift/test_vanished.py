from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from driftmeter.drift.vanished import LEAST_EXPECTED, Vanished
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from tests.drift.samples import hashed, noise, p_values, pair_of


@pytest.mark.simulation
@pytest.mark.parametrize(("categories", "power"), [(40, 0.0), (600, 0.0), (600, 1.0), (5000, 1.0)])
@pytest.mark.parametrize(("m", "n"), [(10_000, 1000), (10_000, 10_000), (2000, 20_000)])
def test_without_drift_it_has_at_most_its_size(categories: int, power: float, m: int, n: int) -> None:
    rng, replicates = np.random.default_rng(categories + m + n), 2000
    shares = 1 / np.arange(1.0, categories + 1) ** power
    shares /= shares.sum()
    scores = Vanished().score(pair_of(rng.multinomial(m, shares, replicates), rng.multinomial(n, shares, replicates)))
    for nominal in (0.05, 0.01, 0.001):
        assert np.mean(p_values(scores) <= nominal) <= nominal + noise(nominal, replicates)
    assert scores.statistic.mean() < 0.005


def test_twenty_of_600_that_vanish_are_found_and_their_share_is_the_statistic() -> None:
    rng = np.random.default_rng(3)
    shares = np.full(600, 1 / 600)
    live = np.where(np.arange(600) < 20, 0.0, shares) / (580 / 600)
    pairs = pair_of(rng.multinomial(10_000, shares, 100), rng.multinomial(5000, live, 100))
    scores = Vanished().score(pairs)
    assert p_values(scores).max() < 1e-10
    assert scores.statistic == pytest.approx(20 / 600, abs=0.012)


def test_a_bin_that_should_hold_fewer_than_two_rows_may_be_empty() -> None:
    rows = np.full(100, 100)
    for window_rows, counted in ((1, False), (3, True)):
        window = np.where(np.arange(100) < 50, 0, 2 * window_rows)
        assert (window.sum() / 100 > LEAST_EXPECTED) == counted
        p = float(p_values(Vanished().score(pair_of(rows, window))))
        assert p < 1e-6 if counted else p == 1


def test_what_was_never_there_does_not_vanish_and_what_is_new_does_not_count() -> None:
    pair = pair_of(np.array([500, 0, 0, 500]), np.array([400, 0, 200, 400]))
    assert float(p_values(Vanished().score(pair))) == 1


def test_more_categories_than_chance_lets_vanish_are_told_by_their_bins_of_600() -> None:
    feature = hashed(np.full(600, 10))
    assert isinstance(feature.grid, CategoryGrid)
    assert not feature.grid.categories
    assert feature.grid.hashed == 1024


@pytest.mark.parametrize("seed", range(3))
def test_categories_that_came_once_do_not_vanish_from_a_window_of_the_same_law(seed: int) -> None:
    chance = np.random.default_rng(seed)

    def drawn(rows: int) -> pl.DataFrame:
        return pl.DataFrame({"word": [f"w{number}" for number in chance.zipf(1.15, rows) % 1_000_000]})

    profile = Profile.fit(drawn(60_000), model="texts", independent=True)
    (scores,) = (feature.scores for feature in compare(profile, drawn(15_000)).verdict.features)
    assert scores.vanished < 0.01
    assert scores.p_value > 0.001


def test_a_column_whose_categories_all_came_once_is_compared_without_its_rest() -> None:
    words = pl.DataFrame({"word": [f"w{number}" for number in range(600)]})
    profile = Profile.fit(words, model="texts", independent=True, include=["word"])
    (scores,) = (feature.scores for feature in compare(profile, words).verdict.features)
    assert scores.vanished == 0

"""Rates: windows from each block of panes to now, and how soon they find a rate that has changed."""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.detectors import DWS
from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.finding import WindowSamples
from driftmeter.detectors.dws.rare import RareBins
from driftmeter.detectors.dws.rates import Rates, log10_alphas
from driftmeter.detectors.dws.windows import Block
from driftmeter.detectors.protocol import strongest
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from tests.detectors.samples import Draws, mixed_profile, normal_shares, numbers_profile, pane, present, run


@pytest.fixture(scope="module")
def profile() -> Profile:
    return numbers_profile(30, seed=51, rows=20_000)


def test_every_window_ends_now_and_begins_with_the_latest_block_of_its_level() -> None:
    mixed = mixed_profile()
    rates = Rates(CompiledBins(mixed.features), np.full(len(mixed.features), 0.1))
    chance = np.random.default_rng(52)
    panes = chance.integers(0, 5, (13, mixed.bins))

    def block(first: int, last: int) -> Block:
        return Block(panes[first:last].sum(axis=0), last - first, first, 1, 1, np.zeros(0, dtype=np.int64))

    def latest(number: int) -> list[Block | None]:
        ends = [number // 2**level * 2**level for level in range(4)]
        return [None, *(block(end - 2**level, end) if end else None for level, end in enumerate(ends))]

    suffixes = rates.suffixes([(latest(number), number) for number in range(1, 14)])
    for place in range(13):
        number, windows = place + 1, suffixes.windows(place)
        for level, window in enumerate(windows):
            first = number - number % 2**level - 2**level
            assert window.counts.tolist() == panes[first:number].sum(axis=0).tolist()
            assert suffixes.rows[place, level] == window.rows == number - first
            assert window.start == first
            of_rates = CompiledBins(mixed.features).rare_counts(window.counts)[rates.columns]
            assert suffixes.seen[place, level].tolist() == of_rates[suffixes.rates].tolist()
            assert not np.delete(of_rates, suffixes.rates).any()
        assert not suffixes.seen[place, len(windows) :].any()


def test_panes_without_any_block_have_no_windows_to_look_back_on() -> None:
    mixed = mixed_profile()
    rates = Rates(CompiledBins(mixed.features), np.full(len(mixed.features), 0.1))
    suffixes = rates.suffixes([([None], 1), ([None], 2)])
    assert not rates.near(suffixes, log10_alphas(suffixes.strides, np.array([1, 1]), DAY)).any()


def test_all_rates_of_a_feature_together_have_the_budget_of_one() -> None:
    mixed = mixed_profile()
    rates = Rates(CompiledBins(mixed.features), np.full(len(mixed.features), 0.1))
    parts = np.bincount(rates.owner, 10**rates.log10_weight)
    assert parts == pytest.approx(np.ones(len(mixed.features)))
    hours = (HOUR * 2 ** np.arange(10))[np.newaxis]
    spent = 10 ** log10_alphas(hours, np.array([10]), 60 * DAY) / hours * np.minimum(2.0 ** np.arange(10), 2)
    assert spent.sum() == pytest.approx(1 / (60 * DAY))


@pytest.mark.parametrize(
    ("missing", "rows", "at_most"),
    # 1.3 times the rows of the likelihood ratio on single rows, see bench/rates.py
    [(0.01, 1_000, 1_800), (0.03, 1_000, 290), (0.12, 42, 90)],
)
def test_missing_rows_are_found_about_as_soon_as_by_the_exact_sequential_test(
    profile: Profile, missing: float, rows: int, at_most: int
) -> None:
    detector, chance = DWS(profile, ModelSettings()), np.random.default_rng(53)
    still = Draws([normal_shares(feature) for feature in profile.features])
    state, readings = run(detector, still.panes(chance, 133, 42), rows=42, length=HOUR)
    assert all((reading.alarms() < 0).all() for reading in readings)
    changed = Draws([normal_shares(feature, missing=missing) for feature in profile.features])
    found = np.full(len(profile.features), np.inf)
    for number, counts in enumerate(changed.panes(chance, 100, 42)):
        state, reading = detector.update(state, pane(133 + number, counts, 42, HOUR))
        fired = (present(reading).alarms() >= 0).any(axis=0)
        found = np.where(fired & np.isinf(found), 42 * (number + 1), found)
        if np.isfinite(found).all():
            break
    assert np.median(found) <= at_most
    assert all(present(strongest(detector.causes(state, index))).what == "missing" for index in range(30))


@pytest.mark.parametrize("missing", [0.0, 0.01, 0.3, 0.45, 0.6, 0.8, 0.95])
def test_no_rate_that_alarms_is_passed_over_by_the_bound(missing: float) -> None:
    detector = DWS(numbers_profile(1, seed=56, missing=missing), ModelSettings())
    bins, rows, feature = detector.bins, 400, detector.profile.features[0]
    counts = np.zeros((rows + 1, detector.profile.bins), dtype=np.int64)
    counts[:, int(feature.reference[feature.grid.present].argmax())] = np.arange(rows, -1, -1)
    counts[:, feature.grid.special["missing"]] = np.arange(rows + 1)
    blocks = [Block(some, rows, 0, HOUR, HOUR, np.zeros(0, dtype=np.int64)) for some in counts]
    suffixes = detector.rates.suffixes([((None, block), 1) for block in blocks])
    log10_alpha = log10_alphas(suffixes.strides, np.full(rows + 1, 8), 60 * DAY)
    samples = WindowSamples(
        counts.astype(np.float64),
        np.full((rows + 1, 1), float(rows)),
        np.zeros((rows + 1, 0), dtype=np.int64),
        detector.variance.at_each([HOUR] * (rows + 1), [rows] * (rows + 1)),
        10**log10_alpha,
    )
    rare = RareBins(bins, detector.variance, detector.tolerance)
    finding = rare.judge_rates(samples, detector.rates.columns, detector.rates.log10_weight)
    alarms = finding.evidence[:, 0] >= 0
    assert 0 < alarms.sum() < rows
    near = detector.rates.near(suffixes, log10_alpha)[:, 0]
    assert near[alarms].all()
    assert near.sum() < alarms.sum() + rows / 10


def test_a_share_within_the_tolerance_is_never_an_alarm(profile: Profile) -> None:
    detector, chance = DWS(profile, ModelSettings()), np.random.default_rng(54)
    changed = Draws([normal_shares(feature, missing=0.0015) for feature in profile.features])
    _, readings = run(detector, changed.panes(chance, 400, 1_000), rows=1_000, length=HOUR)
    assert max(reading.strongest.max() for reading in readings) < 0


def test_a_feature_that_begins_anew_is_not_judged_by_rows_before_that(profile: Profile) -> None:
    detector, chance = DWS(profile, ModelSettings()), np.random.default_rng(55)
    changed = Draws([normal_shares(feature, missing=0.1) for feature in profile.features])
    state, readings = run(detector, changed.panes(chance, 33, 100), rows=100, length=HOUR)
    assert (readings[-1].strongest >= 0).all()
    state = detector.restart(state, np.ones(30, dtype=bool))
    still = Draws([normal_shares(feature) for feature in profile.features])
    state, readings = run(detector, still.panes(chance, 40, 100), rows=100, length=HOUR, state=state, first=33)
    assert max(reading.strongest.max() for reading in readings) < 0


def test_unseen_rows_are_compared_with_what_the_reference_lets_one_expect_of_them() -> None:
    grid = CategoryGrid(("Ulm",), tuple(range(900)), once=900, hashed=64, least_rows=30)
    rest = [15] * 4 + [14] * 60
    counts = (9_100, *rest, *[0] * 64, 0, 0)
    feature = Feature("text", "categorical", "feature", grid, counts, "text")
    bins = CompiledBins([feature])
    expected = dict(zip(bins.rare_names, bins.rare_reference.tolist(), strict=True))
    assert (expected["Ulm"], expected["unseen"]) == (9_100, 900)
    # a bin of rare categories holds its unseen ones too
    assert sum(rows for name, rows in expected.items() if name.startswith("other")) == 900

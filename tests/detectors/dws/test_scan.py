from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.detectors import DWS
from driftmeter.detectors.protocol import strongest
from driftmeter.drift.categories import order_of
from driftmeter.panes.pane import Slice
from driftmeter.profile.calibration import ARRAYS, BY_ROWS, Calibration
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.verdict.findings import finding
from tests.detectors.samples import (
    PANE_MS,
    ROWS,
    Draws,
    categories,
    category_grid,
    delays_of,
    normal_shares,
    number_grid,
    numbers_profile,
    of_features,
    pane,
    present,
    reference_shares,
    run,
)

STREAMS = 60


@pytest.fixture(scope="module")
def numbers() -> Profile:
    return numbers_profile(STREAMS, seed=21)


@pytest.fixture(scope="module")
def one() -> Profile:
    return numbers_profile(1, seed=22)


def table_settings(streams: int) -> ModelSettings:
    """Return the settings of the published table: a budget of 10⁶ rows for 30 features, 10 levels, no tolerance.

    A row lasts 100 ms. DWS takes twice the budget by itself, the table does not.
    """
    budget = 1_000_000 * 100 // 2 * 30 // streams
    return ModelSettings(budget=budget, tolerance=0.0, pane_length=PANE_MS, reach=2**9 * PANE_MS)


# median and 90 % quantile of the rows until the alarm: the published ones, of missing values those of rates.py
@pytest.mark.parametrize(
    ("change", "median", "late"),
    [({"mean": 0.5}, 194, 350), ({"sd": 1.25}, 412, 527), ({"missing": 0.02}, 230, 400)],
    ids=["mean +.5σ", "sd ×1.25", "missing 0→2 %"],
)
def test_drift_is_found_as_soon_as_the_published_table_says(
    numbers: Profile, change: dict[str, float], median: float, late: float
) -> None:
    detector = DWS(numbers, table_settings(STREAMS))
    changes = 16_000 + np.random.default_rng(23).integers(0, 16_000, STREAMS)
    before = [normal_shares(feature) for feature in numbers.features]
    after = [normal_shares(feature, **change) for feature in numbers.features]
    delays = delays_of(detector, before, after, changes, seed=24, horizon=3_000)
    assert 0.75 * median < np.median(delays) < 1.25 * median
    assert np.quantile(delays, 0.9) < 1.4 * late  # of a hundred streams it has an error of a fifth


def test_over_a_null_as_many_windows_alarm_as_the_budget_allows(numbers: Profile) -> None:
    panes, expected = 1_500, 400
    # run at twice the budget: that many windows are expected to alarm in the whole stream
    settings = ModelSettings(
        budget=panes * PANE_MS // (2 * expected), tolerance=0.0, pane_length=PANE_MS, reach=2**9 * PANE_MS
    )
    detector, chance = DWS(numbers, settings), np.random.default_rng(25)
    draws = Draws([normal_shares(feature) for feature in numbers.features])
    state, alarms, by_feature = detector.start(), 0, np.zeros(STREAMS)
    for number, counts in enumerate(draws.panes(chance, panes)):
        state, reading = detector.update(state, pane(number, counts))
        fired = np.asarray((present(reading).alarms() >= 0).any(axis=0), dtype=bool)
        # an alarm that stands is one: the windows of the feature begin anew
        state = detector.restart(state, fired) if fired.any() else state
        alarms, by_feature = alarms + int(fired.sum()), by_feature + fired
    assert 0.3 * expected < alarms < expected
    assert (by_feature > 0).sum() > STREAMS / 2


def test_windows_are_powers_of_two_panes_half_overlapping_and_reach_back_as_far_as_settings_say(one: Profile) -> None:
    detector = DWS(one, ModelSettings(pane_length=PANE_MS, reach=8 * PANE_MS))
    _, readings = run(detector, Draws(reference_shares(one)).panes(np.random.default_rng(26), 24))
    judged = {
        level: [number for number, reading in enumerate(readings, 1) if reading.fresh[level].all()]
        for level in range(4)
    }
    assert judged[0] == list(range(1, 25))
    assert judged[1] == list(range(2, 25))
    assert judged[2] == list(range(4, 25, 2))
    assert judged[3] == list(range(8, 25, 4))
    assert len(readings[-1].evidence) == 4
    assert readings[-1].lengths.tolist() == [PANE_MS * 2**level for level in range(4)]


def test_a_window_is_judged_as_one_pane_of_its_rows_would_be(one: Profile) -> None:
    counts = Draws(reference_shares(one)).panes(np.random.default_rng(27), 8)
    settings = ModelSettings(pane_length=PANE_MS, reach=8 * PANE_MS, tolerance=0.0)
    detector = DWS(one, settings)
    state, _ = run(detector, counts)
    window = state.blocks[3]
    assert np.array_equal(window.counts, counts[4:].sum(axis=0))
    assert (window.rows, window.length, window.elapsed) == (400, 4 * PANE_MS, 4 * PANE_MS)
    assert state.findings.rows[:, 0].tolist() == [100, 200, 400, 800]


def test_longer_panes_need_fewer_levels(one: Profile) -> None:
    counts = Draws(reference_shares(one)).panes(np.random.default_rng(28), 3)
    settings = ModelSettings(reach=DAY)
    for length, levels in ((HOUR, 5), (10 * 60_000, 8), (PANE_MS, 14)):
        _, readings = run(DWS(one, settings), counts, length=length)
        assert len(readings[-1].evidence) == levels


def test_a_window_that_spans_a_restart_does_not_count(one: Profile) -> None:
    detector = DWS(one, ModelSettings(pane_length=PANE_MS, reach=8 * PANE_MS))
    counts = Draws(reference_shares(one)).panes(np.random.default_rng(29), 24)
    state, _ = run(detector, counts[:13])
    state = detector.restart(state, np.array([True]))
    _, readings = run(detector, counts[13:], state=state, first=13)
    first = [
        next(n for n, reading in enumerate(readings, 14) if np.isfinite(reading.evidence[level, 0]))
        for level in range(4)
    ]
    # panes 14, 14-15, 15-18 and 17-24: the first of each length that begins after the 13th
    assert first == [14, 15, 18, 24]


def test_what_is_significant_and_inside_the_tolerance_is_said_to_be() -> None:
    profile = numbers_profile(1, rows=100_000)
    feature = profile.features[0]
    detector = DWS(profile, ModelSettings(tolerance=0.01))
    _, readings = run(detector, Draws([normal_shares(feature, mean=0.08)]).panes(np.random.default_rng(30), 200))
    assert readings[-1].significant.tolist() == [True]
    assert all(reading.strongest[0] < 0 for reading in readings)
    _, readings = run(detector, Draws([normal_shares(feature)]).panes(np.random.default_rng(30), 200))
    assert readings[-1].significant.tolist() == [False]


def test_the_evidence_is_how_far_past_the_threshold_it_is(one: Profile) -> None:
    counts = Draws([normal_shares(one.features[0], mean=1.0)]).panes(np.random.default_rng(31), 3)
    settings = ModelSettings(reach=DAY)
    longer = replace(settings, budget=10 * settings.budget)
    readings = [run(DWS(one, chosen), counts)[1][-1] for chosen in (settings, longer)]
    assert readings[0].evidence[0, 0] - readings[1].evidence[0, 0] == pytest.approx(1)


def test_the_smallest_shift_that_could_be_seen_shrinks_as_windows_grow(one: Profile) -> None:
    detector = DWS(one, ModelSettings(reach=DAY))
    _, readings = run(detector, Draws(reference_shares(one)).panes(np.random.default_rng(32), 64))
    smallest = [reading.smallest_visible[0] for reading in readings]
    assert (np.diff(smallest) <= 0).all()
    assert smallest[0] > 0.4
    # the tolerance of .1 is always needed
    assert 0.1 < smallest[-1] < 0.25


def test_severity_is_graded_by_what_a_shift_surely_is() -> None:
    low = []
    for seed in range(8):
        one = numbers_profile(1, seed=seed)
        shares = normal_shares(one.features[0], mean=0.5)
        detector = DWS(one, ModelSettings(reach=DAY))
        state, _ = run(detector, Draws([shares]).panes(np.random.default_rng(33), 100))
        cause = present(strongest(detector.causes(state, 0)))
        assert cause.effect_low < cause.effect
        low.append(cause.effect_low)
        state, _ = run(detector, Draws(reference_shares(one)).panes(np.random.default_rng(33), 100))
        cause = present(strongest(detector.causes(state, 0)))
        assert (cause.effect, cause.effect_low) == (0, 0)
    # a shift of half a standard deviation is a PSI of a quarter; the bound is two standard errors below
    assert min(low) > 0.15
    assert np.mean(low) < 0.24
    assert np.mean(np.array(low) < 0.25) >= 0.75


def test_many_small_shifts_of_categories_are_seen_together() -> None:
    feature = categories([500] * 20)
    profile = of_features(feature)
    shares = np.zeros(24)
    # neighbours in the order of pooling move together, else they would make up for each other
    shares[order_of(feature)[:20]] = np.repeat([0.06, 0.04], 10)
    detector = DWS(profile, ModelSettings(reach=DAY))
    state, readings = run(detector, Draws([shares]).panes(np.random.default_rng(34), 20, 1_000), rows=1_000)
    assert readings[-1].strongest[0] >= 0
    assert present(strongest(detector.causes(state, 0))).what == "bins"


@pytest.mark.parametrize("name", ["below", "above", "far below", "missing", "unseen", "unreadable", "other", "mean"])
def test_a_category_that_has_the_name_of_a_bin_is_judged_and_explained_as_a_category(name: str) -> None:
    feature = categories([700, 200, 100])
    feature = replace(feature, grid=replace(category_grid(feature), categories=("a", "b", name)))
    shares = feature.reference / feature.reference.sum()
    for bin_, category in ((2, True), (feature.grid.special["missing"], False)):
        moved_there = 0.7 * shares
        moved_there[bin_] += 0.3
        detector = DWS(of_features(feature), ModelSettings(reach=DAY))
        state, readings = run(detector, Draws([moved_there]).panes(np.random.default_rng(35), 10))
        assert readings[-1].strongest[0] >= 0
        cause = present(strongest(detector.causes(state, 0)))
        assert (cause.what, cause.category) == (name if category else "missing", category)
        assert finding(cause).startswith(f"category '{name}' rose from") == category


def calibration_of(
    profile: Profile, tau: float, *, stuck: tuple[float, float, float, float] = (0, 0, 0, 0)
) -> Calibration:
    """Return a calibration with the same additive variance everywhere, known from days."""
    tables = DWS(replace(profile, independent=True), ModelSettings()).bins
    features, rare, groups = len(profile.features), len(tables.rare), len(tables.group_owner)
    shapes = {
        "scores": (features, 4), "tails": (features, 4), "rare": (rare,), "groups": (groups,), "cores": (features,),
    }  # fmt: skip
    arrays: dict[str, Any] = {
        name: np.full((2, *shape), tau if name != "tails" else 0.0) for name, shape in shapes.items()
    }
    arrays["stuck"] = np.tile(np.array(stuck, dtype=float), (2, features, 1))
    arrays["clusters"] = np.zeros((rare, 2))
    assert set(arrays) == set(ARRAYS) - {"hours", "bursts", *BY_ROWS}
    return Calibration((HOUR, DAY), (480, 20), 24_000.0, 1.0, **arrays)


def test_a_shift_as_large_as_days_differ_anyway_is_no_alarm(one: Profile) -> None:
    calibrated = replace(one, independent=False, calibration=calibration_of(one, 0.04))
    counts = Draws([normal_shares(one.features[0], mean=0.3)]).panes(np.random.default_rng(36), 48, 1_000)
    for profile, alarms in ((one, True), (calibrated, False)):
        _, readings = run(DWS(profile, ModelSettings()), counts, rows=1_000, length=HOUR)
        assert (readings[-1].strongest[0] >= 0) == alarms
    _, readings = run(DWS(calibrated, ModelSettings()), counts, rows=1_000, length=HOUR)
    assert readings[-1].smallest_visible[0] > 0.5


def test_a_value_that_takes_a_dependent_feature_over_is_stuck(one: Profile) -> None:
    # the most frequent bin has about 5 % of the rows of a day, and never had more than 12 %
    calibrated = replace(one, independent=False, calibration=calibration_of(one, 0.5, stuck=(-2.9, 0.2, 0.0, -2.0)))
    detector = DWS(calibrated, ModelSettings())
    still = Draws(reference_shares(one)).panes(np.random.default_rng(37), 40, 1_000)
    state, readings = run(detector, still, rows=1_000, length=HOUR)
    assert all(reading.strongest[0] < 0 for reading in readings)
    held = np.zeros((40, one.bins), dtype=np.int64)
    held[:, number_grid(one.features[0]).core.start + 30] = 1_000
    state, readings = run(detector, held, rows=1_000, length=HOUR, state=state, first=40)
    assert readings[-1].strongest[0] >= 0
    cause = present(strongest(detector.causes(state, 0)))
    grid = number_grid(one.features[0])
    assert (cause.what, cause.bin, cause.single) == ("stuck", grid.labels[grid.core.start + 30], False)
    assert finding(cause).startswith("values in [")
    # nearly all rows of a window, against 12 % at most
    assert 1 < cause.effect_low < cause.effect


def test_a_budget_shorter_than_a_pane_still_gives_numbers(one: Profile) -> None:
    _, readings = run(
        DWS(one, ModelSettings(budget=1)), Draws(reference_shares(one)).panes(np.random.default_rng(42), 3)
    )
    assert np.isfinite([reading.smallest_visible[0] for reading in readings]).all()


def test_a_calibration_of_other_features_is_refused(one: Profile) -> None:
    other = calibration_of(numbers_profile(2), 0.1)
    with pytest.raises(ValueError, match="expected a calibration of the shape"):
        DWS(replace(one, independent=False, calibration=other), ModelSettings())


def test_a_gap_in_time_pays_for_a_day_at_most(one: Profile) -> None:
    counts = Draws(reference_shares(one)).panes(np.random.default_rng(38), 2)
    evidence = []
    for gap in (DAY, 100 * DAY):
        detector = DWS(one, ModelSettings())
        state, _ = detector.update(detector.start(), pane(0, counts[0]))
        late = Slice(pane(0, counts[0]).end + gap - PANE_MS, PANE_MS, Summary(ROWS, counts[1]))
        evidence.append(present(detector.update(state, late)[1]).evidence[0, 0])
    assert evidence[0] == evidence[1]


def test_the_state_of_500_features_is_small() -> None:
    feature = numbers_profile(1, seed=39).features[0]
    profile = of_features(*(replace(feature, name=f"f{index}") for index in range(500)))
    detector = DWS(profile, ModelSettings())
    draws, chance, state = Draws(reference_shares(profile)), np.random.default_rng(40), detector.start()
    sizes = []
    for first in range(0, 260, 20):
        state, _ = run(detector, draws.panes(chance, 20), state=state, first=first)
        sizes.append(len(detector.dumps(state)))
    # all levels that ever hold something, at their worst
    assert len(state.findings.evidence) == 18
    worst = sizes[-1] / sum(block is not None for block in state.blocks) * len(state.blocks)
    assert worst < 10_000_000


def test_what_is_kept_does_not_grow_with_the_panes(one: Profile) -> None:
    detector = DWS(one, ModelSettings(reach=16 * PANE_MS, pane_length=PANE_MS))
    counts = Draws(reference_shares(one)).panes(np.random.default_rng(41), 400)
    early, _ = run(detector, counts[:48])
    late, _ = run(detector, counts)
    assert len(late.blocks) == len(early.blocks) == 5
    assert len(detector.dumps(late)) < 1.2 * len(detector.dumps(early))


@pytest.mark.parametrize("change", ["the same", "half vanish"])
def test_of_many_categories_half_that_vanish_are_found_live(change: str) -> None:
    rng = np.random.default_rng(11)
    shares = np.full(600, 1 / 600)
    counts = {f"c{index:03}": int(rows) for index, rows in enumerate(rng.multinomial(6_000, shares))}
    grid = CategoryGrid.fit(counts, dtype="string", min_rows=30, most_bins=256, most_known=1000)
    bins = np.array([grid.bin_of(name) for name in counts])
    feature = Feature("zip", "categorical", "feature", grid, (0,) * grid.size, "zip")
    reference = np.bincount(bins, list(counts.values()), grid.size).astype(int)
    profile = Profile("m", 6_000, (replace(feature, counts=tuple(reference.tolist())),), independent=True)
    judge = DWS(profile, ModelSettings())
    live = shares if change == "the same" else np.where(np.arange(600) % 2, 2 / 600, 0)
    state, best = judge.start(), -np.inf
    for place in range(60):
        window = np.bincount(bins, rng.multinomial(500, live), grid.size).astype(int)
        state, reading = judge.update(state, Slice(place * 10_000, 10_000, Summary(500, window)))
        best = max(best, float(present(reading).strongest.max()))
    assert (best >= 0) == (change == "half vanish")

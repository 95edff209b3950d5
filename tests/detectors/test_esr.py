from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftmeter.detectors import ESR
from driftmeter.detectors.protocol import strongest
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY
from driftmeter.types import Counts
from tests.detectors.samples import (
    PANE_MS,
    Draws,
    delays_of,
    moved,
    normal_shares,
    numbers_profile,
    present,
    reference_shares,
    run,
)

STREAMS = 60


@pytest.fixture(scope="module")
def numbers() -> Profile:
    return numbers_profile(STREAMS, seed=21)


@pytest.fixture(scope="module")
def pair() -> Profile:
    return numbers_profile(2, seed=5)


def null(profile: Profile, panes: int, seed: int) -> Counts:
    return Draws([normal_shares(feature) for feature in profile.features]).panes(np.random.default_rng(seed), panes)


# median and 90 % quantile of the rows until the alarm, from docs/detection.md
@pytest.mark.parametrize(
    ("change", "median", "late"),
    [({"mean": 0.5}, 271, 338), ({"sd": 1.25}, 509, 665)],
    ids=["mean +.5σ", "sd ×1.25"],
)
def test_drift_is_found_as_soon_as_the_published_table_says(
    numbers: Profile, change: dict[str, float], median: float, late: float
) -> None:
    # a budget of 10⁶ rows of 100 ms for 30 features
    budget = 1_000_000 * 100 * 30 // STREAMS
    detector = ESR(numbers, ModelSettings(budget=budget, tolerance=0.0, pane_length=PANE_MS))
    changes = 16_000 + np.random.default_rng(23).integers(0, 16_000, STREAMS)
    before = [normal_shares(feature) for feature in numbers.features]
    after = [normal_shares(feature, **change) for feature in numbers.features]
    delays = delays_of(detector, before, after, changes, seed=24, horizon=3_000)
    assert 0.75 * median < np.median(delays) < 1.25 * median
    assert np.quantile(delays, 0.9) < 1.25 * late


@pytest.mark.parametrize(("budget", "least"), [(2, 0.2), (5, 0.1), (20, 0.0)], ids=lambda value: f"{value}")
def test_over_a_null_there_are_at_most_as_many_alarms_as_the_time_holds_budgets(
    pair: Profile, budget: int, least: float
) -> None:
    # so short a budget that a threshold of half the size would break the promise
    panes = 2_000
    detector = ESR(pair, ModelSettings(budget=budget * PANE_MS, tolerance=0.0, pane_length=PANE_MS))
    _, readings = run(detector, null(pair, panes, 1))
    alarms = sum(bool((reading.alarms() >= 0).any()) for reading in readings)
    assert least * panes / budget < alarms + (least == 0) <= panes / budget


def test_no_bet_is_worth_taking_where_nothing_changes(pair: Profile) -> None:
    detector = ESR(pair, ModelSettings(tolerance=0.0))
    # what a row pays on average, for every bet: at most what it cost
    pays = np.exp(detector.smooth.log_pays)
    shares = np.stack([normal_shares(feature) for feature in pair.features])
    assert np.einsum("fbw,fw->fb", pays, shares).max() <= 1
    expected = shares.reshape(-1)[detector.bins.rare[detector.rare.rare]]
    rare = expected * np.exp(detector.rare.log_inside) + (1 - expected) * np.exp(detector.rare.log_outside)
    assert rare.max() <= 1 + 1e-12
    assert (pays.min(axis=2) > 0.3).all()


def test_features_that_alarm_together_share_the_budget(numbers: Profile) -> None:
    # e-BH: k features go where each has a k-th of what one alone would need
    settings = ModelSettings(budget=10 * DAY, tolerance=0.0)
    shifted = [normal_shares(feature, mean=0.2) for feature in numbers.features]
    still = [normal_shares(feature) for feature in numbers.features]
    first = {}
    for name, shares in (("all", shifted), ("one", [shifted[0], *still[1:]])):
        counts = Draws(shares).panes(np.random.default_rng(2), 60)
        counts[:, : numbers.offsets[1]] = Draws(shifted[:1]).panes(np.random.default_rng(3), 60)
        _, readings = run(ESR(numbers, settings), counts)
        first[name] = next(number for number, reading in enumerate(readings) if reading.alarms()[0, 0] >= 0)
    assert first["all"] < first["one"]


def test_what_alarmed_bets_anew_and_stands_for_as_long_as_it_took(pair: Profile) -> None:
    detector = ESR(pair, ModelSettings(tolerance=0.0))
    counts = Draws([normal_shares(pair.features[0], mean=0.3), normal_shares(pair.features[1])])
    state, hit = detector.start(), 0
    for number, of_pane in enumerate(counts.panes(np.random.default_rng(4), 60), start=1):
        state, (reading,) = run(detector, [of_pane], state=state, first=number)
        if reading.alarms()[0, 0] >= 0:
            hit = number
            break
    assert hit > 4
    _, after = run(detector, null(pair, hit + 3, 5), state=state, first=hit + 1)
    assert after[0].evidence[0, 0] < 0
    standing = [number for number, reading in enumerate(after, start=1) if reading.strongest[0] >= 0]
    # what came with the last pane is over when as much time has passed
    assert standing == list(range(1, hit))
    assert not any((reading.alarms() >= 0).any() for reading in after)


def test_the_reason_is_the_bet_that_won_most(pair: Profile) -> None:
    detector = ESR(pair, ModelSettings())
    shares = [moved(pair.features[0], 0.1, "missing"), normal_shares(pair.features[1], mean=-0.8)]
    state, _ = run(detector, null(pair, 50, 16))
    state, readings = run(detector, Draws(shares).panes(np.random.default_rng(6), 5), state=state, first=50)
    assert (readings[-1].strongest >= 0).all()
    first, second = (present(strongest(detector.causes(state, feature))) for feature in range(2))
    assert (first.what, second.what) == ("missing", "mean")
    assert first.value == pytest.approx(0.1, abs=0.05)
    assert second.value == pytest.approx(-0.8, abs=0.2)
    # not the rows before the change, of which there are ten times as many
    assert 100 < second.rows <= 500
    assert second.window == second.rows // 100 * PANE_MS


def test_a_smaller_reference_makes_it_more_careful() -> None:
    evidence: dict[int, list[float]] = {500: [], 50_000: []}
    for rows, of_seeds in evidence.items():
        for seed in range(7, 13):  # what chance made of a small reference is larger than what is asked for
            profile = numbers_profile(1, rows=rows, seed=seed)
            detector = ESR(profile, ModelSettings(tolerance=0.0))
            counts = Draws([normal_shares(profile.features[0], mean=0.4)]).panes(np.random.default_rng(8), 2)
            of_seeds.append(run(detector, counts)[1][-1].evidence[0, 0])
    assert np.mean(evidence[500]) < np.mean(evidence[50_000]) - 1


def test_a_lower_risk_of_its_bounds_makes_it_more_careful(pair: Profile) -> None:
    counts = Draws([normal_shares(feature, mean=0.4) for feature in pair.features]).panes(np.random.default_rng(9), 2)
    evidence = [
        run(ESR(pair, ModelSettings(tolerance=0.0), risk=risk), counts)[1][-1].evidence[0, 0] for risk in (0.05, 1e-6)
    ]
    assert evidence[1] < evidence[0]


def test_the_state_of_a_profile_does_not_grow_with_the_panes(pair: Profile) -> None:
    detector = ESR(pair, ModelSettings())
    early, _ = run(detector, null(pair, 50, 10))
    late, _ = run(detector, null(pair, 400, 10))
    assert len(detector.dumps(late)) < 1.2 * len(detector.dumps(early))


def test_of_500_features_the_state_is_small() -> None:
    feature = numbers_profile(1, seed=39).features[0]
    profile = replace(
        numbers_profile(1, seed=39), features=tuple(replace(feature, name=f"f{index}") for index in range(500))
    )
    detector = ESR(profile, ModelSettings())
    state, _ = run(detector, Draws(reference_shares(profile)).panes(np.random.default_rng(40), 5))
    assert len(detector.dumps(state)) < 10_000_000

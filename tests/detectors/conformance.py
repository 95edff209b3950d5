"""What every detector holds to: one list of checks that test_registry.py runs over the registry.

A check takes `make`, which compiles the detector for a profile and settings.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftmeter.counts.summary import Summary
from driftmeter.detectors.protocol import Detector, Evidence, strongest
from driftmeter.errors import StoreError
from driftmeter.panes.pane import Slice
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Floats
from tests.detectors.samples import (
    PANE_MS,
    ROWS,
    START,
    Draws,
    Make,
    categories,
    mixed_profile,
    moved,
    normal_shares,
    numbers,
    numbers_profile,
    of_features,
    pane,
    poisson_shares,
    present,
    reference_shares,
    run,
)

BUDGET = 10 * DAY
# short panes and few levels, so that a small stream exercises all of them
SETTINGS = ModelSettings(budget=BUDGET, pane_length=HOUR, reach=DAY)


@cache
def mixed() -> Profile:
    return mixed_profile()


@cache
def mixed_draws() -> Draws:
    return Draws(reference_shares(mixed()))


STREAMS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, PANE_MS, 300_000, 3 * HOUR, 3 * DAY]),
        st.sampled_from([0, 0, 1, 7, 40, 99, 100, 250]),
    ),
    min_size=1,
    max_size=40,
)
"""Panes as (gap before, rows): tiny ones that are merged into runs, empty ones, and gaps in time."""


def slices_of(stream: list[tuple[int, int]]) -> list[Slice]:
    chance = np.random.default_rng(len(stream))
    start, slices = START, []
    for gap, rows in stream:
        start += gap
        slices.append(Slice(start, PANE_MS, Summary(rows, mixed_draws().panes(chance, 1, rows)[0])))
        start += PANE_MS
    return slices


def fold(detector: Detector[Any], state: Any, slices: Sequence[Slice]) -> Any:
    for slice_ in slices:
        state, _ = detector.update(state, slice_)
    return state


def gives_the_same_bytes_for_the_same_panes(make: Make) -> None:
    slices = slices_of([(0, 40), (0, 0), (HOUR, 100), (3 * DAY, 7), *[(0, 250)] * 20])
    one, other = make(mixed(), SETTINGS), make(mixed(), SETTINGS)
    assert one.dumps(fold(one, one.start(), slices)) == other.dumps(fold(other, other.start(), slices))


def goes_on_from_its_bytes_as_if_it_had_never_stopped(make: Make) -> None:
    detector = make(mixed(), SETTINGS)

    @settings(max_examples=25)
    @given(STREAMS, st.data())
    def check(stream: list[tuple[int, int]], data: st.DataObject) -> None:
        slices = slices_of(stream)
        cut = data.draw(st.integers(0, len(slices)))
        whole = fold(detector, detector.start(), slices)
        half = detector.dumps(fold(detector, detector.start(), slices[:cut]))
        loaded = detector.loads(half)
        assert detector.dumps(loaded) == half
        assert detector.dumps(fold(detector, loaded, slices[cut:])) == detector.dumps(whole)

    check()


def takes_panes_worked_out_ahead_as_one_after_another(make: Make) -> None:
    """In any split, with restarts between the panes, and with drift of any size: the same bytes and evidence."""
    detector = make(mixed(), SETTINGS)
    restarted = st.sets(st.integers(0, 39), max_size=4)

    @settings(max_examples=40)
    @given(STREAMS, st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), restarted)
    def check(stream: list[tuple[int, int]], odd: set[int], cuts: set[int], restarts: set[int]) -> None:
        slices = [reversed_bins(slice_) if place in odd else slice_ for place, slice_ in enumerate(slices_of(stream))]
        some = np.arange(len(mixed().features)) % 2 == 0
        one, said = detector.start(), []
        for place, slice_ in enumerate(slices):
            one, evidence = detector.update(one, slice_)
            if evidence is not None:
                said.append(vars_of(evidence))
                one = detector.restart(one, some) if place in restarts else one
        many, ahead_said = detector.start(), []
        edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(slices)), len(slices)]
        for first, last in pairwise(edges):
            ahead = detector.look_ahead(many, slices[first:last])
            for place, pane_ahead in ahead.panes:
                many, evidence = detector.take(many, pane_ahead)
                ahead_said.append(vars_of(evidence))
                many = detector.restart(many, some) if first + place in restarts else many
            many = detector.leave(many, ahead)
        assert detector.dumps(many) == detector.dumps(one)
        assert ahead_said == said

    check()


def reversed_bins(slice_: Slice) -> Slice:
    """Return a slice with the counts of each feature in reverse order: drift of every kind."""
    counts = slice_.summary.counts.copy()
    for _, part in mixed().slices():
        counts[part] = counts[part][::-1]
    return replace(slice_, summary=Summary(slice_.summary.rows, counts))


def vars_of(evidence: Evidence) -> dict[str, object]:
    """Return evidence as plain values, arrays as bytes."""
    return {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in vars(evidence).items()}


def leaves_the_old_state_as_it_was(make: Make) -> None:
    detector = make(mixed(), SETTINGS)
    state = detector.start()
    for slice_ in slices_of([*[(0, 100)] * 20, (0, 7), (HOUR, 7), *[(0, 100)] * 5]):
        before = detector.dumps(state)
        after, _ = detector.update(state, slice_)
        detector.standing(state)
        detector.restart(after, np.ones(len(mixed().features), dtype=bool))
        assert detector.dumps(state) == before
        state = after


def waits_until_a_run_holds_enough_rows_or_lasted_long_enough(make: Make) -> None:
    detector = make(mixed(), SETTINGS)
    state, readings = detector.start(), []
    for slice_ in slices_of([(0, 40), (0, 40), (0, 19), (0, 1), (0, 1), (HOUR, 1)]):
        state, reading = detector.update(state, slice_)
        readings.append(reading)
    assert [reading is not None for reading in readings] == [False, False, False, True, False, True]
    assert (present(readings[3]).start, present(readings[3]).end) == (START, START + 4 * PANE_MS)


def is_untouched_by_empty_panes_between_runs(make: Make) -> None:
    detector = make(mixed(), SETTINGS)
    full = [(0, 100), (0, 100)]
    state = fold(detector, detector.start(), slices_of(full))
    empty = Slice(START + DAY, PANE_MS, Summary.zero(mixed().bins))
    after, reading = detector.update(state, empty)
    assert reading is None
    assert detector.dumps(after) == detector.dumps(state)


def stands_by_what_it_last_said(make: Make) -> None:
    detector = make(mixed(), SETTINGS)
    assert detector.standing(detector.start()) is None
    state, readings = run(detector, mixed_draws().panes(np.random.default_rng(3), 20))
    standing = present(detector.standing(detector.loads(detector.dumps(state))))
    assert np.array_equal(standing.evidence, readings[-1].evidence)
    assert np.array_equal(standing.smallest_visible, readings[-1].smallest_visible)
    assert not standing.fresh.any()
    assert np.isneginf(standing.alarms()).all()


def restarts_some_features_and_leaves_the_others_bit_for_bit(make: Make) -> None:
    detector = make(mixed(), SETTINGS)
    counts = mixed_draws().panes(np.random.default_rng(4), 60)
    state, _ = run(detector, counts[:30])
    mask = np.arange(len(mixed().features)) % 2 == 0
    restarted = detector.restart(state, mask)
    assert np.isneginf(present(detector.standing(restarted)).evidence[:, mask]).all()
    for feature in np.flatnonzero(mask).tolist():
        assert strongest(detector.causes(restarted, feature)) is None
    _, plain = run(detector, counts[30:], state=state, first=30)
    _, others = run(detector, counts[30:], state=restarted, first=30)
    for one, other in zip(plain, others, strict=True):
        assert np.array_equal(one.evidence[:, ~mask], other.evidence[:, ~mask])
        assert np.array_equal(one.smallest_visible[~mask], other.smallest_visible[~mask])
    assert any(not np.array_equal(a.evidence, b.evidence) for a, b in zip(plain, others, strict=True))


def forgets_what_came_before_a_restart(make: Make) -> None:
    profile = numbers_profile(2)
    shifted = Draws([normal_shares(feature, mean=1.0) for feature in profile.features])
    still = Draws([normal_shares(feature) for feature in profile.features])
    chance = np.random.default_rng(5)
    detector = make(profile, SETTINGS)
    state, readings = run(detector, shifted.panes(chance, 40))
    assert (readings[-1].strongest > 0).all()
    state = detector.restart(state, np.array([True, False]))
    _, after = run(detector, still.panes(chance, 30), state=state, first=40)
    assert all(reading.strongest[0] < 0 for reading in after)


def judges_each_feature_by_its_own_counts(make: Make) -> None:
    profile = numbers_profile(4, seed=2)
    chance = np.random.default_rng(6)
    # enough for many windows to be worth a closer look, too little for an alarm
    shares = [normal_shares(profile.features[0], mean=0.25), *map(normal_shares, profile.features[1:])]
    detector = make(profile, ModelSettings(budget=3_650 * DAY, reach=DAY))
    counts = Draws(shares).panes(chance, 8)
    other = Draws(shares).panes(chance, 8)
    of_first = np.arange(profile.bins) < profile.offsets[1]
    _, one = run(detector, counts)
    _, two = run(detector, np.where(of_first, counts, other))
    assert all(np.array_equal(a.evidence[:, 0], b.evidence[:, 0]) for a, b in zip(one, two, strict=True))
    assert not all(np.array_equal(a.evidence[:, 1], b.evidence[:, 1]) for a, b in zip(one, two, strict=True))


def refuses_damaged_bytes(make: Make) -> None:
    detector = make(mixed(), SETTINGS)
    state, _ = run(detector, mixed_draws().panes(np.random.default_rng(7), 8))
    state, _ = detector.update(state, pane(8, mixed_draws().panes(np.random.default_rng(7), 1, 20)[0], 20))
    data = detector.dumps(state)
    damaged = [b"", b"x", data[:-1], data + b"\0", b"ABCD" + data[4:], data[:8] + b"{}" + data[10:]]
    damaged += [data[:cut] for cut in range(1, len(data), max(1, len(data) // 60))]
    for place in range(0, len(data), max(1, len(data) // 300)):
        damaged.append(data[:place] + bytes([data[place] ^ 0x11]) + data[place + 1 :])
    for damage in damaged:
        with pytest.raises(StoreError, match="state cannot be read"):
            detector.loads(damage)


def refuses_the_state_of_another_profile(make: Make) -> None:
    small, large = numbers_profile(2), numbers_profile(3)
    detector = make(small, SETTINGS)
    state, _ = run(detector, Draws(reference_shares(small)).panes(np.random.default_rng(8), 3))
    with pytest.raises(StoreError):
        make(large, SETTINGS).loads(detector.dumps(state))


def odd_profiles() -> list[Profile]:
    """Return references that leave next to nothing to judge by."""
    rows = 40
    few = np.arange(rows, dtype=float)
    return [
        of_features(numbers(np.full(rows, 3.0)), categories([rows])),
        of_features(numbers(np.full(rows, np.nan)), categories([0], missing=rows)),
        of_features(numbers(few), categories([rows - 1, 1]), categories([], missing=rows, name="d")),
        of_features(numbers(np.array([1.0])), categories([1])),
        mixed(),
    ]


def stays_quiet_on_anything_odd(make: Make) -> None:
    for profile in odd_profiles():
        for tolerance in (0.0, 0.01):
            detector = make(profile, ModelSettings(tolerance=tolerance, budget=DAY, reach=DAY))
            state = detector.start()
            ends = np.zeros(profile.bins, dtype=np.int64)
            ends[np.array(profile.offsets[1:]) - 1] = 1
            starts = np.zeros(profile.bins, dtype=np.int64)
            starts[np.array(profile.offsets[:-1])] = 1
            reference = np.concatenate([feature.reference for feature in profile.features])
            odd = [(0, ends), (1, ends), (1_000_000, ends), (1_000_000, starts), (10**12, starts)]
            slices = [Slice(0, 1, Summary(rows, counts * rows)) for rows, counts in odd]
            slices.append(Slice(0, 1, Summary(profile.rows, reference)))
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                for number, slice_ in enumerate(slices * 3):
                    state, reading = detector.update(state, Slice(START + number * HOUR, HOUR, slice_.summary))
                    if reading is not None:
                        says_numbers(detector, state, reading)
                    state = detector.loads(detector.dumps(state))


def says_numbers(detector: Detector[Any], state: Any, reading: Evidence) -> None:
    """Evidence is finite or -inf; what is shown beside it is a number or, of `smallest_visible`, infinite."""
    assert (np.isfinite(reading.evidence) | np.isneginf(reading.evidence)).all()
    assert (reading.smallest_visible > 0).all()
    assert len(reading.fresh) == len(reading.lengths) == len(reading.evidence)
    for feature in range(reading.evidence.shape[1]):
        for evidence, cause in detector.causes(state, feature):
            assert np.isfinite([cause.value, cause.reference, cause.effect]).all()
            assert 0 <= cause.effect_low <= cause.effect, cause
            assert 0 <= cause.excess_low <= 1
            assert evidence >= 0 or cause.effect == 0
            assert cause.window >= 0
            assert cause.rows > 0


def alarms_and_says_why(make: Make) -> None:
    profile = mixed()
    amount, visits, *_, city, code, only, member = profile.features
    code_bin = code.grid.labels[0]
    shifts = {
        "amount": {
            "missing": moved(amount, 0.15, "missing"),
            "above": moved(amount, 0.03, "above"),
            "below": moved(amount, 0.03, "below"),
            "far above": moved(amount, 0.03, "far above"),
            "not finite": moved(amount, 0.03, "not finite"),
            "unreadable": moved(amount, 0.03, "unreadable"),
        },
        "visits": {"mean or bins": poisson_shares(visits, 3.6)},
        "constant": {"above": moved(profile.features[2], 0.1, "above")},
        "city": {
            "unseen": moved(city, 0.05, "unseen"),
            "c2 or bins": moved(city, 0.3, "c2"),
            "c0 or bins": moved(city, 0.1, "c0"),
            "unreadable": moved(city, 0.05, "unreadable"),
        },
        "code": {code_bin: moved(code, 0.08, code_bin), "unseen": moved(code, 0.05, "unseen")},
        "only": {"unseen": moved(only, 0.05, "unseen"), "unreadable": moved(only, 0.05, "unreadable")},
        "member": {"missing": moved(member, 0.05, "missing"), "unreadable": moved(member, 0.05, "unreadable")},
    }
    for name, cases in shifts.items():
        for what, shares in cases.items():
            alarms_with(make, profile, name, shares, what)
    number = numbers_profile(1)
    alarms_with(make, number, "f0", normal_shares(number.features[0], mean=-0.5), "mean")
    alarms_with(make, number, "f0", normal_shares(number.features[0], sd=0.7), "spread")


def alarms_with(make: Make, profile: Profile, name: str, shares: Floats, what: str) -> None:
    names = [feature.name for feature in profile.features]
    index = names.index(name)
    all_shares = reference_shares(profile)
    all_shares[index] = shares
    detector = make(profile, SETTINGS)
    counts = Draws(all_shares).panes(np.random.default_rng(9), 60)
    state = detector.start()
    for number, of_pane in enumerate(counts):
        state, reading = detector.update(state, pane(number, of_pane))
        hit = np.flatnonzero((present(reading).alarms() >= 0).any(axis=0)).tolist()
        if hit:
            assert hit == [index], (name, what)
            cause = strongest(detector.causes(state, index))
            assert cause is not None
            assert cause.what in what.split(" or "), (name, cause)
            assert 0 < cause.effect_low < cause.effect, (name, cause)
            grid = profile.features[index].grid
            assert cause.category == (isinstance(grid, CategoryGrid) and cause.what in grid.categories)
            return
    raise AssertionError(f"{name}: no alarm of {what}")


def never_alarms_inside_the_tolerance_however_many_rows(make: Make) -> None:
    profile = numbers_profile(3, rows=100_000)
    f0, f1, f2 = profile.features
    # a tolerance of .01 are .1 standard deviations
    shares = [normal_shares(f0, mean=0.05), normal_shares(f1, mean=-0.06), normal_shares(f2, sd=1.03)]
    detector = make(profile, ModelSettings(budget=DAY, reach=DAY))
    rows = 1_000_000
    _, readings = run(detector, Draws(shares).panes(np.random.default_rng(10), 40, rows), rows=rows)
    assert all((reading.strongest < 0).all() for reading in readings)
    strict = make(profile, ModelSettings(budget=DAY, reach=DAY, tolerance=0.0))
    _, readings = run(strict, Draws(shares).panes(np.random.default_rng(10), 3, rows), rows=rows)
    assert (np.max([reading.strongest for reading in readings], axis=0) >= 0).all()


def does_not_alarm_where_nothing_changes(make: Make) -> None:
    """Over 200,000 pane-features, half a budget in all."""
    profiles = (numbers_profile(160, seed=11), numbers_profile(40, rows=1_000, seed=12, missing=0.02), mixed())
    panes = 1_000
    for profile in profiles:
        detector = make(profile, ModelSettings(budget=6 * panes * PANE_MS, reach=HOUR, pane_rows=ROWS))
        if profile is mixed():
            shares = reference_shares(profile)
        else:
            missing = 0.0 if profile.rows > 1_000 else 0.02
            shares = [normal_shares(feature, missing=missing) for feature in profile.features]
        draws, chance, state = Draws(shares), np.random.default_rng(13), detector.start()
        for number in range(0, panes, 100):
            state, readings = run(detector, draws.panes(chance, 100), state=state, first=number)
            assert all((reading.strongest < 0).all() for reading in readings)


CHECKS = (
    gives_the_same_bytes_for_the_same_panes,
    goes_on_from_its_bytes_as_if_it_had_never_stopped,
    takes_panes_worked_out_ahead_as_one_after_another,
    leaves_the_old_state_as_it_was,
    waits_until_a_run_holds_enough_rows_or_lasted_long_enough,
    is_untouched_by_empty_panes_between_runs,
    stands_by_what_it_last_said,
    restarts_some_features_and_leaves_the_others_bit_for_bit,
    forgets_what_came_before_a_restart,
    judges_each_feature_by_its_own_counts,
    refuses_damaged_bytes,
    refuses_the_state_of_another_profile,
    stays_quiet_on_anything_odd,
    alarms_and_says_why,
    never_alarms_inside_the_tolerance_however_many_rows,
    does_not_alarm_where_nothing_changes,
)

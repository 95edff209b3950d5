"""What every drift test holds to: one list of checks that test_registry.py runs over the registry.

An exception is a name in one of the sets below, with its reason.
"""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.drift import DriftTest, Pair, Scores
from driftmeter.drift.scorer import RATES
from tests.drift.samples import p_values, pair_of

ADDS_TO_SMALL_SAMPLES = frozenset(["psi"])
"""Not exactly 0 on identical shares of two sizes: half a row is added to each group, a larger part of the smaller
sample."""
SEES_ABSENCE = frozenset(["vanished"])
"""Sees no change of shares, only bins without rows, so that it gets windows in which bins fall empty."""
JUDGES_ONE_DIRECTION = frozenset(["unreadable", "unseen", "out_of_range"])
"""The p-value is not symmetric: only more such rows are drift, and fewer are not."""

PLACES = np.array([0.0, 1.0, 2.5, 3.0, 7.0, 20.0])
SHARES = np.array([0.1, 0.2, 0.2, 0.3, 0.15, 0.05])
MOVED = np.array([0.2, 0.15, 0.15, 0.2, 0.1, 0.2])


def pair(test: DriftTest, reference: object, window: object) -> Pair:
    """Make a pair on the bins that the test looks at: rates see the first bin and the sum of the rest."""
    samples = [np.asarray(sample) for sample in (reference, window)]
    if test.view in RATES:
        samples = [np.stack([s[..., 0], s[..., 1:].sum(-1)], axis=-1) for s in samples]
        return pair_of(samples[0], samples[1])
    return pair_of(samples[0], samples[1], PLACES)


def rows(shares: np.ndarray, n: int) -> np.ndarray:
    return np.round(shares * n).astype(np.int64)


def described(pair: Pair, scores: Scores, row: int | None = None) -> str:
    """Return the counts and the result of a pair, or of one row of a pair of many, for the message of an assertion."""
    at = () if row is None else (row,)
    p_value = "none" if scores.p_value is None else scores.p_value[at]
    return (
        f"reference {pair.reference[at].tolist()}, window {pair.window[at].tolist()}: "
        f"statistic {scores.statistic[at]}, p-value {p_value}"
    )


def stays_finite_and_in_range_on_any_counts(test: DriftTest) -> None:
    rng = np.random.default_rng(11)
    scale = rng.choice([0, 0, 1, 3, 50, 10**4, 10**9], (2, 3000, len(PLACES)))
    counts = rng.integers(0, scale + 1)
    any_pair = pair(test, counts[0], counts[1])
    scores = test.score(any_pair)
    low, high = test.bounds
    # NaN is in no range
    wrong = ~((scores.statistic >= low) & (scores.statistic <= high) & np.isfinite(scores.statistic))
    if scores.p_value is not None:
        wrong |= ~(np.isnan(scores.p_value) | ((scores.p_value >= 0) & (scores.p_value <= 1)))
    if wrong.any():
        first = int(np.argmax(wrong))
        pytest.fail(f"expected a finite statistic from {low} to {high}; {described(any_pair, scores, first)}")


def is_zero_on_identical_proportions(test: DriftTest) -> None:
    reference = rows(SHARES, 1000)
    for times in (1, 3, 7):
        same = pair(test, reference, times * reference)
        scores = test.score(same)
        most = 1e-4 if test.name in ADDS_TO_SMALL_SAMPLES and times > 1 else 0
        assert abs(float(scores.statistic)) <= most, described(same, scores)
        # a row is added to the reference outside its range
        assert scores.p_value is None or scores.p_value > 0.3, described(same, scores)


def changing(test: DriftTest) -> np.ndarray:
    """Return windows that are further and further from the shares, as the test can see it."""
    steps = np.linspace(0, 1, 6)[:, None]
    if test.name in SEES_ABSENCE:
        return rows(SHARES, 200) * (np.arange(len(SHARES)) >= np.arange(4)[:, None])
    return rows((1 - steps) * SHARES + steps * MOVED, 2000)


def grows_with_the_change_and_its_p_value_falls(test: DriftTest) -> None:
    windows = changing(test)
    further = pair(test, np.broadcast_to(rows(SHARES, 10_000), windows.shape), windows)
    scores = test.score(further)
    assert np.all(np.diff(scores.statistic) > 0), described(further, scores)
    assert scores.p_value is None or np.all(np.diff(scores.p_value) < 0), described(further, scores)


def says_nothing_of_an_empty_sample(test: DriftTest) -> None:
    full, empty = rows(SHARES, 100), np.zeros(len(SHARES), dtype=np.int64)
    for reference, window in ((full, empty), (empty, full), (empty, empty)):
        half = pair(test, reference, window)
        scores = test.score(half)
        assert float(scores.statistic) == 0, described(half, scores)
        assert scores.p_value is None or scores.p_value == 1, described(half, scores)


def says_nothing_where_one_bin_holds_all(test: DriftTest) -> None:
    for bin_ in range(len(PLACES)):
        reference, window = np.zeros(len(PLACES)), np.zeros(len(PLACES))
        reference[bin_], window[bin_] = 1000, 50
        alone = pair(test, reference, window)
        scores = test.score(alone)
        assert float(scores.statistic) == 0, described(alone, scores)
        p_value = scores.p_value
        assert p_value is None or np.isnan(p_value) or p_value == 1, described(alone, scores)


def is_symmetric_up_to_its_sign(test: DriftTest) -> None:
    a, b = rows(SHARES, 1000), rows(MOVED, 1000)
    forth, back = pair(test, a, b), pair(test, b, a)
    scores, of_back = test.score(forth), test.score(back)
    both = f"{described(forth, scores)}; {described(back, of_back)}"
    sign = -1 if test.bounds[0] < 0 else 1
    assert np.isclose(scores.statistic, sign * of_back.statistic, rtol=1e-12), both
    if scores.p_value is not None and test.name not in JUDGES_ONE_DIRECTION:
        assert np.isclose(scores.p_value, p_values(of_back), rtol=1e-9), f"see JUDGES_ONE_DIRECTION; {both}"


def sees_only_the_sum_of_a_split_window(test: DriftTest) -> None:
    rng = np.random.default_rng(12)
    whole = rng.integers(0, 200, len(SHARES))
    part = rng.binomial(whole, 0.3)
    reference = rows(SHARES, 5000)
    assert test.score(pair(test, reference, whole)) == test.score(pair(test, reference, part + (whole - part)))


def gives_the_same_bits_alone_and_padded_among_others(test: DriftTest) -> None:
    rng = np.random.default_rng(13)
    counts = rng.integers(0, 300, (2, 40, len(PLACES)))
    many = pair(test, counts[0], counts[1])
    together = test.score(many)
    for row in range(40):
        one = pair(test, counts[0, row], counts[1, row])
        alone = test.score(one)
        both = f"add up with `total`; alone: {described(one, alone)}; among others: {described(many, together, row)}"
        assert float(alone.statistic) == float(together.statistic[row]), both
        assert alone.p_value is None or float(alone.p_value) == float(p_values(together)[row]), both
    if many.positions is None:
        return
    for extra in (1, 9, 150, 1000):
        places = np.append(PLACES, np.full(extra, PLACES[-1]))
        wider = [np.pad(sample, ((0, 0), (0, extra))) for sample in counts]
        padded = test.score(pair_of(wider[0], wider[1], places))
        differing = np.flatnonzero(padded.statistic != together.statistic)
        assert differing.size == 0, (
            f"add up with `total`; {extra} empty bins change {described(many, together, int(differing[0]))} "
            f"to {padded.statistic[differing[0]]}"
        )
        assert padded.p_value is None or np.array_equal(padded.p_value, p_values(together)), f"{extra} empty bins"


CHECKS = (
    stays_finite_and_in_range_on_any_counts,
    is_zero_on_identical_proportions,
    grows_with_the_change_and_its_p_value_falls,
    says_nothing_of_an_empty_sample,
    says_nothing_where_one_bin_holds_all,
    is_symmetric_up_to_its_sign,
    sees_only_the_sum_of_a_split_window,
    gives_the_same_bits_alone_and_padded_among_others,
)

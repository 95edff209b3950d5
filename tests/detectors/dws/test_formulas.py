"""The formulas of the scan's tests against exact laws: hypergeometric, chi-square of a table, Student's t."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, hypergeom, kurtosis, t

from driftmeter.detectors.dws.chance import log10_of, log10_student
from driftmeter.detectors.dws.pooled import pearson_terms
from driftmeter.detectors.dws.rare import log10_at_least, log10_at_most
from driftmeter.detectors.dws.smooth import effective_rows
from driftmeter.detectors.dws.stuck import stuck_chances, surpasses


@pytest.mark.parametrize(("n", "m", "reference"), [(100, 10_000, 10), (1_000, 50_000, 40), (5_000, 20_000, 3)])
def test_the_tails_of_a_rare_bin_are_hypergeometric_within_a_quarter(n: int, m: int, reference: int) -> None:
    for seen in range(12):
        share = np.array([n / (n + m)])
        at_least = log10_at_least(np.array([float(seen)]), np.array([float(reference)]), share)[0]
        at_most = log10_at_most(np.array([float(seen)]), np.array([float(reference)]), share)[0]
        exact_more = hypergeom.sf(seen - 1, n + m, seen + reference, n)
        exact_fewer = hypergeom.cdf(seen, n + m, seen + reference, n)
        if exact_more > 1e-9:  # beyond, no budget tells chances apart
            assert at_least == pytest.approx(np.log10(exact_more), abs=0.1)
        assert at_most == pytest.approx(np.log10(exact_fewer), abs=0.1)


def test_pearsons_terms_add_up_to_the_statistic_of_the_table() -> None:
    chance = np.random.default_rng(1)
    for groups in (2, 5, 16):
        window, reference = chance.integers(0, 90, groups), chance.integers(1, 900, groups)
        n, m = int(window.sum()), float(reference.sum())
        ours = pearson_terms(window.astype(float), reference.astype(float), n, np.full(groups, m)).sum()
        exact = chi2_contingency([window, reference], correction=False).statistic
        assert ours == pytest.approx(exact, rel=1e-12)


def test_a_group_that_is_empty_in_both_samples_adds_nothing() -> None:
    terms = pearson_terms(np.array([0.0, 5.0]), np.array([0.0, 50.0]), 5, np.array([50.0, 50.0]))
    assert terms.tolist() == [0.0, 0.0]


def test_students_tail_has_variance_1_and_the_kurtosis_that_was_measured() -> None:
    excess = 1.5
    freedom = 4 + 6 / excess
    law = t(freedom, scale=np.sqrt((freedom - 2) / freedom))
    assert law.var() == pytest.approx(1)
    assert law.stats(moments="k") == pytest.approx(excess)
    assert log10_student(np.array([4.0]), np.array([freedom]))[0] == pytest.approx(np.log10(law.sf(4.0)))


def test_no_chance_is_below_the_least_that_floats_tell() -> None:
    assert log10_of(np.array([1.0, 1e-3, 0.0])).tolist() == [0.0, pytest.approx(-3), pytest.approx(-300)]


def test_a_window_of_dependent_rows_is_never_worth_more_than_its_variance_allows() -> None:
    worth = [float(effective_rows(rows, np.array([0.04]))[0]) for rows in (1, 10, 1_000, 10**9)]
    assert worth == sorted(worth)
    assert worth[-1] == pytest.approx(25)
    assert effective_rows(10, np.array([0.0]))[0] == pytest.approx(10)


def test_a_modal_share_must_surpass_the_largest_window_of_the_reference_by_a_deviation() -> None:
    chance = np.random.default_rng(2)
    shares = np.clip(chance.normal(0.3, 0.05, 500), 0.01, 0.99)
    odds = np.log(shares / (1 - shares))
    row = np.array([[odds.mean(), odds.std(ddof=1), kurtosis(odds), odds.max()]])
    largest = shares.max()
    assert surpasses(np.array([largest, 0.95]), row).tolist() == [False, True]
    log_p, beyond = stuck_chances(np.array([largest, 0.95]), row)
    assert beyond < log_p

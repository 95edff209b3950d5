"""Severity: the thresholds and the order, by which everything that names a severity goes."""

from __future__ import annotations

from itertools import product

import pytest

from driftmeter.verdict.severity import MAJOR, MAJOR_RATE, MINOR, MINOR_RATE, SEVERITIES, grade, rank, worst_severity

NAN = float("nan")


@pytest.mark.parametrize(
    ("effect_low", "excess_low", "severity"),
    [
        (0.0, 0.0, "slight"),
        (0.0999, 0.00999, "slight"),
        (-1.0, -1.0, "slight"),
        (MINOR, 0.0, "minor"),
        (0.0, MINOR_RATE, "minor"),
        (0.2499, 0.0499, "minor"),
        (MAJOR, 0.0, "major"),
        (0.0, MAJOR_RATE, "major"),
        (MINOR, MAJOR_RATE, "major"),
        (NAN, NAN, "slight"),
        (NAN, 0.02, "minor"),
    ],
)
def test_a_drift_is_as_bad_as_the_worse_of_its_effect_and_its_excess(
    effect_low: float, excess_low: float, severity: str
) -> None:
    assert grade(effect_low, excess_low) == severity


def test_the_thresholds_are_those_of_the_documentation() -> None:
    assert (MINOR, MAJOR, MINOR_RATE, MAJOR_RATE) == (0.1, 0.25, 0.01, 0.05)


def test_the_worst_of_several_is_the_one_with_the_highest_rank() -> None:
    for severities in product(SEVERITIES, repeat=3):
        assert worst_severity(severities) in severities
        assert rank(worst_severity(severities)) == max(map(rank, severities))
    assert worst_severity([]) == worst_severity(["severe"]) == "none"


def test_a_word_that_is_no_severity_ranks_lowest() -> None:
    assert rank("") == rank("severe") == rank("none") == 0

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.profile.profile import Profile


def summary(*counts: int) -> Summary:
    return Summary(sum(counts), np.array(counts, np.int64))


def test_adding_counts_of_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="expected counts over 2 bins, got 3"):
        summary(1, 2) + summary(1, 2, 3)


def test_summing_counts_of_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="expected counts over 2 bins, got 3"):
        Summary.sum([summary(1, 2), summary(1, 2, 3)], 2)


def test_the_sum_of_nothing_is_no_rows() -> None:
    assert Summary.sum([], 3) == Summary.zero(3)


def test_adding_leaves_both_sides_as_they_were() -> None:
    one, other = summary(1, 2), summary(3, 4)
    assert Summary.sum([one, other], 2) == one + other == summary(4, 6)
    assert one == summary(1, 2)
    assert other == summary(3, 4)


def test_summaries_differ_by_rows_or_by_any_count() -> None:
    assert summary(1, 2) != Summary(4, np.array([1, 2]))
    assert summary(1, 2) != summary(2, 1)
    assert summary(1, 2) != "three rows"


def test_the_reference_itself_is_a_summary_by_its_profile(profile: Profile) -> None:
    whole = Summary(profile.rows, np.concatenate([feature.reference for feature in profile.features]))
    assert whole.check(profile) is None


def test_a_summary_of_another_grid_is_found_out(profile: Profile) -> None:
    assert "counts over" in (summary(1, 2).check(profile) or "")


def test_a_negative_count_is_found_out(profile: Profile) -> None:
    counts = np.zeros(profile.bins, np.int64)
    counts[:2] = 1, -1
    assert "negative" in (Summary(0, counts).check(profile) or "")


@pytest.mark.parametrize("rows", [1, -1])
def test_a_feature_with_a_row_too_many_or_too_few_is_found_out_by_name(profile: Profile, rows: int) -> None:
    counts = np.concatenate([feature.reference for feature in profile.features])
    counts[profile.offsets[3] + int(profile.features[3].reference.argmax())] += rows
    assert f"in {profile.features[3].name!r}" in (Summary(profile.rows, counts).check(profile) or "")

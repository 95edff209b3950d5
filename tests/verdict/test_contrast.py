"""Two sides of a feature: the reference's shares, and those of a change."""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Counts
from driftmeter.verdict.contrast import Contrast, Contrasts
from tests.verdict.samples import profile_of
from tests.verdict.streams import orders, summary_of


def counts_of(profile: Profile, name: str, *, shift: float = 0.0, lost: float = 0.0, rows: int = 2_000) -> Counts:
    counts = summary_of(profile, orders(rows, 5, shift=shift, lost=lost)).counts
    (part,) = (part for feature, part in profile.slices() if feature.name == name)
    return counts[part]


def contrast(profile: Profile, name: str, what: str, *, category: bool = False) -> Contrast:
    (feature,) = (feature for feature in profile.features if feature.name == name)
    return Contrast(feature, what, category=category)


def test_a_rare_bin_or_a_category_stands_against_all_other_rows(profile: Profile) -> None:
    missing = contrast(profile, "amount", "missing")
    assert missing.groups == 2
    assert missing.count(counts_of(profile, "amount", lost=0.1)).tolist() == pytest.approx([1_800, 200], abs=40)
    assert contrast(profile, "city", "a", category=True).share == pytest.approx([0.5, 0.5], abs=0.02)


def test_the_shape_is_measured_in_at_most_sixteen_groups_with_each_special_bin_alone(profile: Profile) -> None:
    bins = contrast(profile, "amount", "bins")
    assert bins.groups == 16 + 7
    assert bins.share.sum() == pytest.approx(1)
    rows = bins.count(counts_of(profile, "amount", lost=0.1))
    assert rows.sum() == 2_000
    assert 160 < max(rows[16:]) < 240


def test_a_stuck_value_stands_against_all_others_whichever_it_is(profile: Profile) -> None:
    stuck = contrast(profile, "amount", "stuck")
    for place in (10, 40):
        changed = stuck.count(counts_of(profile, "amount"))
        changed[place] += 4_000
        evidence = stuck.evidence(changed, 0.5)
        assert evidence.argmax() == place
        assert (evidence > 0).sum() == 1


@pytest.mark.parametrize(("what", "shift", "lost"), [("mean", 0.7, 0), ("bins", 0.7, 0), ("missing", 0, 0.05)])
def test_rows_speak_for_the_side_that_they_are_of(profile: Profile, what: str, shift: float, lost: float) -> None:
    sides = contrast(profile, "amount", what)
    changed = sides.count(counts_of(profile, "amount", shift=shift, lost=lost))
    like_the_reference = sides.count(counts_of(profile, "amount"))
    for part in (0.5, 1.0):
        evidence = sides.evidence(changed, part)
        assert changed @ evidence > 20
        assert like_the_reference @ evidence < -5
        assert sides.leaning(evidence, changed) > 0.05 > abs(sides.leaning(evidence, like_the_reference))


def test_the_shares_of_a_change_add_up_and_are_half_way_for_half_of_it(profile: Profile) -> None:
    sides = contrast(profile, "amount", "bins")
    changed = sides.count(counts_of(profile, "amount", shift=0.7))
    whole, half = (sides.share * np.exp(sides.evidence(changed, part)) for part in (1.0, 0.5))
    assert whole.sum() == pytest.approx(1)
    assert half == pytest.approx((whole + sides.share) / 2)


def test_for_a_score_half_a_change_lies_half_way_between_the_means(profile: Profile) -> None:
    sides = contrast(profile, "amount", "mean")
    changed = sides.count(counts_of(profile, "amount", shift=0.5))
    evidence = sides.evidence(changed, 0.5)
    # all scores moved with the shift, by exp(δ²) − 1 in the sum of their squares: a quarter of that for half of it
    assert sides.share @ evidence == pytest.approx(-np.expm1(0.5**2) / 8, rel=0.15)
    quarter = sides.count(counts_of(profile, "amount", shift=0.25, rows=20_000))
    assert quarter @ evidence / 20_000 == pytest.approx(0.25**2 / 2, rel=0.3)


def test_more_than_half_of_a_shift_looks_changed_whichever_score_alarmed(profile: Profile) -> None:
    for what in ("mean", "spread", "skew", "tails"):
        sides = contrast(profile, "amount", what)
        evidence = sides.evidence(sides.count(counts_of(profile, "amount", shift=2.0)), 0.5)
        # the tails alone move by 1.3 with such a shift, and by no more than 0.3 with this one
        assert sides.count(counts_of(profile, "amount", shift=1.2)) @ evidence > 0, what
        assert sides.count(counts_of(profile, "amount")) @ evidence < 0, what


def test_unseen_categories_are_one_group_with_what_the_reference_lets_one_expect_of_them() -> None:
    grid = CategoryGrid(("Ulm", "Bonn"), (1, 2), once=4, least_rows=30)
    counts = np.zeros(grid.size, dtype=np.int64)
    counts[:2], counts[grid.rest.start] = (600, 390), 10
    unseen = Contrast(Feature("city", "categorical", "feature", grid, tuple(counts), "city"), "unseen", category=False)
    assert unseen.share[1] == pytest.approx(4.5 / 1_005)
    counts[grid.unseen] = 7
    assert unseen.count(counts)[1] == 7 * (grid.unseen.stop - grid.unseen.start)


def test_rows_that_are_independent_are_worth_themselves(profile: Profile) -> None:
    contrasts = Contrasts(profile)
    assert contrasts.worth("amount", "mean", False, 500, HOUR) == pytest.approx(500)
    assert contrasts.worth("city", "a", True, 500, DAY) == pytest.approx(500)
    assert contrasts.reference_rows("amount") == 10_000


def test_contrasts_are_compiled_once_even_where_all_features_of_a_large_profile_drift() -> None:
    names = [f"f{number}" for number in range(400)]
    contrasts = Contrasts(profile_of(*names))
    first = [contrasts.of(name, "missing", False) for name in names]
    assert all(contrasts.of(name, "missing", False) is known for name, known in zip(names, first, strict=True))

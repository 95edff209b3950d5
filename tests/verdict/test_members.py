"""The features of incidents: which change is one that returns."""

from __future__ import annotations

import numpy as np
import pytest

from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import HOUR
from driftmeter.types import Counts
from driftmeter.verdict.contrast import Contrasts
from driftmeter.verdict.member import Flag, Member
from driftmeter.verdict.members import Members, Past
from driftmeter.verdict.onset import Onset
from tests.verdict.streams import START, orders, slices, summary_of

NOW = START + 100 * HOUR


def counted(profile: Profile, what: str, given: list[Slice]) -> Counts:
    contrasts = Contrasts(profile)
    contrast, part = contrasts.of("amount", what, category=False), contrasts.part("amount")
    rows: Counts = np.sum([contrast.count(slice_.summary.counts[part]) for slice_ in given], axis=0)
    return rows


def flag(profile: Profile, what: str, given: list[Slice]) -> Flag:
    """The flag of a change that began with the given slices."""
    onset = Onset(given[0].start, given[0].start, given[0].end, counted(profile, what, given))
    return Flag("amount", "feature", onset, 0, HOUR, 1.0, "minor", "It moved.", what)


def returns(profile: Profile, before: tuple[str, list[Slice]], after: tuple[str, list[Slice]]) -> bool:
    """Say whether one change returns as another; each is what it was found by, and its rows."""
    member = Member.of(flag(profile, *before), NOW, NOW)
    what, given = after
    calm = slices(profile, 40, first=1_000, rows=200, length=HOUR)
    past = Past(given[-1], lambda start: [one for one in (*calm, *given) if one.start >= start])
    return Members(profile, ModelSettings()).returns(flag(profile, what, given), member, past)


def shifted(profile: Profile, first: int, shift: float, number: int = 6, lost: float = 0.0) -> list[Slice]:
    return slices(profile, number, first=first, rows=200, length=HOUR, shift=shift, lost=lost)


def stuck(profile: Profile, first: int, value: float, share: float = 0.3) -> list[Slice]:
    found = []
    for place in range(first, first + 6):
        frame, rows = orders(200, 1_000 + place), int(200 * share)
        amount = frame["amount"].to_numpy().copy()
        amount[:rows] = value
        found.append(Slice(START + place * HOUR, HOUR, summary_of(profile, frame.with_columns(amount=amount))))
    return found


@pytest.mark.parametrize(("before", "after"), [("mean", "mean"), ("mean", "bins"), ("bins", "mean"), ("bins", "skew")])
@pytest.mark.parametrize("shift", [0.3, -0.3, 1.0])
def test_the_same_change_returns_whatever_it_is_found_by(
    profile: Profile, before: str, after: str, shift: float
) -> None:
    assert returns(profile, (before, shifted(profile, 0, shift)), (after, shifted(profile, 1_040, shift)))


@pytest.mark.parametrize(("before", "after"), [("mean", "mean"), ("mean", "bins"), ("bins", "mean"), ("bins", "bins")])
def test_the_opposite_change_does_not_return(profile: Profile, before: str, after: str) -> None:
    assert not returns(profile, (before, shifted(profile, 0, 0.3)), (after, shifted(profile, 1_040, -0.3)))


def test_another_fault_on_the_same_side_does_not_return(profile: Profile) -> None:
    higher, lost = shifted(profile, 0, 1.0), shifted(profile, 1_040, 0.0, lost=0.2)
    for what in ("mean", "bins"):
        assert not returns(profile, (what, higher), ("stuck", stuck(profile, 1_040, 1.0)))
        assert not returns(profile, (what, higher), ("missing", lost))
    assert not returns(profile, ("stuck", stuck(profile, 0, 1.0)), ("mean", shifted(profile, 1_040, 1.0)))
    assert not returns(profile, ("missing", shifted(profile, 0, 0.0, lost=0.2)), ("mean", shifted(profile, 1_040, 1.0)))


def test_of_two_groups_nothing_is_known_but_their_shares(profile: Profile) -> None:
    """Values far above the range may be missing from anywhere below it."""
    assert not returns(profile, ("above", shifted(profile, 0, 2.0)), ("mean", shifted(profile, 1_040, 2.0)))
    assert returns(profile, ("above", shifted(profile, 0, 2.0)), ("above", shifted(profile, 1_040, 2.0)))

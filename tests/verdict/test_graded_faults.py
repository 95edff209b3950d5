"""Faults of known size, and the severity that they must get: by both detectors, from the first alarm on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import ndtr

from driftmeter.counts.summary import Summary
from driftmeter.drift.categories import order_of
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window
from driftmeter.profile.feature import Feature
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import MINUTE
from driftmeter.types import JSON, Floats
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.severity import SEVERITIES, rank
from tests.detectors.samples import (
    Draws,
    categories,
    moved,
    normal_shares,
    number_grid,
    numbers_profile,
    of_features,
    reference_shares,
)

NUMBER = numbers_profile(1).features[0]
CITY = categories([5_000, 2_000, 1_000, 1_000, 500, 300, 100, 100], name="city")
CODE = categories([500] * 20, name="code")
STILL = 20
DRIFTING = {"measured": 120, "strict": 40}
"""Panes before and after the change."""


def two_peaks(feature: Feature, distance: float, width: float) -> Floats:
    """Return the shares of a mixture of two normal laws, of mean 0 and variance distance² + width²."""
    edges = number_grid(feature).edges
    below = (ndtr((edges - distance) / width) + ndtr((edges + distance) / width)) / 2
    shares: Floats = np.concatenate([np.diff(below, prepend=0.0, append=1.0), [0.0, 0.0, 0.0]])
    return shares


def apart(by: float) -> Floats:
    """Return shares of the codes, of which half have risen and half have fallen."""
    shares = np.zeros(CODE.size)
    # neighbours in the order of pooling move together, else they would make up for each other
    shares[order_of(CODE)[:20]] = 0.05 + np.repeat([by, -by], 10)
    return shares


class Fault(NamedTuple):
    """What a feature's shares become, the index of that (or the share of rows that are new or gone), and its grade."""

    name: str
    feature: Feature
    shares: Floats
    severity: str


FAULTS = [
    # of a normal law, an index of δ² for a shift of δ, and of (s² + s⁻²)/2 − 1 for a spread of s
    Fault("mean +0.15", NUMBER, normal_shares(NUMBER, mean=0.15), "slight"),
    Fault("mean −0.2", NUMBER, normal_shares(NUMBER, mean=-0.2), "slight"),
    Fault("mean +0.45", NUMBER, normal_shares(NUMBER, mean=0.45), "minor"),
    Fault("mean +1", NUMBER, normal_shares(NUMBER, mean=1.0), "major"),
    Fault("spread × 1.15", NUMBER, normal_shares(NUMBER, sd=1.15), "slight"),
    Fault("spread × 0.72", NUMBER, normal_shares(NUMBER, sd=0.72), "minor"),
    Fault("spread × 2", NUMBER, normal_shares(NUMBER, sd=2.0), "major"),
    Fault("two peaks", NUMBER, two_peaks(NUMBER, 0.8, 0.6), "slight"),
    Fault("two peaks far apart", NUMBER, two_peaks(NUMBER, 0.97, 0.25), "major"),
    # by the share of rows: from 1 in 100 on minor, from 5 on major
    Fault("missing 0.7 %", NUMBER, moved(NUMBER, 0.007, "missing"), "slight"),
    Fault("missing 3 %", NUMBER, moved(NUMBER, 0.03, "missing"), "minor"),
    Fault("missing 12 %", NUMBER, moved(NUMBER, 0.12, "missing"), "major"),
    Fault("below 3 %", NUMBER, moved(NUMBER, 0.03, "below"), "minor"),
    Fault("above 12 %", NUMBER, moved(NUMBER, 0.12, "above"), "major"),
    Fault("far above 3 %", NUMBER, moved(NUMBER, 0.03, "far above"), "minor"),
    Fault("unreadable 12 %", NUMBER, moved(NUMBER, 0.12, "unreadable"), "major"),
    Fault("missing 3 % of categories", CITY, moved(CITY, 0.03, "missing"), "minor"),
    Fault("unseen 0.8 %", CITY, moved(CITY, 0.008, "unseen"), "slight"),
    Fault("unseen 3 %", CITY, moved(CITY, 0.03, "unseen"), "minor"),
    Fault("unseen 12 %", CITY, moved(CITY, 0.12, "unseen"), "major"),
    # (p − q) ln(p (1−q) / q (1−p)): .05, .19, 4.1, .04, .61
    Fault("a category 10 → 18 %", CITY, moved(CITY, 0.18, "v2"), "slight"),
    Fault("a category 10 → 27 %", CITY, moved(CITY, 0.27, "v2"), "minor"),
    Fault("a category 10 → 93.8 %", CITY, moved(CITY, 0.938, "v2"), "major"),
    Fault("a category 50 → 39 %", CITY, moved(CITY, 0.39, "v0"), "slight"),
    Fault("a category 50 → 15 %", CITY, moved(CITY, 0.15, "v0"), "major"),
    # what has vanished counts by its share
    Fault("a category of 3 % is gone", CITY, moved(CITY, 0.0, "v5"), "minor"),
    Fault("a category of 10 % is gone", CITY, moved(CITY, 0.0, "v2"), "major"),
    # many categories together: Σ (p − q) ln(p/q) of .04 and .42
    Fault("codes 5 → 6 or 4 %", CODE, apart(0.01), "slight"),
    Fault("codes 5 → 8 or 2 %", CODE, apart(0.03), "major"),
]


def drift(fault: Fault, guarantee: str, each: Callable[[JSON], None]) -> JSON:
    """Judge a stream that changes; call `each` with the feature of every verdict, and return the last verdict."""
    profile = replace(of_features(fault.feature), rows=10_000)
    judge = Judge(profile, ModelSettings.from_json({"guarantee": guarantee}, "settings"))
    state, chance = judge.start(), np.random.default_rng(7)
    before, after = Draws(reference_shares(profile)), Draws([fault.shares])
    verdict: JSON = {}
    for number, counts in enumerate([*before.panes(chance, STILL), *after.panes(chance, DRIFTING[guarantee])]):
        summary = Summary(100, counts)
        slice_ = Slice(number * 10 * MINUTE, 10 * MINUTE, summary)
        state, _ = judge.step(state, slice_)
        verdict = judge.verdict(state, Window(slice_.start, slice_.end, 1, summary)).to_json()
        each(verdict["features"][0])
    return verdict


def consistent(feature: JSON) -> None:
    """What drifts has a severity and an effect that fit each other; what does not has no severity."""
    assert (feature["severity"] != "none") == feature["drifting"]
    if feature["drifting"]:
        assert round(feature["effect"], 3) > 0
        # a share of rows may be graded worse than its index
        by_share = any(text in feature["why"] for text in (" are ", "Category"))
        assert by_share or feature["effect"] >= (0, 0, 0.1, 0.25)[rank(feature["severity"])]


@pytest.mark.parametrize("guarantee", ["measured", "strict"])
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_gets_the_severity_of_its_size(fault: Fault, guarantee: str) -> None:
    drifting: list[JSON] = []

    def each(feature: JSON) -> None:
        consistent(feature)
        drifting.extend([feature] * feature["drifting"])

    incident = drift(fault, guarantee, each)["incident"]
    if guarantee == "strict":  # without an alarm it needs more rows
        assert (drifting[-1]["severity"] if drifting else "slight") == fault.severity
    else:
        assert incident["severity"] == incident["features"][0]["severity"] == fault.severity
        assert incident["features"][0]["effect"] > 0


def test_every_grade_of_what_drifts_is_met() -> None:
    assert {fault.severity for fault in FAULTS} == {*SEVERITIES} - {"none"}

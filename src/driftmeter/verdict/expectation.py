"""Expectations: people say that a feature, or the whole model, will drift for a while. Nothing pages meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from driftmeter.types import Milliseconds


@dataclass(frozen=True)
class Expectation:
    """A drift that is expected from `since` to `until`: of a feature, or of the whole model where `feature` is None."""

    feature: str | None
    since: Milliseconds
    until: Milliseconds
    note: str = ""


@dataclass(frozen=True)
class ExpectedDrift:
    """The features whose drift is expected at one slice, and those for which that has just ended.

    `current` maps a feature to when its expectation ends. `over` maps a feature to when it ended: it counts as
    expected until the detector's pane is complete, since that pane may hold rows from before the end.
    """

    current: Mapping[str, Milliseconds]
    over: Mapping[str, Milliseconds]

    @property
    def ends(self) -> dict[str, Milliseconds]:
        """When the expectation ends or ended, for all features that count as expected now."""
        return {**self.over, **self.current}

    def mixed(self, pane_start: Milliseconds) -> frozenset[str]:
        """Return the features with an ended expectation of which a pane that began at `pane_start` still holds rows."""
        return frozenset(name for name, ended in self.over.items() if pane_start < ended)

    def after_pane(self, pane_start: Milliseconds) -> dict[str, Milliseconds]:
        """Return what still counts as expected after a complete pane that began at `pane_start`."""
        mixed = self.mixed(pane_start)
        return {name: until for name, until in self.ends.items() if name not in self.over or name in mixed}


def expected_drift(
    before: Mapping[str, Milliseconds],
    expectations: Iterable[Expectation],
    features: Sequence[str],
    start: Milliseconds,
    end: Milliseconds,
) -> ExpectedDrift:
    """Return what is expected of the slice from `start` to before `end`.

    `before` is what counted as expected at the previous slice. `features` are the names of all features: an expectation
    of the whole model applies to each of them. Of several expectations of a feature, the one that ends last applies.

    >>> expectations = [Expectation("fare", since=0, until=100)]
    >>> expected_drift({}, expectations, ["fare", "tip"], 90, 110)
    ExpectedDrift(current={'fare': 100}, over={})
    >>> expected_drift({"fare": 100}, expectations, ["fare", "tip"], 110, 130)
    ExpectedDrift(current={}, over={'fare': 100})
    """
    current: dict[str, Milliseconds] = {}
    for expectation in expectations:
        if expectation.since < end and start < expectation.until:
            names = features if expectation.feature is None else [expectation.feature]
            current |= {name: max(expectation.until, current.get(name, 0)) for name in names}
    over = {name: min(until, start) for name, until in before.items() if name not in current}
    return ExpectedDrift(current, over)

"""The rivals in bench/detection.py, all on raw values: windows of a KS test, detectors of River and of alibi-detect.

A rival watches one stream. River and alibi-detect are not dependencies: rivals that cannot be imported are left out.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.stats import kstwo

from detection_streams import FIRST_CHANGE, Law, Rng, Scenario
from driftmeter.types import Floats

WINDOW = 1_000
FEATURES, BUDGET = 30, 1_000_000
RUN_TIME, LOOK_BACK = 10_000, [20, 100]


class Rival(Protocol):
    """A detector of one stream; it knows the reference of the stream."""

    def alarms(self, values: Floats) -> list[int]:
        """Take the next values; return for each alarm how many of them it had taken."""
        ...


class KSWindows:
    """Windows of 1,000 rows, one after the other, each by `scipy.stats.ks_2samp(method="asymp")`.

    Only the decision is needed: comparing the statistic with the critical value gives the same answer faster.
    """

    def __init__(self, reference: Floats, level: float) -> None:
        """Take the reference's values, and the p-value below which a window alarms."""
        self.reference = np.sort(reference[~np.isnan(reference)])
        self.level = level
        self.critical: dict[int, float] = {}

    def alarms(self, values: Floats) -> list[int]:
        """Test each whole window."""
        ends = range(WINDOW, len(values) + 1, WINDOW)
        return [end for end in ends if self._significant(values[end - WINDOW : end])]

    def _significant(self, values: Floats) -> bool:
        live = np.sort(values[~np.isnan(values)])
        n, m = len(live), len(self.reference)
        if n not in self.critical:
            self.critical[n] = float(kstwo.isf(self.level, round(n * m / (n + m))))
        return self.distance(live) > self.critical[n]

    def distance(self, live: Floats) -> float:
        """Return the largest distance between the two distribution functions; `live` ascends."""
        gaps = [
            np.abs(
                np.searchsorted(live, live, side=side) / len(live)
                - np.searchsorted(self.reference, live, side=side) / len(self.reference)
            ).max()
            for side in ("left", "right")
        ]
        return float(max(gaps))


class River:
    """One of River's drift detectors at its default settings; it does not see missing values."""

    def __init__(self, name: str) -> None:
        """Make the detector of that name."""
        self.detector: Any = getattr(importlib.import_module("river.drift"), name)()

    def alarms(self, values: Floats) -> list[int]:
        """Take the values one by one."""
        alarms = []
        update, detector = self.detector.update, self.detector
        for row, value in enumerate(values.tolist(), start=1):
            if value == value:
                update(value)
                if detector.drift_detected:
                    alarms.append(row)
        return alarms


class AlibiCVM:
    """alibi-detect's CVMDriftOnline, which is set up for one false alarm in 10,000 rows of one feature.

    The budget allows one in 30 million, but the bootstrap of its thresholds would need more repeats than that. Its
    reference is the first 1,000 rows, since the set-up takes minutes with 10,000.
    """

    def __init__(self, reference: Floats) -> None:
        """Compute the thresholds by a bootstrap."""
        present = reference[~np.isnan(reference)][:1_000]
        self.detector: Any = importlib.import_module("alibi_detect.cd").CVMDriftOnline(
            present, ert=RUN_TIME, window_sizes=LOOK_BACK, n_bootstraps=2 * RUN_TIME, verbose=False
        )

    def alarms(self, values: Floats) -> list[int]:
        """Take the values one by one, and restart after an alarm."""
        alarms = []
        for row, value in enumerate(values, start=1):
            if value == value and self.detector.predict(np.array([value]))["data"]["is_drift"]:
                alarms.append(row)
                self.detector.reset_state()
        return alarms


@dataclass(frozen=True)
class Entry:
    """How to make a rival, how many rows it remembers, which package it needs, and whether it is slow."""

    make: Callable[[Floats], Rival]
    memory: int
    needs: str = ""
    slow: bool = False
    """It takes hundreds of microseconds a row, so it sees 1/100 of the rows and 1/10 of the streams."""

    def missing(self) -> str | None:
        """Return the package that it lacks, or None."""
        return self.needs if self.needs and importlib.util.find_spec(self.needs) is None else None


RIVALS = {
    "KS-1000 at .05": Entry(lambda reference: KSWindows(reference, 0.05), 0),
    "KS-1000 at the budget": Entry(lambda reference: KSWindows(reference, WINDOW / BUDGET / FEATURES), 0),
    "River ADWIN": Entry(lambda _: River("ADWIN"), FIRST_CHANGE, "river"),
    "River PageHinkley": Entry(lambda _: River("PageHinkley"), FIRST_CHANGE, "river"),
    "River KSWIN": Entry(lambda _: River("KSWIN"), 500, "river", slow=True),
    "alibi-detect CVMDriftOnline": Entry(lambda reference: AlibiCVM(reference), 500, "alibi_detect", slow=True),
}


def delay(entry: Entry, scenario: Scenario, rng: Rng, horizon: int, rows: int) -> float:
    """Return the rows from the change of one stream to the next alarm, infinite beyond the horizon."""
    rival = entry.make(scenario.before.draw(rng, rows))
    change = FIRST_CHANGE + int(rng.integers(FIRST_CHANGE))
    # whole windows; rows before the memory of the rival have no effect
    first = (change - min(entry.memory, change)) // WINDOW * WINDOW
    values = scenario.draw(rng, change - first + horizon, change - first)
    for start in range(0, len(values), WINDOW):
        for taken in rival.alarms(values[start : start + WINDOW]):
            if first + start + taken > change:
                return float(first + start + taken - change)
    return float("inf")


def false_alarms(entry: Entry, law: Law, rng: Rng, rows: int, reference_rows: int) -> int:
    """Count the alarms in `rows` rows of one stream without a change."""
    rival = entry.make(law.draw(rng, reference_rows))
    return sum(len(rival.alarms(law.draw(rng, WINDOW))) for _ in range(rows // WINDOW))

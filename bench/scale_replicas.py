"""The streams, and the two designs, of `bench/scale.py --replicas`.

A stream is a sequence of rows of 30 numeric features. Each row goes to one replica at random, as behind a load
balancer. All designs see the same rows, and the same split for each number of replicas.

The original design: each metric server keeps the latest 1,000 rows that it received. It tests each feature with the
two-sample Kolmogorov-Smirnov test against the reference. The system alarms when any replica does, as `max` over the
replicas shows. The replicas are asked every 100 rows of the whole stream, as by a scrape; only replicas with a full
window answer. There are three levels: p < .05 for each feature, as in the original; p < .05 / 30, Bonferroni over the
features; and 1 / 30,000, which is one false alarm in 10⁶ rows if windows do not overlap. Missing values are left out of
the window, since `ks_2samp` would return NaN for the feature from then on.

driftmeter: the source of each replica counts its rows, the summaries of a pane are added up, and one judge sees the
sum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import kstwo

from detection import BUDGET_ROWS, FEATURES, REFERENCE_ROWS, SLOW_ROW, seeded
from detection_streams import PANE, Law, Rng, Scenario, normal
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Slice
from driftmeter.panes.windows import Window
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.types import Floats
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.judge_state import JudgeState

REPLICAS = (1, 4, 16)
WINDOW = 1_000
WARM = 20_000
"""Rows before anything is counted: one sixteenth of them fills a window."""
CHANGES_WITHIN = 16_000
COMPARED_EVERY = 10
"""Panes between two comparisons of verdict bytes; the judges' states are compared at the end as well."""

LEVELS = {
    "KS, p < .05": 0.05,
    "KS, Bonferroni": 0.05 / FEATURES,
    "KS, our budget": WINDOW / BUDGET_ROWS / FEATURES,
}
OURS = {
    "driftmeter": ModelSettings(),
    "driftmeter, no tolerance": ModelSettings(tolerance=0.0),
}
DESIGNS = (*LEVELS, *OURS)

_UNIT = 1.609
SHIFTS = (
    Scenario("mean +.1σ", normal(), lambda _: normal(0.1), {}),
    Scenario("mean +.25σ", normal(), lambda _: normal(0.25), {}),
    Scenario("mean +.5σ", normal(), lambda _: normal(0.5), {}),
    Scenario("missing 0→5 %", normal(), lambda _: normal(missing=0.05), {}),
    Scenario("miles → km", normal(10, 3), lambda _: normal(10 * _UNIT, 3 * _UNIT), {}),
)


@dataclass(frozen=True)
class Pane:
    """A pane of the whole stream: its first row, its values, shape (features, rows), and its splits.

    A split gives the replica of each row; there is one for each number of replicas.
    """

    start: int
    values: Floats
    splits: dict[int, npt.NDArray[np.int64]]

    @property
    def end(self) -> int:
        """The first row after it."""
        return self.start + len(self.values[0])


def stream(law: Law, after: Law, change: int, rows: int, rng: Rng) -> Iterator[Pane]:
    """Draw a stream whose first feature changes its law at row `change`; the other features stay normal."""
    for start in range(0, rows, PANE):
        old = min(max(change - start, 0), PANE)
        values = rng.normal(size=(FEATURES, PANE))
        values[0] = np.concatenate([law.draw(rng, old), after.draw(rng, PANE - old)])
        yield Pane(start, values, {replicas: rng.integers(replicas, size=PANE) for replicas in REPLICAS})


class RollingKS:
    """The original design with some replicas, on the first features."""

    def __init__(self, reference: Floats, replicas: int) -> None:
        """Take the values of the reference, shape (features, rows), none missing."""
        self._reference = np.sort(reference, axis=1)
        self._replicas = replicas
        features = len(reference)
        # KS needs only the rank of a value among the reference values
        self._ranks = np.full((replicas, features, WINDOW), _ABSENT, dtype=np.int16)
        self._taken = np.zeros(replicas, dtype=np.int64)
        self._critical: dict[int, Floats] = {}

    def alarms(self, values: Floats, split: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Take the next rows; return which gauges are on, shape (levels, replicas, features)."""
        features, size = len(self._reference), self._reference.shape[1]
        ranks = np.empty((features, values.shape[1]), dtype=np.int16)
        for reference, feature_ranks, column in zip(self._reference, ranks, values[:features], strict=True):
            feature_ranks[:] = np.where(np.isnan(column), _ABSENT, np.searchsorted(reference, column))
        for replica in range(self._replicas):
            rows = np.flatnonzero(split == replica)
            places = (self._taken[replica] + np.arange(len(rows))) % WINDOW
            self._ranks[replica][:, places] = ranks[:, rows]
            self._taken[replica] += len(rows)
        ordered = np.sort(self._ranks, axis=-1)
        present = (ordered != _ABSENT).sum(axis=-1, keepdims=True)
        share = ordered / np.float32(size)
        step = np.arange(WINDOW, dtype=np.float32) / np.maximum(present, 1).astype(np.float32)
        gaps = np.maximum(step + 1 / np.maximum(present, 1) - share, share - step)
        distance = np.where(ordered == _ABSENT, 0, gaps).max(axis=-1)
        critical = np.stack([self._critical_for(int(n)) for n in present.ravel()], axis=1)
        full = (self._taken >= WINDOW)[:, np.newaxis]
        on: npt.NDArray[np.bool_] = (distance > critical.reshape(len(LEVELS), *distance.shape)) & full
        return on

    def _critical_for(self, present: int) -> Floats:
        if present not in self._critical:
            size = self._reference.shape[1]
            equal = max(1, round(present * size / (present + size)))
            self._critical[present] = np.array([kstwo.isf(level, equal) for level in LEVELS.values()])
        return self._critical[present]


_ABSENT = np.iinfo(np.int16).max


class PooledJudges:
    """The sources of some replicas, the sum of their panes, and a judge for each of `OURS`."""

    def __init__(self, profile: Profile, replicas: int) -> None:
        """Compile the judges."""
        self._names = [feature.name for feature in profile.features]
        self._reader, self._binner, self._bins = Reader(profile), Binner(profile), profile.bins
        self._replicas = replicas
        self._judges = {name: Judge(profile, settings) for name, settings in OURS.items()}
        self._states: dict[str, JudgeState] = {name: judge.start() for name, judge in self._judges.items()}
        self._digest = hashlib.sha256()
        self._panes = 0

    def alarms(self, pane: Pane) -> dict[str, set[str]]:
        """Take a pane; return the features that alarm, by name of the settings."""
        rows, _, _ = self._reader.read_columns(dict(zip(self._names, pane.values, strict=True)))
        split = pane.splits[self._replicas]
        parts = [self._binner.observe(rows.take(np.flatnonzero(split == number))) for number in range(self._replicas)]
        whole = Summary.sum(parts, self._bins)
        frozen = Slice(pane.start * SLOW_ROW, PANE * SLOW_ROW, whole)
        self._digest.update(whole.counts.tobytes())
        alarming = {}
        for name, judge in self._judges.items():
            self._states[name], step = judge.step(self._states[name], frozen)
            alarming[name] = {alarm.feature for alarm in step.alarms}
            if alarming[name] or self._panes % COMPARED_EVERY == 0:
                window = Window(frozen.start, frozen.end, 1, whole)
                self._digest.update(judge.verdict(self._states[name], window).dumps())
        self._panes += 1
        return alarming

    def digest(self) -> str:
        """Return the digest of all counts, verdicts and last states so far."""
        whole = self._digest.copy()
        for name, judge in self._judges.items():
            whole.update(judge.dumps(self._states[name]))
        return whole.hexdigest()


@dataclass
class StreamResult:
    """The result of one stream, by design and number of replicas.

    `delays` are the rows from the change to the first alarm of the changed feature, infinite beyond the horizon.
    `alarms` counts false alarms: for the original design, each time that the gauge of a feature goes on in a replica.
    `shown` counts each time that `max` over the replicas goes on. `on` counts the ends of panes, out of `panes`, at
    which any feature is on. In a stream with a change, `on` is 1 if the changing feature was on at the last pane before
    the change.
    """

    delays: dict[tuple[str, int], float] = field(default_factory=dict)
    alarms: dict[tuple[str, int], int] = field(default_factory=dict)
    shown: dict[tuple[str, int], int] = field(default_factory=dict)
    on: dict[tuple[str, int], int] = field(default_factory=dict)
    panes: int = 0
    rows: int = 0
    equal: bool = True


def _reference(law: Law, rng: Rng) -> tuple[Floats, Profile]:
    values = rng.normal(size=(FEATURES, REFERENCE_ROWS))
    values[0] = law.draw(rng, REFERENCE_ROWS)
    frame = pl.DataFrame({f"f{number}": column for number, column in enumerate(values)})
    return values, Profile.fit(frame, model="bench", independent=True, residuals=False)


def delays(name: str, seed: int, horizon: int) -> StreamResult:
    """Measure the delays of all designs on one stream that changes."""
    scenario = next(shift for shift in SHIFTS if shift.name == name)
    rng = seeded("replicas", name, seed)
    values, profile = _reference(scenario.before, rng)
    change = WARM + int(rng.integers(CHANGES_WITHIN))
    ours = {replicas: PooledJudges(profile, replicas) for replicas in REPLICAS}
    original = {replicas: RollingKS(values[:1], replicas) for replicas in REPLICAS}
    result = StreamResult()
    waiting = {(design, replicas) for design in DESIGNS for replicas in REPLICAS}
    result.delays = dict.fromkeys(waiting, np.inf)

    def record_alarm(design: str, replicas: int, end: int) -> None:
        if end > change and (design, replicas) in waiting:
            result.delays[design, replicas] = end - change
            waiting.discard((design, replicas))

    for pane in stream(scenario.before, scenario.after(0), change, change + horizon, rng):
        if not waiting:
            break
        for replicas in REPLICAS:
            if pane.end > change - 2 * WARM and any(design in LEVELS for design, _ in waiting):
                gauges = original[replicas].alarms(pane.values, pane.splits[replicas])
                for design, level_gauges in zip(LEVELS, gauges, strict=True):
                    on = bool(level_gauges.any())
                    if pane.end <= change:
                        result.on[design, replicas] = int(on)
                    if on:
                        record_alarm(design, replicas, pane.end)
            for design, names in ours[replicas].alarms(pane).items():
                if "f0" in names:
                    record_alarm(design, replicas, pane.end)
    result.equal = len({judges.digest() for judges in ours.values()}) == 1
    return result


def false_alarms(seed: int, rows: int) -> StreamResult:
    """Count the alarms of all designs on one stream without a change."""
    rng = seeded("replicas", "null", seed)
    law = normal()
    values, profile = _reference(law, rng)
    ours = {replicas: PooledJudges(profile, replicas) for replicas in REPLICAS}
    original = {replicas: RollingKS(values, replicas) for replicas in REPLICAS}
    result = StreamResult(rows=rows)
    for counts in (result.alarms, result.shown, result.on):
        counts.update({(design, replicas): 0 for design in DESIGNS for replicas in REPLICAS})
    before: dict[int, npt.NDArray[np.bool_]] = {}
    for pane in stream(law, law, 0, WARM + rows, rng):
        counted = pane.start >= WARM
        result.panes += counted
        for replicas in REPLICAS:
            gauges = original[replicas].alarms(pane.values, pane.splits[replicas])
            last = before.get(replicas, np.zeros_like(gauges))
            before[replicas] = gauges
            for number, design in enumerate(LEVELS if counted else ()):
                key = design, replicas
                result.alarms[key] += int((gauges[number] & ~last[number]).sum())
                shown, shown_before = gauges[number].any(axis=0), last[number].any(axis=0)
                result.shown[key] += int((shown & ~shown_before).sum())
                result.on[key] += bool(shown.any())
            for design, names in ours[replicas].alarms(pane).items():
                key = design, replicas
                result.alarms[key] += counted * len(names)
                result.shown[key] += counted * len(names)
                result.on[key] += counted and bool(names)
    result.equal = len({judges.digest() for judges in ours.values()}) == 1
    return result

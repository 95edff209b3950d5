"""DWS, a dyadic-window scan with a false-alarm budget: the default detector.

Windows of 1, 2, 4 … panes, half overlapping, are built by binary carry, as when 1 is added to a binary number: a level
costs one vector of counts, and a pane about three windows on average.

    pane        1   2   3   4   5   6   7   8
    1 pane      ×   ×   ×   ×   ×   ×   ×   ×
    2 panes         ×   ×   ×   ×   ×   ×   ×     × a window of that length ends here and is judged
    4 panes                 ×       ×       ×
    8 panes                                 ×       (the next one at pane 12)

Each window that ends with a pane is tested in three ways: z on smooth scores (smooth.py), r on rare bins one by one
(rare.py), x on pooled bins (pooled.py) or, where rows depend on each other too much for x, on a stuck value
(stuck.py).
A window that comes every `stride` ms has the chance of a false alarm

    α = stride / (levels · 2 · budget · features)

which z, r and x share ½ : ¼ : ¼. Rates are judged at every pane besides (rates.py), with as much again, so that at most
one false alarm is expected per budget. See docs/detection.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, takewhile
from math import log2
from typing import Any

import numpy as np

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws import windows
from driftmeter.detectors.dws.ahead import AheadPane, AheadWindow
from driftmeter.detectors.dws.finding import CAUSE_RARE, WindowFindings, WindowSamples
from driftmeter.detectors.dws.pooled import PooledBins
from driftmeter.detectors.dws.rare import RareBins
from driftmeter.detectors.dws.rates import Rates, log10_alphas
from driftmeter.detectors.dws.smooth import SmoothScores
from driftmeter.detectors.dws.stuck import STUCK_LENGTH, StuckValue
from driftmeter.detectors.dws.windows import Block, DwsState, Findings, ToldWindow
from driftmeter.detectors.protocol import Ahead, Cause, Evidence, Mask, Passed
from driftmeter.detectors.run import Pace, Run, complete_runs
from driftmeter.detectors.scores import NAMES
from driftmeter.detectors.variance import Variance
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import hour_at, zone_named
from driftmeter.types import Counts, Floats, Milliseconds

HEADROOM = 2.0
"""The windows of the scan have half of the chance of a false alarm that the budget allows, the rates at every pane the
other half (rates.py)."""
MOST_LEVELS = 26
TOLD_FROM = -1.0
"""From this evidence on a window's counts are kept for the sentence that tells what was found in it."""
_CELLS = 1 << 17
"""Counts of windows that are tested at once: the scratch arrays of more do not fit the cache."""


class DWS:
    """The scan, compiled for a profile. May be shared between threads.

    Source: the dyadic construction of Bifet & Gavaldà, ADWIN2 (2007), with one error budget over a fixed number
    of windows as in Siegmund & Venkatraman (1995), on counts.
    """

    name = "dws"

    def __init__(self, profile: Profile, settings: ModelSettings) -> None:
        """Compile the tests; raises ValueError where the profile's calibration does not fit its features."""
        self.profile = profile
        self.settings = settings
        self.bins = CompiledBins(profile.features)
        self.variance = Variance(self.bins, profile.calibration)
        self.tolerance: Floats = np.sqrt([settings.tolerance_of(feature.name) for feature in profile.features])
        """The largest shift that is no drift, in standard deviations: squared orthonormal shifts add up to the PSI."""
        self._smooth = SmoothScores(self.bins, self.variance, self.tolerance)
        self._rare = RareBins(self.bins, self.variance, self.tolerance)
        self.rates = Rates(self.bins, self.tolerance)
        self._pooled = PooledBins(self.bins, self.variance, self.tolerance)
        self._stuck = StuckValue(self.bins, self.tolerance)
        self._zone = None if profile.zone is None else zone_named(profile.zone)
        hourly = np.abs(self.variance.hours).sum(axis=0) > 0
        self._by_hour, self._mean_by_hour = hourly.any(axis=1), hourly[:, 0]
        self._cause_names = (*NAMES, "bins", *self.bins.rare_names)
        self._cause_is_category = (*[False] * CAUSE_RARE, *self.bins.rare_named)
        # the last one stands for no cause yet, -1; the share of a rare bin alone says what changed
        told = [*[True] * CAUSE_RARE, *[False] * len(self.bins.rare), *[True] * len(self.bins.owner), False]
        self._cause_is_told: Mask = np.array(told)

    # --- the state

    def start(self) -> DwsState:
        """Return the state before the first pane."""
        features = len(self.profile.features)
        return DwsState(
            panes=0,
            held=0,
            elapsed=0,
            last=0,
            run=None,
            blocks=(None,),
            since=np.zeros(features, np.int64),
            findings=Findings.nothing(1, features),
            told=(None,),
        )

    def update(self, state: DwsState, pane: Slice) -> tuple[DwsState, Evidence | None]:
        """Take one frozen pane; there is evidence once the run holds enough rows, or has lasted long enough."""
        if state.run is None and pane.summary.rows == 0:
            return state, None
        ahead = self.look_ahead(state, [pane])
        return self.take(state, ahead.panes[0][1]) if ahead.panes else (self.leave(state, ahead), None)

    def look_ahead(self, state: DwsState, slices: Sequence[Slice]) -> Ahead[AheadPane]:
        """Build and test the windows of all panes that the next slices complete, many at once."""
        last = state.last if state.panes else None
        complete, run = complete_runs(state.run, last, slices, self.settings.pane_rows, self.settings.pane_length)
        panes, pace, blocks = state.panes, Pace(state.held, state.elapsed), state.blocks
        ahead: list[tuple[int, AheadPane]] = []
        for index, done in complete:
            length = min(done.length, self.settings.pane_length)
            panes, pace = panes + 1, Pace(pace.held + length, pace.elapsed + done.elapsed)
            pane = Block(done.counts, done.rows, done.start, length, done.elapsed, self._hours(done))
            blocks, ending = self._carry(blocks, pane, panes, done.end, self._levels(pace.elapsed / panes))
            ahead.append((index, AheadPane(done.start, done.end, panes, pace, blocks, ending)))
        most = max(1, _CELLS // self.profile.bins)
        for part in _parts_of([len(pane.windows) for _, pane in ahead], most):
            some = [pane for _, pane in ahead[part]]
            self._judge([(pane.pace, window) for pane in some for window in pane.windows])
            self._look_back(some)
        return Ahead(ahead, run)

    def take(self, state: DwsState, pane: AheadPane) -> tuple[DwsState, Evidence]:
        """Take the next pane that was looked at ahead; since then nothing but `restart` may have changed the state."""
        after, findings = self._after(state, [pane])
        fresh = np.zeros(findings.evidence.shape, dtype=bool)
        fresh[[window.level for window in pane.windows]] = True
        # what alarms at this pane already has a cause that says as much or more
        alarming = (fresh & (findings.evidence >= 0)).any(axis=0)
        for look in pane.looks:
            alarms = look.alarms() & (look.before >= state.since)
            look.write(findings, alarms & ~alarming, bounds=False)
            fresh[look.level] |= alarms
        return after, self._evidence(after, fresh, pane.start)

    def pass_quiet(self, state: DwsState, panes: Sequence[AheadPane]) -> tuple[DwsState, Sequence[Passed]]:
        """Take as many of the next panes as surely have no evidence of 0 or more in any window, all at once."""
        quiet = list(takewhile(lambda pane: pane.quiet, panes))
        for _, alike in groupby(quiet, lambda pane: len(pane.blocks)):
            state, _ = self._after(state, list(alike))
        return state, [Passed(pane.end, pane.pace.elapsed // pane.panes) for pane in quiet]

    def _after(self, state: DwsState, panes: Sequence[AheadPane]) -> tuple[DwsState, Findings]:
        """Return the state after consecutive panes with one number of levels, and its findings, which are writable.

        The last window of each level stays.
        """
        pane = panes[-1]
        levels = len(pane.blocks)
        findings = state.findings.resized(levels)
        told = [*state.told[:levels], *[None] * (levels - len(state.told))]
        for window in {window.level: window for of in panes for window in of.windows}.values():
            chosen = window.before >= state.since
            window.write(findings, chosen)
            told[window.level] = window.told(chosen, self.bins.owner)
        after = DwsState(
            panes=pane.panes,
            held=pane.pace.held,
            elapsed=pane.pace.elapsed,
            last=pane.end,
            run=None,
            blocks=pane.blocks,
            since=state.since,
            findings=findings,
            told=tuple(told),
        )
        return after, findings

    def leave(self, state: DwsState, ahead: Ahead[AheadPane]) -> DwsState:
        """Return the state after all slices of `ahead`, given that after its last pane."""
        return replace(state, run=ahead.run)

    def _carry(
        self, before: tuple[Block | None, ...], pane: Block, panes: int, end: Milliseconds, levels: int
    ) -> tuple[tuple[Block | None, ...], tuple[AheadWindow, ...]]:
        """Carry a pane into the blocks; return these, and every window that ends with the pane."""
        blocks = [*before[:levels], *[None] * (levels - len(before))]
        budget = levels * HEADROOM * self.settings.budget * len(self.bins.features)
        ending, half = [], pane
        for level in range(levels):
            window, stride = half, half.elapsed
            if level:
                earlier_half, blocks[level] = blocks[level], half
                if earlier_half is None:
                    break
                window = earlier_half + half
            ending.append(AheadWindow(level, panes - 2**level, window, min(1.0, stride / budget), end))
            if panes % 2**level:
                break
            half = window
        return tuple(blocks), tuple(ending)

    def _judge(self, judged: Sequence[tuple[Pace, AheadWindow]]) -> None:
        """Test every feature in some windows, each at its chance of a false alarm."""
        samples, lengths = self._samples(judged)
        strongest = WindowFindings(len(judged), len(self.bins.features))
        smooth = self._smooth.judge(samples)
        strongest.offer(smooth.finding)
        strongest.significant = smooth.significant
        strongest.offer(self._rare.judge(samples))
        pooled = self._pooled.judge(samples)
        strongest.smallest_visible = np.minimum(smooth.smallest_visible, pooled.smallest_visible)
        if pooled.finding is not None:
            strongest.offer(pooled.finding, keep_alarms=True)
        long_enough = np.array(lengths)[:, np.newaxis] >= STUCK_LENGTH
        stuck = self._stuck.judge(samples, pooled.dependent & long_enough)
        if stuck is not None:
            strongest.offer(stuck)
        self._found(judged, strongest)

    def _look_back(self, panes: Sequence[AheadPane]) -> None:
        """Judge the rates in every window that ends with a pane and begins with a block; keep those that alarm."""
        suffixes = self.rates.suffixes([(pane.blocks, pane.panes) for pane in panes])
        allowed = HEADROOM * self.settings.budget * len(self.bins.features)
        log10_alpha = log10_alphas(suffixes.strides, np.array([len(pane.blocks) for pane in panes]), allowed)
        near = self.rates.near(suffixes, log10_alpha)
        looks = []
        for place in np.flatnonzero(near.any(axis=1)).tolist():
            pane, ending = panes[place], suffixes.windows(place)
            for level in np.flatnonzero(near[place]).tolist():
                before = pane.panes - 2**level - pane.panes % 2**level
                alpha = float(10 ** log10_alpha[place, level])
                looks.append((pane, AheadWindow(level, before, ending[level], alpha, pane.end)))
        for part in _parts_of([1] * len(looks), max(1, _CELLS // self.profile.bins)):
            judged = [(pane.pace, window) for pane, window in looks[part]]
            samples, _ = self._samples(judged)
            alarming = WindowFindings(len(judged), len(self.bins.features))
            alarming.offer(self._rare.judge_rates(samples, self.rates.columns, self.rates.log10_weight))
            self._found(judged, alarming)
        for pane, window in looks:
            if window.loudest >= 0:
                pane.looks.append(window)

    def _samples(self, judged: Sequence[tuple[Pace, AheadWindow]]) -> tuple[WindowSamples, list[Milliseconds]]:
        """Return some windows as their tests see them, and the length that each counts for."""
        blocks, usual = [window.block for _, window in judged], self.variance.usual
        lengths = [pace.length_of(window.block.length, window.block.elapsed, usual) for pace, window in judged]
        counts = np.empty((len(blocks), self.profile.bins))
        for row, block in zip(counts, blocks, strict=True):
            row[:] = block.counts
        samples = WindowSamples(
            counts=counts,
            rows=np.array([[float(block.rows)] for block in blocks]),
            hours=np.stack([block.hours for block in blocks]),
            excess=self.variance.at_each(lengths, [block.rows for block in blocks]),
            alpha=np.array([[window.alpha] for _, window in judged]),
        )
        return samples, lengths

    def _found(self, judged: Sequence[tuple[Pace, AheadWindow]], found: WindowFindings) -> None:
        """Hand each window what was found in it, and of what a sentence may tell what changed."""
        cause = found.cause
        tellable = self._cause_is_told[cause] & ((found.evidence >= TOLD_FROM) | (found.significant > 0))
        # a mean that hours explain nearly alone is not compared by the hour, and then nor can a spread be told
        tellable &= ~(self._by_hour & (cause < len(NAMES)) & (cause >= 0) & ~self._mean_by_hour)
        loudest = found.evidence.max(axis=1).tolist()
        for index, (_, window) in enumerate(judged):
            window.found, window.index, window.loudest = found, index, loudest[index]
            window.tellable = tellable[index]

    def _hours(self, run: Run) -> Counts:
        hours = np.zeros(len(self.variance.hours), dtype=np.int64)
        if len(hours):
            hours[hour_at(run.start, self._zone)] = run.rows
        return hours

    def _levels(self, pane_length: float) -> int:
        """Return how many levels reach back as far as the settings say; `pane_length` is the mean one, in ms."""
        panes = max(self.settings.reach / max(pane_length, 1), 1)
        # the small term: a power of two must not be missed by rounding
        return min(1 + int(log2(panes) + 1e-9), MOST_LEVELS)

    def _evidence(self, state: DwsState, fresh: Mask, start: Milliseconds) -> Evidence:
        findings = state.findings
        return Evidence(
            start=start,
            end=state.last,
            evidence=findings.evidence,
            fresh=fresh,
            lengths=findings.lengths.max(axis=1).astype(np.int64),
            significant=np.asarray(findings.significant.any(axis=0), dtype=bool),
            smallest_visible=findings.smallest_visible.min(axis=0),
            pace=state.elapsed // state.panes,
        )

    def standing(self, state: DwsState) -> Evidence | None:
        """Return what the latest window of each level said; None before the first pane."""
        if not state.panes:
            return None
        return self._evidence(state, np.zeros(state.findings.evidence.shape, dtype=bool), state.last)

    def restart(self, state: DwsState, features: Mask) -> DwsState:
        """Forget what the windows of these features hold: their windows begin anew with the next pane."""
        since = np.where(features, state.panes, state.since)
        kept = ~features[self.bins.owner]
        told = tuple(
            None if window is None or not window.counts[kept].any() else replace(window, counts=window.counts * kept)
            for window in state.told
        )
        return replace(state, since=since, findings=state.findings.without(features), told=told)

    def causes(self, state: DwsState, feature: int) -> list[tuple[float, Cause]]:
        """Return a feature's evidence in the latest window of each level, with its cause, the shortest first."""
        levels = np.flatnonzero(state.findings.cause[:, feature] >= 0).tolist()
        evidence = state.findings.evidence[:, feature].tolist()
        return [(evidence[level], self._cause(state, level, feature)) for level in levels]

    def _cause(self, state: DwsState, level: int, feature: int) -> Cause:
        findings, window = state.findings, state.told[level]
        number, rows = int(findings.cause[level, feature]), int(findings.rows[level, feature])
        counts = None
        if window is not None and self._cause_is_told[number]:
            counts = window.counts[self.bins.starts[feature] : self.bins.starts[feature + 1]]
            # rates are found in other windows too, whose counts are not kept
            counts = counts if counts.sum() == rows else None
        return Cause(
            **self._named(number),
            value=float(findings.value[level, feature]),
            reference=float(findings.reference[level, feature]),
            window=int(findings.spans[level, feature]),
            rows=rows,
            counts=counts,
            usual=None if window is None or number >= len(NAMES) else self._usual(window, feature, rows),
            effect=float(findings.effect[level, feature]),
            effect_low=float(findings.effect_low[level, feature]),
            excess_low=float(findings.excess_low[level, feature]),
        )

    def _usual(self, window: ToldWindow, feature: int, rows: float) -> Floats | None:
        """Return the shares of a feature's bins to expect in the hours of a window; None where hours do not matter.

        They are those of the reference times 1 + Σ h_k φ_k, which have the scores h_k of these hours in the reference.
        """
        if not self._by_hour[feature]:
            return None
        part = slice(self.bins.starts[feature], self.bins.starts[feature + 1])
        expected = (window.hours / rows) @ self.variance.hours[:, feature]
        usual: Floats = self.bins.share[part] * np.maximum(1 + expected @ self.bins.scores[:, part], 0.0)
        shares: Floats = usual / usual.sum()
        return shares

    def _named(self, cause: int) -> dict[str, Any]:
        """Return the fields of a cause that its number says, see finding.py."""
        if cause < len(self._cause_names):
            return {"what": self._cause_names[cause], "category": self._cause_is_category[cause]}
        label, single = self.bins.label_of(cause - len(self._cause_names))
        return {"what": "stuck", "category": False, "bin": label, "single": single}

    # --- bytes

    def dumps(self, state: DwsState) -> bytes:
        """Serialise; equal states give equal bytes."""
        return windows.dump(state)

    def loads(self, data: bytes) -> DwsState:
        """Read what `dumps` wrote; raises StoreError on anything else."""
        return windows.load(data, self.profile.bins, len(self.profile.features))


def _parts_of(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Yield consecutive parts of some things, each part of at most `most` in sum, or of one thing."""
    first = total = 0
    for index, size in enumerate(sizes):
        if total + size > most and index > first:
            yield slice(first, index)
            first, total = index, 0
        total += size
    if first < len(sizes):
        yield slice(first, len(sizes))

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

which z, r and x share ½ : ¼ : ¼, so that at most one false alarm is expected per budget. See docs/detection.md.
"""

from __future__ import annotations

from dataclasses import replace
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws import windows
from driftmeter.detectors.dws.finding import CAUSE_RARE, Sample, WindowFindings
from driftmeter.detectors.dws.pooled import PooledBins
from driftmeter.detectors.dws.rare import RareBins
from driftmeter.detectors.dws.rates import Rates, log10_alphas
from driftmeter.detectors.dws.smooth import SmoothScores
from driftmeter.detectors.dws.stuck import STUCK_LENGTH, StuckValue
from driftmeter.detectors.dws.windows import Block, DwsState, Findings, ToldWindow
from driftmeter.detectors.protocol import Cause, Evidence, Mask
from driftmeter.detectors.run import Pace, Run
from driftmeter.detectors.scores import NAMES
from driftmeter.detectors.variance import Variance
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import hour_at, zone_named
from driftmeter.types import Counts, Floats, Milliseconds

HEADROOM = 2.0
"""The scan runs at twice the budget, so that the measured rate of false alarms is clearly within it."""
MOST_LEVELS = 26
TOLD_FROM = -1.0
"""From this evidence on a window's counts are kept for the sentence that tells what was found in it."""


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
        run = Run.of(pane, state.last if state.panes else None) if state.run is None else state.run + pane
        if not run.complete(self.settings.pane_rows, self.settings.pane_length):
            return replace(state, run=run), None
        length = min(run.length, self.settings.pane_length)
        return self._take(state, Block(run.counts, run.rows, run.start, length, run.elapsed, self._hours(run)), run.end)

    def _take(self, state: DwsState, pane: Block, end: Milliseconds) -> tuple[DwsState, Evidence]:
        """Judge every window that ends with this pane, and carry it into the blocks."""
        panes, held, elapsed = state.panes + 1, state.held + pane.length, state.elapsed + pane.elapsed
        levels = self._levels(elapsed / panes)
        findings = state.findings.resized(levels)
        blocks = [*state.blocks[:levels], *[None] * (levels - len(state.blocks))]
        told = [*state.told[:levels], *[None] * (levels - len(state.told))]
        fresh = np.zeros(findings.evidence.shape, dtype=bool)
        pace, half = Pace(held, elapsed), pane
        for level in range(levels):
            window, stride = half, half.elapsed
            if level:
                earlier_half, blocks[level] = blocks[level], half
                if earlier_half is None:
                    break
                window = earlier_half + half
            alpha = min(1.0, stride / (levels * HEADROOM * self.settings.budget * len(self.bins.features)))
            judged = self._judged(window, end, pace, alpha)
            chosen = panes - 2**level >= state.since
            judged.write(findings, level, chosen)
            told[level] = self._told(window, judged, chosen)
            fresh[level] = True
            if panes % 2**level:
                break
            half = window
        self._look_back(findings, fresh, blocks, panes, state.since, end, pace)
        after = DwsState(
            panes=panes,
            held=held,
            elapsed=elapsed,
            last=end,
            run=None,
            blocks=tuple(blocks),
            since=state.since,
            findings=findings,
            told=tuple(told),
        )
        return after, self._evidence(after, fresh, pane.start)

    def _look_back(
        self,
        findings: Findings,
        fresh: Mask,
        blocks: list[Block | None],
        panes: int,
        since: npt.NDArray[np.int64],
        end: Milliseconds,
        pace: Pace,
    ) -> None:
        """Judge the rates in every window that ends now and begins with a block; alarms are written in place."""
        suffixes = self.rates.suffixes(blocks, panes)
        if not suffixes.blocks:
            return
        strides = np.array([block.elapsed for block in suffixes.blocks], dtype=np.float64)
        allowed = HEADROOM * self.settings.budget * len(self.bins.features)
        log10_alpha = log10_alphas(strides, len(blocks), allowed)
        # what alarms at this pane already has a cause that says as much or more
        told = (fresh & (findings.evidence >= 0)).any(axis=0)
        for level in self.rates.near(suffixes, log10_alpha).tolist():
            window = suffixes.window(level)
            length = pace.length_of(window.length, window.elapsed, self.variance.usual)
            sample = Sample(
                counts=window.counts.astype(np.float64),
                rows=window.rows,
                hours=window.hours,
                excess=self.variance.at(length, window.rows),
                alpha=float(10 ** log10_alpha[level]),
            )
            alarming = WindowFindings(len(self.bins.features), window, end)
            alarming.offer(self._rare.judge_rates(sample, self.rates.columns, self.rates.log10_weight))
            begun = panes - 2**level - panes % 2**level >= since
            alarms = (alarming.evidence >= 0) & begun
            alarming.write(findings, level, alarms & ~told, bounds=False)
            fresh[level] |= alarms

    def _judged(self, window: Block, end: Milliseconds, pace: Pace, alpha: float) -> WindowFindings:
        """Test every feature in one window that ends at `end`, each at the chance `alpha` of a false alarm."""
        length = pace.length_of(window.length, window.elapsed, self.variance.usual)
        sample = Sample(
            counts=window.counts.astype(np.float64),
            rows=window.rows,
            hours=window.hours,
            excess=self.variance.at(length, window.rows),
            alpha=alpha,
        )
        strongest = WindowFindings(len(self.bins.features), window, end)
        smooth = self._smooth.judge(sample)
        strongest.offer(smooth.finding)
        strongest.significant = smooth.significant
        strongest.offer(self._rare.judge(sample))
        pooled = self._pooled.judge(sample)
        strongest.smallest_visible = np.minimum(smooth.smallest_visible, pooled.smallest_visible)
        if pooled.finding is not None:
            strongest.offer(pooled.finding, keep_alarms=True)
        if length >= STUCK_LENGTH:
            stuck = self._stuck.judge(sample, pooled.dependent)
            if stuck is not None:
                strongest.offer(stuck)
        return strongest

    def _told(self, window: Block, judged: WindowFindings, chosen: Mask) -> ToldWindow | None:
        """Return a window with the counts of the `chosen` features of which a sentence may tell what changed."""
        told = chosen & self._cause_is_told[judged.cause] & ((judged.evidence >= TOLD_FROM) | (judged.significant > 0))
        # a mean that hours explain nearly alone is not compared by the hour, and then nor can a spread be told
        told &= ~(self._by_hour & (judged.cause < len(NAMES)) & (judged.cause >= 0) & ~self._mean_by_hour)
        return ToldWindow(np.where(told[self.bins.owner], window.counts, 0), window.hours) if told.any() else None

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

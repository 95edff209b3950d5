"""e-SR, a betting Shiryaev–Roberts detector: slower than the default, with a proof instead of an approximation.

Each bet j multiplies its capital M_j, pane by pane, by what its rows pay (bets.py), and is started anew with every pane
that stands for w ms of event time:

    ln M_j ← ln(w + M_j) + η_j Σ_b c_b ln s_j(b),   η_j = 1/(1 + n τ²_j) for rows that depend on each other
    M_f    = Σ_j π_j M_j                            over the bets of a feature, Σ π_j = 1
    alarm    the k features of most capital, for the largest k with k M_(k) ≥ d A      (d features, budget A in ms)

and their bets begin anew. While the bounds of the reference hold, E[M_t | past] ≤ w + M_{t−1}, and each alarm takes d A
at least of the d w that a pane adds: E[false alarms in time W] ≤ W/A, however the features depend on each other.
See docs/detection.md for the assumptions.

What an alarm is about are the rows since its feature's capital began to climb: was last below √(w d A), halfway to the
alarm on the scale of logarithms. Rows before the change would dilute what moved, and how far.
Source: Shin, Ramdas & Rinaldo, E-detectors (2024), §3; Wang & Ramdas, e-BH (2022), for several features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws.pooled import PooledBins
from driftmeter.detectors.esr import state as state_file
from driftmeter.detectors.esr.bets import RareBets, SmoothBets
from driftmeter.detectors.esr.state import EsrState
from driftmeter.detectors.protocol import Ahead, Cause, Evidence, Mask, Passed
from driftmeter.detectors.run import Pace, Run, complete_runs
from driftmeter.detectors.scores import NAMES
from driftmeter.detectors.size import ShareSizes, size_of_shifts
from driftmeter.detectors.variance import Variance
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY
from driftmeter.types import Codes, Floats, Milliseconds

RISK = 0.05
"""The chance, over the reference, that its bounds do not hold: the proof is conditional on them."""
_LEVELS = 2
"""The evidence of the last pane, and that of the last alarm while it stands."""


class ESR:
    """The detector, compiled for a profile. May be shared between threads."""

    name = "esr"

    def __init__(self, profile: Profile, settings: ModelSettings, *, risk: float = RISK) -> None:
        """Place the bets; raises ValueError where the profile's calibration does not fit its features."""
        self.profile = profile
        self.settings = settings
        self.bins = CompiledBins(profile.features)
        self.variance = Variance(self.bins, profile.calibration)
        self.tolerance: Floats = np.sqrt([settings.tolerance_of(feature.name) for feature in profile.features])
        """ε of each feature, in standard deviations."""
        self.smooth = SmoothBets(self.bins, self.variance, self.tolerance, risk)
        self.rare = RareBets(self.bins, self.variance, self.tolerance, risk)
        self._sizes = ShareSizes(self.bins)
        self._pooled = PooledBins(self.bins, self.variance, self.tolerance)
        self._log_threshold = float(np.log(len(profile.features) * float(self.settings.budget)))
        """ln of d A."""
        total = self.smooth.weight.sum(axis=1) + np.bincount(self.rare.owner, self.rare.weight, len(self.bins.features))
        total = np.maximum(total, 1e-300)
        with np.errstate(divide="ignore"):
            self._smooth_log: Floats = np.log(self.smooth.weight / total[:, None])
            """ln π of the smooth bets, (features, bets)."""
            self._rare_log: Floats = np.log(self.rare.weight / total[self.rare.owner])
            """ln π of the rare bets, (bets,)."""

    # --- the state

    def start(self) -> EsrState:
        """Return the state before the first pane."""
        features, bets, _ = self.smooth.log_pays.shape
        return EsrState.zero(features, bets, len(self.rare.rare), self.profile.bins)

    def update(self, state: EsrState, pane: Slice) -> tuple[EsrState, Evidence | None]:
        """Take one frozen pane; there is evidence once the run holds enough rows, or has lasted long enough."""
        if state.run is None and pane.summary.rows == 0:
            return state, None
        ahead = self.look_ahead(state, [pane])
        return self.take(state, ahead.panes[0][1]) if ahead.panes else (self.leave(state, ahead), None)

    def look_ahead(self, state: EsrState, slices: Sequence[Slice]) -> Ahead[Run]:
        """Return the runs that the next slices complete."""
        last = state.last if state.panes else None
        return Ahead(*complete_runs(state.run, last, slices, self.settings.pane_rows, self.settings.pane_length))

    def take(self, state: EsrState, pane: Run) -> tuple[EsrState, Evidence]:
        """Let the bets win or lose on the next run."""
        after = self._bet_on(state, pane)
        return after, self._evidence(after, pane.start, fresh=True)

    def pass_quiet(self, state: EsrState, panes: Sequence[Run]) -> tuple[EsrState, Sequence[Passed]]:
        """Take no pane: each one's evidence depends on all before."""
        return state, ()

    def leave(self, state: EsrState, ahead: Ahead[Run]) -> EsrState:
        """Return the state after all slices of `ahead`, given that after its last run."""
        return replace(state, run=ahead.run)

    def _bet_on(self, state: EsrState, run: Run) -> EsrState:
        """Let the bets win or lose on one complete run."""
        length = min(run.length, self.settings.pane_length)
        elapsed = run.elapsed
        # the features that alarmed begin anew only now: until now their causes could be asked for
        state = self._begun_anew(state, state.evidence >= 0)
        active, whole = state.active + length, state.elapsed + elapsed
        excess = self.variance.at(Pace(active, whole).length_of(length, elapsed, self.variance.usual), run.rows)
        stake = np.log(elapsed)
        smooth = np.logaddexp(stake, state.smooth) + self.smooth.growth(run.counts, run.rows, excess)
        rare = np.logaddexp(stake, state.rare) + self.rare.growth(run.counts, run.rows, excess)
        capital = np.logaddexp.reduce(self._smooth_log + smooth, axis=1)
        capital = np.logaddexp(capital, np.logaddexp.reduceat(self._rare_log + rare, self.rare.starts))
        threshold = self._log_threshold
        hit = alarming(capital, threshold)
        evidence = (capital - threshold + np.log(max(int(hit.sum()), 1))) / np.log(10)
        begun = np.where(state.rows == 0, run.start, state.begun)
        until = np.where(hit, run.end + np.minimum(run.end - begun, DAY), state.until)
        climbing = self._climbing(state, run.end, (float(stake) - threshold) / 2)
        after = EsrState(
            panes=state.panes + 1,
            active=active,
            elapsed=whole,
            last=run.end,
            run=None,
            smooth=smooth,
            rare=rare,
            counts=state.counts + run.counts,
            rows=state.rows + run.rows,
            begun=begun,
            evidence=evidence,
            held=np.where(hit, evidence, np.where(state.until > run.end, state.held, -np.inf)),
            # an alarm stands as long as it took to come: by then it would have come again
            until=until,
            climb_counts=np.where(climbing[self.bins.owner], state.climb_counts, 0) + run.counts,
            climb_rows=np.where(climbing, state.climb_rows, 0) + run.rows,
            climb_begun=np.where(climbing, state.climb_begun, run.start),
            causes={index: cause for index, cause in state.causes.items() if climbing[index] or until[index] > run.end},
        )
        alarms = {index: self._cause(after, index) for index in np.flatnonzero(hit).tolist()}
        return replace(after, causes={**after.causes, **alarms})

    def _climbing(self, state: EsrState, end: Milliseconds, halfway: float) -> Mask:
        """Return the features whose capital climbs already before the pane that ends at `end`, (features,).

        `halfway` is ln of the capital there, over that of an alarm. A climb that led to an alarm goes on for the first
        day, through all alarms that follow: else each would be about the few extreme rows that brought it.
        """
        alarmed = np.zeros(len(state.rows), dtype=bool)
        alarmed[list(state.causes)] = True
        goes_on = np.where(alarmed, end - state.climb_begun <= DAY, state.evidence * np.log(10) > halfway)
        return np.asarray((state.climb_rows > 0) & goes_on, dtype=bool)

    def _evidence(self, state: EsrState, start: Milliseconds, *, fresh: bool) -> Evidence:
        bins = self.bins
        rows = np.maximum(state.rows, 1)[:, None]
        age = np.maximum(state.last - state.begun, 1)
        excess = self.variance.at(int(np.median(age)), max(int(np.median(state.rows)), 1))
        noise = 1 / rows + excess.scores + 1 / self.variance.score_rows
        log_budget = np.log(len(bins.features) * self.settings.budget / np.maximum(age, 1))
        bound = self.tolerance + self.smooth.quantile / np.sqrt(self.variance.score_rows.mean(axis=1))
        smallest_visible = bound + np.sqrt(2 * np.maximum(log_budget, 1) * noise.min(axis=1))
        return Evidence(
            start=start,
            end=state.last,
            evidence=np.stack([state.evidence, state.held]),
            fresh=np.array([fresh, False])[:, np.newaxis].repeat(len(self.bins.features), axis=1),
            lengths=np.array([int(np.median(age))] * _LEVELS, dtype=np.int64),
            significant=np.zeros(len(bins.features), dtype=bool),
            smallest_visible=np.where(state.rows > 0, smallest_visible, np.inf),
            pace=state.elapsed // state.panes,
        )

    def standing(self, state: EsrState) -> Evidence | None:
        """Return what holds now; None before the first pane."""
        return self._evidence(state, state.last, fresh=False) if state.panes else None

    def restart(self, state: EsrState, features: Mask) -> EsrState:
        """Forget the capital of these features' bets, and their alarms."""
        begun = self._begun_anew(state, features)
        held = np.where(features, -np.inf, begun.held)
        causes = {index: cause for index, cause in state.causes.items() if not features[index]}
        return replace(
            begun,
            held=held,
            evidence=np.where(features, -np.inf, begun.evidence),
            until=np.where(features, 0, state.until),
            climb_rows=np.where(features, 0, state.climb_rows),
            causes=causes,
        )

    def _begun_anew(self, state: EsrState, features: Mask) -> EsrState:
        return replace(
            state,
            smooth=np.where(features[:, None], -np.inf, state.smooth),
            rare=np.where(features[self.rare.owner], -np.inf, state.rare),
            counts=np.where(features[self.bins.owner], 0, state.counts),
            rows=np.where(features, 0, state.rows),
        )

    def causes(self, state: EsrState, feature: int) -> list[tuple[float, Cause]]:
        """Return a feature's evidence with its cause, as of the last pane, and as of an alarm that stands."""
        now, held = float(state.evidence[feature]), float(state.held[feature])
        causes = [(now, self._cause(state, feature))] if state.climb_rows[feature] else []
        alarm = state.causes.get(feature)
        return causes if alarm is None or now >= 0 or held < 0 else [*causes, (held, alarm)]

    def _cause(self, state: EsrState, feature: int) -> Cause:
        """Return which bet of a feature has won most, and what moved since the capital began to climb."""
        bins, rows = self.bins, int(state.climb_rows[feature])
        smooth = self._smooth_log[feature] + state.smooth[feature]
        bets = np.flatnonzero(self.rare.owner == feature)
        rare = self._rare_log[bets] + state.rare[bets]
        window = int(state.last - state.climb_begun[feature])
        most_rare = rare.max(initial=-np.inf)
        part = slice(bins.starts[feature], bins.starts[feature + 1])
        shift = bins.scores[:, part] @ state.climb_counts[part] / rows
        if smooth.max() > most_rare:
            score = int(self.smooth.score[smooth.argmax()])
            cause = Cause(NAMES[score], False, float(shift[score]), 0.0, window, rows, state.climb_counts[part])
        else:
            index = int(self.rare.rare[bets[rare.argmax()]])
            now = float(bins.rare_counts(state.climb_counts)[index]) / rows
            reference = float(bins.rare_reference[index] / bins.rows[feature])
            what, category = bins.rare_names[index], bins.rare_named[index]
            cause = Cause(what, category, now, reference, window, rows, state.climb_counts[part])
        if state.evidence[feature] < 0:
            return cause
        # the bets that would alarm alone, or the one that won most
        enough = min(max(float(smooth.max()), float(most_rare)), self._log_threshold)
        size = self._size(state, feature, smooth.max() >= enough, self.rare.rare[bets[rare >= enough]])
        # an alarm says that the tolerance is exceeded, also where rows depend so much that no estimate does
        effect = max(size[0], float(self.tolerance[feature]) ** 2)
        return replace(cause, effect=effect, effect_low=size[1], excess_low=size[2])

    def _size(self, state: EsrState, feature: int, smooth: bool, rare: Codes) -> tuple[float, float, float]:
        """Return effect, effect_low and excess_low of what moved: scores if bets on them won, rare bins, groups."""
        bins, rows = self.bins, int(state.climb_rows[feature])
        excess = self.variance.at(max(int(state.last - state.climb_begun[feature]), 1), rows)
        won = np.zeros(len(bins.rare), dtype=bool)
        won[rare] = True
        worth = rows / (1 + rows * excess.rare)
        size = self._sizes.of(won, bins.rare_counts(state.climb_counts) / rows, worth, self.variance.rare_rows)
        if smooth:
            deviation = np.sqrt(1 / rows + excess.scores + 1 / self.variance.score_rows)
            size |= size_of_shifts(bins.means(state.climb_counts, rows), deviation, bins.scored)
        size |= self._pooled.size(state.climb_counts.astype(np.float64), rows, excess)
        return float(size.effect[feature]), float(size.effect_low[feature]), float(size.excess_low[feature])

    # --- bytes

    def dumps(self, state: EsrState) -> bytes:
        """Serialise; equal states give equal bytes."""
        return state_file.dump(state)

    def loads(self, data: bytes) -> EsrState:
        """Read what `dumps` wrote; raises StoreError on anything else."""
        return state_file.load(data, self.start())


def alarming(log_capital: Floats, log_threshold: float) -> Mask:
    """Return the features that alarm, (features,): the k of most capital, for the largest k with k M_(k) ≥ d A.

    Two features with a capital of 60 each alarm together at a threshold of 100, one alone does not:

    >>> alarming(np.log([60.0, 60.0, 2.0]), float(np.log(100.0))).tolist()
    [True, True, False]
    >>> alarming(np.log([60.0, 40.0, 2.0]), float(np.log(100.0))).tolist()
    [False, False, False]

    Source: e-BH, Wang & Ramdas (2022).
    """
    features = len(log_capital)
    order = np.argsort(-log_capital, kind="stable")
    enough = np.flatnonzero(log_capital[order] + np.log(np.arange(1, features + 1)) >= log_threshold)
    number = int(enough[-1]) + 1 if len(enough) else 0
    hit = np.zeros(features, dtype=bool)
    hit[order[:number]] = True
    return hit

"""DWS, a dyadic-window scan with a false-alarm budget: the default detector.

Windows of 1, 2, 4 … panes, half overlapping, are kept by binary carry, as one adds 1 to a binary number: a level costs
one vector of counts, and a pane amortised three windows. Each window that ends with a pane is tested in three ways,
z on smooth rank scores, r on rare bins one by one, x on pooled bins by Pearson's statistic, at a level such that
over all windows, tests and features at most one false alarm is expected per budget. See docs/detection.md.
"""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincc, log_ndtr, ndtri, stdtr
from scipy.stats import ncx2

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.dws import windows
from driftmeter.detectors.dws.windows import Best, Block, DwsState, Findings
from driftmeter.detectors.protocol import Cause, Evidence, Mask
from driftmeter.detectors.run import Pace, Run, passed
from driftmeter.detectors.saddlepoint import LOG10E, log10_tail
from driftmeter.detectors.scores import NAMES
from driftmeter.detectors.variance import Excess, Variance
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import HOUR, hour_at, zone_named
from driftmeter.types import Counts, Floats, Milliseconds

SPLIT = {"z": 0.5, "r": 0.25, "x": 0.25}
"""How the budget of a window is shared between the three ways of testing."""
HEADROOM = 2.0
"""Run at twice the budget's length: what is promised is then measured at the budget, not just below it."""
MOST_LEVELS = 26
LEAST_RATE = 0.002
"""A rare bin's share must have moved by this much, whatever the tolerance."""
MOST_DESIGN_EFFECT = 1.5
"""Pearson's statistic is only for rows that are nearly independent: above, it made nine of ten false incidents."""
STUCK_LENGTH: Milliseconds = 20 * HOUR
"""About a day of traffic: weather, for one, stands still for hours."""
STUCK_SHARE = 0.5
_NOTABLE = 2.5
"""Below so many standard deviations no window can alarm, and the normal tail is exact enough to be shown."""
_CERTAIN = 38.0
"""Beyond so many the chance is less than floats hold."""
_LEAST = -300.0
"""log10 of the least chance told apart from none."""


class DWS:
    """The scan, compiled for a profile. May be shared between threads.

    Source: the dyadic construction of Bifet & Gavaldà, ADWIN2 (2007), with one error budget over a fixed number
    of windows as in Siegmund & Venkatraman (1995), on counts.
    """

    name = "dws"

    def __init__(self, profile: Profile, settings: ModelSettings) -> None:
        """Compile the tables; raises ValueError where the profile's calibration does not fit its features."""
        self.profile = profile
        self.settings = settings
        self.tables = CompiledBins(profile.features)
        self.variance = Variance(self.tables, profile.calibration)
        tables = self.tables
        psi = np.array([settings.tolerance_of(feature.name) for feature in profile.features])
        self.tolerance: Floats = np.sqrt(psi)
        """The largest shift that is no drift, in standard deviations: squared orthonormal shifts add up to the PSI."""
        rare_share = tables.reference[tables.rare] / tables.rows[tables.rare_owner]
        spread = np.sqrt(rare_share * (1 - rare_share))
        self._rare_share: Floats = rare_share
        self._rare_variance: Floats = np.maximum(spread**2, 0.25 / tables.rows[tables.rare_owner])
        least = np.where(psi > 0, LEAST_RATE, 0.0)[tables.rare_owner]
        self._rare_tolerance: Floats = np.maximum(self.tolerance[tables.rare_owner] * spread, least)
        weight = 1 - tables.group_share
        whole = np.bincount(tables.group_owner, weight, len(tables.features))
        # a feature of one group has nothing to average: its only share cannot move
        self._group_weight: Floats = weight / np.maximum(whole, 1e-12)[tables.group_owner]
        averaged = self._averaged(self.variance.group_rows)
        self._group_rows: Floats = np.where(tables.degrees > 0, np.maximum(averaged, 1e-12), tables.rows)
        self._score_tests: Floats = np.maximum(2.0 * tables.scored.sum(axis=1), 1.0)
        self._zone = None if profile.zone is None else zone_named(profile.zone)
        self._names = (*NAMES, "bins", "stuck", *tables.rare_names)
        self._named = (*[False] * (len(NAMES) + 2), *tables.rare_named)

    # --- the state

    def start(self) -> DwsState:
        """Return the state before the first pane."""
        features = len(self.profile.features)
        return DwsState(0, 0, 0, 0, None, (None,), np.zeros(features, np.int64), Findings.nothing(1, features))

    def update(self, state: DwsState, pane: Slice) -> tuple[DwsState, Evidence | None]:
        """Take one frozen pane; there is a reading once the run holds enough rows, or has lasted long enough."""
        if state.run is None and pane.summary.rows == 0:
            return state, None
        run = Run.of(pane) if state.run is None else state.run + pane
        if not run.complete(self.settings.pane_rows, self.settings.pane_length):
            return replace(state, run=run), None
        length = min(run.length, self.settings.pane_length)
        elapsed = passed(state.last, run.end) if state.panes else length
        return self._take(state, Block(run.counts, run.rows, run.start, length, elapsed, self._hours(run)), run.end)

    def _take(self, state: DwsState, pane: Block, end: Milliseconds) -> tuple[DwsState, Evidence]:
        panes, held, elapsed = state.panes + 1, state.held + pane.length, state.passed + pane.elapsed
        levels = self._levels(elapsed / panes)
        found = state.found.resized(levels)
        blocks = [*state.blocks[:levels], *[None] * (levels - len(state.blocks))]
        fresh = np.zeros(levels, dtype=bool)
        current = pane
        for level in range(levels):
            window, stride = current, current.elapsed
            if level:
                previous, blocks[level] = blocks[level], current
                if previous is None:
                    break
                window = previous + current
            length = Pace(held, elapsed).length_of(window.length, window.elapsed, self.variance.usual)
            best = Best(len(self.tables.features), window, end)
            self._judge(best, window, length, stride, levels)
            best.write(found, level, panes - 2**level >= state.since)
            fresh[level] = True
            if panes % 2**level:
                break
            current = window
        after = DwsState(panes, held, elapsed, end, None, tuple(blocks), state.since, found)
        return after, self._reading(after, fresh, pane.start)

    def _hours(self, run: Run) -> Counts:
        hours = np.zeros(len(self.variance.hours), dtype=np.int64)
        if len(hours):
            hours[hour_at(run.start, self._zone)] = run.rows
        return hours

    def _levels(self, pane_length: float) -> int:
        """Return how many levels reach back as far as the settings say, panes being so long on average."""
        panes = max(self.settings.reach / max(pane_length, 1), 1)
        # a hair more: a power of two must not be missed by rounding
        return min(1 + int(log2(panes) + 1e-9), MOST_LEVELS)

    def _reading(self, state: DwsState, fresh: Mask, start: Milliseconds) -> Evidence:
        found = state.found
        strongest = found.evidence.argmax(axis=0)
        columns = np.arange(found.evidence.shape[1])
        return Evidence(
            start,
            state.last,
            found.evidence,
            fresh,
            found.lengths.max(axis=1).astype(np.int64),
            np.asarray(found.inside.any(axis=0), dtype=bool),
            found.low[strongest, columns],
            found.smallest.min(axis=0),
            state.passed // state.panes,
        )

    def standing(self, state: DwsState) -> Evidence | None:
        """Return what the latest window of each level said; None before the first pane."""
        if not state.panes:
            return None
        return self._reading(state, np.zeros(len(state.found.evidence), dtype=bool), state.last)

    def restart(self, state: DwsState, features: Mask) -> DwsState:
        """Forget what these features' windows hold: theirs begin anew with the next pane."""
        since = np.where(features, state.panes, state.since)
        return replace(state, since=since, found=state.found.without(features))

    def causes(self, state: DwsState, feature: int) -> list[tuple[float, Cause]]:
        """Return a feature's evidence in the latest window of each level, and what it rests on, shortest first."""
        found = state.found
        return [
            (
                float(found.evidence[level, feature]),
                Cause(
                    self._names[found.cause[level, feature]],
                    self._named[found.cause[level, feature]],
                    float(found.value[level, feature]),
                    float(found.reference[level, feature]),
                    int(found.spans[level, feature]),
                    int(found.rows[level, feature]),
                ),
            )
            for level in np.flatnonzero(found.cause[:, feature] >= 0).tolist()
        ]

    # --- one window

    def _judge(self, best: Best, window: Block, length: Milliseconds, stride: Milliseconds, levels: int) -> None:
        """Test every feature in one window, which varies as those of that `length` did in the reference."""
        alpha = min(1.0, stride / (levels * HEADROOM * self.settings.budget * len(self.tables.features)))
        excess = self.variance.at(length)
        counts = window.counts.astype(np.float64)
        expected = np.tensordot(window.hours / window.rows, self.variance.hours, axes=1)
        self._scores(best, counts, window.rows, expected, excess, alpha)
        self._rare_bins(best, counts, window.rows, excess, alpha)
        dependent = self._pooled(best, counts, window.rows, excess, alpha)
        if length >= STUCK_LENGTH:
            self._stuck(best, window, excess, alpha, dependent)

    def _scores(self, best: Best, counts: Floats, rows: int, expected: Floats, excess: Excess, alpha: float) -> None:
        tables = self.tables
        mean = tables.means(counts, rows) - expected
        n = 1 / (1 / rows + excess.scores)
        m = self.variance.score_rows
        deviation = np.sqrt(1 / n + 1 / m)
        size = np.abs(mean)
        beyond = np.where(tables.scored, (size - self.tolerance[:, None]) / deviation, -np.inf)
        share = SPLIT["z"] * alpha / self._score_tests
        log_p = np.zeros(beyond.shape)
        likely = beyond > 1
        log_p[likely] = log_ndtr(-beyond[likely]) * LOG10E
        feature, score = np.nonzero((beyond > _NOTABLE) & (beyond < _CERTAIN))
        if len(feature):
            tail = log10_tail(
                tables.padded_share[feature],
                np.sign(mean[feature, score])[:, None] * tables.padded_scores[feature, score],
                n[feature, score],
                m[feature, score],
                size[feature, score] - self.tolerance[feature],
            )
            log_p[feature, score] = tail
        heavy = likely & (excess.tails > 0)
        if heavy.any():
            freedom = 4 + 6 / excess.tails[heavy]
            log_p[heavy] = np.maximum(log_p[heavy], _log10_t(beyond[heavy], freedom))
        evidence = np.where(tables.scored, np.log10(share)[:, None] - np.maximum(log_p, _LEAST), -np.inf)
        strongest = evidence.argmax(axis=1)
        columns = np.arange(len(strongest))
        best.offer(evidence[columns, strongest], strongest, mean[columns, strongest], np.zeros(len(strongest)))
        critical = -ndtri(share)
        scored = tables.scored.any(axis=1)
        surely = np.where(tables.scored, np.maximum(size - 2 * deviation, 0), 0.0)
        low: Floats = np.add.reduce(np.square(surely), axis=1)
        best.low = low
        least = np.where(tables.scored, deviation, np.inf).min(axis=1)
        best.smallest = np.where(scored, self.tolerance + critical * least, np.inf)
        moved = np.logical_or.reduce((size > critical[:, None] * deviation) & tables.scored, axis=1)
        best.inside = moved.astype(np.float64)

    def _rare_bins(self, best: Best, counts: Floats, rows: int, excess: Excess, alpha: float) -> None:
        tables, owner = self.tables, self.tables.rare_owner
        seen = tables.rare_counts(counts)
        share = self._rare_share
        effect = 1 + rows * excess.rare
        m = self.variance.rare_rows
        log_alpha = np.log10(SPLIT["r"] * alpha / tables.rare_tests)[owner]
        log_p = np.full(len(owner), np.log10(0.5))
        moved = seen / rows - share
        spread = np.sqrt(self._rare_variance * (effect / rows + 1 / m))
        few = tables.rare_reference < 100
        notable = np.abs(moved) - self._rare_tolerance > _NOTABLE * spread
        up = (moved > 0) & (notable | (few & (seen > 0)))
        down = (moved < 0) & notable & tables.two_sided & (tables.rare_reference > 30)
        if up.any():
            log_p[up] = self._log10_more(seen, rows, effect, excess, up)
        if down.any():
            rest = 1 - np.minimum(share[down], 0.95)
            q = (rows / effect[down]) / (rows / effect[down] + m[down])
            expected = tables.rare_reference[down] / rest * (m[down] / tables.rows[owner[down]])
            expected = np.maximum(expected - self._rare_tolerance[down] * m[down], 1e-9)
            log_p[down] = _log10(betaincc(seen[down] / effect[down] / rest + 1, expected, q))
        evidence = log_alpha - np.maximum(log_p, _LEAST)
        largest = np.maximum.reduceat(evidence, tables.rare_starts)
        # the first of the strongest bins of each feature
        first = np.flatnonzero(evidence == largest[tables.rare_owner])
        _, place = np.unique(owner[first], return_index=True)
        strongest = first[place]
        best.offer(largest, strongest + len(NAMES) + 2, seen[strongest] / rows, share[strongest])

    def _log10_more(self, seen: Floats, rows: int, effect: Floats, excess: Excess, chosen: Mask) -> Floats:
        """Return log10 of the chance of so many rows in the chosen rare bins: the hypergeometric tail, any size."""
        tables, owner = self.tables, self.tables.rare_owner
        m = self.variance.rare_rows
        total = tables.rows[owner]
        rest = 1 - np.minimum(self._rare_share, 0.95)
        shrink = effect * rest
        q = (rows / effect) / (rows / effect + m)
        expected = tables.rare_reference / rest * (m / total)
        clusters, size = self.variance.clusters.T
        known = size > 0
        # rows of one unseen category come together
        spread = 1 + tables.rare_clustering * rows / (rows + total)
        shrink, expected = shrink * spread, expected / spread
        # one record-breaking day is one event, however many rows it has
        cluster = np.maximum(size, np.maximum(effect, 1 + rows * excess.scores.max(axis=1)[owner]))
        shrink = np.where(known, cluster, shrink)
        expected = np.where(known, clusters / np.maximum(cluster, 1), expected)
        q = np.where(known, rows / (rows + total), q)
        # the tolerance is a share of what the reference is worth, which is its clusters at most
        mass = np.where(known, np.minimum(m, total / cluster), m)
        more = np.maximum(seen / shrink, 1e-9)
        found: Floats = _log10(betainc(more[chosen], (expected + self._rare_tolerance * mass + 1)[chosen], q[chosen]))
        return found

    def _pooled(self, best: Best, counts: Floats, rows: int, excess: Excess, alpha: float) -> Mask:
        """Test the pooled groups; return which features' rows are too dependent for that."""
        tables, owner = self.tables, self.tables.group_owner
        effect = 1 + rows * self._averaged(excess.groups)
        m = self._group_rows
        noise = effect / rows + 1 / m
        critical = -float(ndtri(SPLIT["x"] * alpha))
        best.smallest = np.minimum(
            best.smallest, np.where(~tables.scored.any(axis=1), self.tolerance + critical * np.sqrt(noise), np.inf)
        )
        dependent = effect >= MOST_DESIGN_EFFECT
        chosen = (tables.degrees >= 3) & ~dependent & (rows >= tables.pooled_rows)
        if not chosen.any():
            return dependent
        window = tables.grouped(counts)
        total = tables.rows[owner]
        expected = (window + tables.group_reference) * rows / (rows + total)
        parts = (
            np.where(expected > 0, np.square(window - expected) / np.maximum(expected, 1e-9), 0.0)
            * (rows + total)
            / total
        )
        spread = self._averaged(np.square((1 + rows * excess.groups) / effect[owner] - 1))
        sums: Floats = np.bincount(owner, parts, len(tables.features)).astype(np.float64)
        statistic = sums * (1 / rows + 1 / tables.rows) / noise / (1 + spread)
        freedom = np.maximum(tables.degrees, 1) / (1 + spread)
        noncentral = self.tolerance**2 / noise / (1 + spread)
        expected_value, deviation = freedom + noncentral, np.sqrt(2 * (freedom + 2 * noncentral))
        log_p = log_ndtr(-(statistic - expected_value) / deviation) * LOG10E
        notable = chosen & (statistic > expected_value + _NOTABLE * deviation)
        if notable.any():
            log_p[notable] = _log10(
                ncx2.sf(statistic[notable], freedom[notable], np.maximum(noncentral[notable], 1e-9))
            )
        evidence = np.where(chosen, np.log10(SPLIT["x"] * alpha) - np.maximum(log_p, _LEAST), -np.inf)
        bins = np.full(len(evidence), len(NAMES))
        best.offer(evidence, bins, statistic / freedom, np.ones(len(evidence)), dim=True)
        return dependent

    def _averaged(self, of_groups: Floats) -> Floats:
        """Average over each feature's groups, weighted by what they add to Pearson's degrees of freedom."""
        owner, features = self.tables.group_owner, len(self.tables.features)
        return np.bincount(owner, self._group_weight * of_groups, features).astype(np.float64)

    def _stuck(self, best: Best, window: Block, excess: Excess, alpha: float, dependent: Mask) -> None:
        """Look for one value that took a dependent feature over; it has the budget that Pearson's statistic leaves."""
        mean, deviation, kurtosis, largest = excess.stuck.T
        chosen = dependent & (deviation > 0)
        if not chosen.any():
            return
        modal = self.tables.modal(window.counts, window.rows)
        odds = _log_odds(modal)
        beyond = (odds - np.maximum(mean, largest)) / np.maximum(deviation, 1e-9)
        freedom = 4 + 6 / np.maximum(kurtosis, 0.1)
        log_p = _log10_t((odds - mean) / np.maximum(deviation, 1e-9), freedom)
        evidence = np.log10(SPLIT["x"] * alpha) - np.maximum(log_p, _LEAST)
        # more than any window of the reference had, and by as much as its windows differ among themselves
        evidence = np.where(chosen & (beyond > 1) & (modal > STUCK_SHARE), evidence, -np.inf)
        best.offer(evidence, np.full(len(evidence), len(NAMES) + 1), modal, 1 / (1 + np.exp(-largest)))

    # --- bytes

    def dumps(self, state: DwsState) -> bytes:
        """Serialise; equal states give equal bytes."""
        return windows.dump(state)

    def loads(self, data: bytes) -> DwsState:
        """Read what `dumps` wrote; raises StoreError on anything else."""
        return windows.load(data, self.profile.bins, len(self.profile.features))


def _log10_t(deviations: Floats, freedom: Floats) -> Floats:
    """Return log10 of the upper tail of Student's t, scaled to variance 1, at so many standard deviations."""
    scaled = deviations * np.sqrt(freedom / (freedom - 2))
    return _log10(stdtr(freedom, -scaled))


def _log10(chance: npt.ArrayLike) -> Floats:
    found: Floats = np.log10(np.maximum(chance, 1e-300))
    return found


def _log_odds(share: Floats) -> Floats:
    clipped = np.clip(share, 1e-4, 1 - 1e-4)
    odds: Floats = np.log(clipped / (1 - clipped))
    return odds

"""e-SR, a betting Shiryaev–Roberts detector: slower than the default, with a proof instead of an approximation.

Each bet multiplies its capital, pane by pane, by what a fair game against the reference would pay; under the null no
bet can be expected to win, whatever the features have to do with each other. A feature alarms when the capital of
its bets, started anew with every pane, has grown by the budget. See docs/detection.md for what is proved, and
under which assumptions.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri

from driftmeter.detectors.bins import CompiledBins
from driftmeter.detectors.protocol import Cause, Evidence, Mask
from driftmeter.detectors.run import Pace, Run, elapsed_since
from driftmeter.detectors.scores import NAMES
from driftmeter.detectors.state_bytes import pack, unpack
from driftmeter.detectors.variance import Variance
from driftmeter.panes.codec import decode_counts, encode_counts
from driftmeter.panes.pane import Slice
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY
from driftmeter.types import JSON, Codes, Counts, Floats, Milliseconds

STAKES = (0.025, 0.05, 0.1, 0.2, 0.4)
LARGEST_LOSS = 0.6
"""No bet loses more than this of its capital on one row."""
RISK = 0.05
"""The chance, over the reference, that its bounds do not hold: what the proof is given on."""
LEAST_RATE = 0.001
RAISED = (1.5, 3.0, 10.0)
"""Stakes on a rare bin are the best ones for its share being so many times the bound."""
LOWERED = (1 / 3, 1 / 1.5)
LEAST_LOWERED = 1e-3
_MAGIC = b"ESR2"
_LEVELS = 2
"""What is found now, and what was found last and still stands."""


@dataclass(frozen=True, eq=False)
class EsrState:
    """Capital of each bet as a logarithm, smooth (features, bets) and rare (bets,), and since when it grows.

    `counts` (bins,) and `rows` (features,) are what came since a feature's bets were last begun, `begun` (features,)
    when that was; `held` (features,) is the evidence of the last alarm, which stands until `until` (features,).
    `active` is how much time of the panes held rows, `elapsed` how much event time they stand for.
    """

    panes: int
    active: Milliseconds
    elapsed: Milliseconds
    last: Milliseconds
    run: Run | None
    smooth: Floats
    rare: Floats
    counts: Counts
    rows: npt.NDArray[np.int64]
    begun: npt.NDArray[np.int64]
    evidence: Floats
    held: Floats
    until: npt.NDArray[np.int64]


class ESR:
    """The detector, compiled for a profile. May be shared between threads.

    Source: Shin, Ramdas & Rinaldo, E-detectors (2024), §3; Wang & Ramdas, e-BH (2022), for several features.
    """

    name = "esr"

    def __init__(self, profile: Profile, settings: ModelSettings, *, risk: float = RISK) -> None:
        """Compile the bets; raises ValueError where the profile's calibration does not fit its features."""
        self.profile = profile
        self.settings = settings
        self.tables = CompiledBins(profile.features)
        self.variance = Variance(self.tables, profile.calibration)
        self.tolerance: Floats = np.sqrt([settings.tolerance_of(feature.name) for feature in profile.features])
        self._bound = -float(ndtri(risk / (2 * len(NAMES) * len(profile.features))))
        self._place_smooth()
        self._place_rare(risk)

    def _place_smooth(self) -> None:
        """Bet on each score, up and down, at five stakes: log of what a row in each bin pays."""
        tables = self.tables
        features, _, width = tables.padded_scores.shape
        signed = np.stack([tables.padded_scores, -tables.padded_scores], axis=2)  # features, scores, signs, bins
        bound = self.tolerance[:, None] + self._bound / np.sqrt(self.variance.score_rows)
        gain = signed - bound[:, :, None, None]
        worst = np.where(tables.padded_share[:, None, None] > 0, -gain, 0.0).max(axis=3)
        stakes = np.minimum(np.array(STAKES), (LARGEST_LOSS / np.maximum(worst, 1e-9))[..., None])
        pays = np.log(np.maximum(1 + stakes[..., None] * gain[:, :, :, None], 1e-12))
        bets = len(NAMES) * 2 * len(STAKES)
        self._smooth_pays: Floats = pays.reshape(features, bets, width)
        self._smooth_score: Codes = np.repeat(np.arange(len(NAMES)), 2 * len(STAKES))
        weight = np.repeat(tables.scored, 2 * len(STAKES), axis=1) / len(STAKES)
        self._smooth_weight: Floats = weight

    def _place_rare(self, risk: float) -> None:
        """Bet on each rare bin's share being higher, and of categories lower, than its bound."""
        tables, owner = self.tables, self.tables.rare_owner
        mass = self.variance.rare_rows
        share = tables.rare_reference / tables.rows[owner]
        chance = risk / (2 * len(owner))
        seen = share * mass
        upper = np.where(seen < mass, betaincinv(seen + 1, np.maximum(mass - seen, 1e-9), 1 - chance), 1.0)
        spread = np.sqrt(share * (1 - share))
        margin = np.maximum(LEAST_RATE, self.tolerance[owner] * spread)
        upper = np.minimum(np.maximum(upper, share + margin), 1.0)
        lower = np.where(seen > 0, betaincinv(np.maximum(seen, 1e-9), mass - seen + 1, chance), 0.0)
        lower = np.minimum(lower, share - margin)
        bins: list[int] = []
        inside: list[float] = []
        outside: list[float] = []
        weight: list[float] = []
        for index in tables.rare_starts.tolist():  # a bet of nothing, so that no feature is without one
            bins, inside, outside, weight = [*bins, index], [*inside, 0.0], [*outside, 0.0], [*weight, 0.0]
        for index in range(len(owner)):
            aims = [times * upper[index] for times in RAISED if times * upper[index] < 0.9]
            self._bet(index, aims, float(upper[index]), bins, inside, outside, weight)
            if tables.two_sided[index] and lower[index] > LEAST_LOWERED:
                aims = [times * lower[index] for times in LOWERED]
                self._bet(index, aims, float(lower[index]), bins, inside, outside, weight)
        order = np.argsort(owner[bins], kind="stable")
        self._rare_bin: Codes = np.array(bins, dtype=np.intp)[order]
        self._rare_inside: Floats = np.array(inside)[order]
        self._rare_outside: Floats = np.array(outside)[order]
        self._rare_owner: Codes = owner[self._rare_bin]
        own = np.array(weight)[order]
        total = self._smooth_weight.sum(axis=1) + np.bincount(self._rare_owner, own, len(tables.features))
        total = np.maximum(total, 1e-300)
        with np.errstate(divide="ignore"):
            self._smooth_log: Floats = np.log(self._smooth_weight / total[:, None])
            self._rare_log: Floats = np.log(own / total[self._rare_owner])
        self._rare_starts: Codes = np.searchsorted(self._rare_owner, np.arange(len(tables.features))).astype(np.intp)

    @staticmethod
    def _bet(
        index: int,
        aims: list[float],
        bound: float,
        bins: list[int],
        inside: list[float],
        outside: list[float],
        weight: list[float],
    ) -> None:
        for aim in aims:
            # Kelly's stake on a coin of chance `aim`, against odds that are fair at the bound
            stake = (aim - bound) / (bound * (1 - bound))
            bins.append(index)
            inside.append(float(np.log(1 + stake * (1 - bound))))
            outside.append(float(np.log(max(1 - stake * bound, 1e-12))))
            weight.append(1 / len(aims))

    # --- the state

    def start(self) -> EsrState:
        """Return the state before the first pane."""
        features, bins = len(self.profile.features), self.profile.bins
        none = np.full(features, -np.inf)
        whole = np.zeros(features, np.int64)
        return EsrState(
            0, 0, 0, 0, None,
            np.full((features, self._smooth_pays.shape[1]), -np.inf), np.full(len(self._rare_bin), -np.inf),
            np.zeros(bins, np.int64), whole, whole, none, none, whole,
        )  # fmt: skip

    def update(self, state: EsrState, pane: Slice) -> tuple[EsrState, Evidence | None]:
        """Take one frozen pane; there is a reading once the run holds enough rows, or has lasted long enough."""
        if state.run is None and pane.summary.rows == 0:
            return state, None
        run = Run.of(pane) if state.run is None else state.run + pane
        if not run.complete(self.settings.pane_rows, self.settings.pane_length):
            return replace(state, run=run), None
        length = min(run.length, self.settings.pane_length)
        elapsed = elapsed_since(state.last, run.end) if state.panes else length
        after = self._bet_on(state, run.counts, run.rows, length, elapsed, run.end)
        return after, self._reading(after, run.start, fresh=True)

    def _bet_on(
        self, state: EsrState, counts: Counts, rows: int, length: Milliseconds, elapsed: Milliseconds, end: Milliseconds
    ) -> EsrState:
        tables = self.tables
        features = len(tables.features)
        # what has alarmed begins anew, as the proof has it; until now it could be asked why
        state = self._begin(state, state.evidence >= 0)
        active, whole = state.active + length, state.elapsed + elapsed
        excess = self.variance.at(Pace(active, whole).length_of(length, elapsed, self.variance.usual))
        floats = counts.astype(np.float64)
        padded = np.zeros(tables.padded_share.shape)
        padded[tables.owner, np.arange(len(counts)) - tables.starts[tables.owner]] = floats
        won = (
            np.matmul(self._smooth_pays, padded[:, :, None])[:, :, 0]
            / (1 + rows * excess.scores)[:, self._smooth_score]
        )
        inside = tables.rare_counts(counts)[self._rare_bin]
        gained = inside * self._rare_inside + (rows - inside) * self._rare_outside
        gained = gained / (1 + rows * excess.rare[self._rare_bin])
        stake = np.log(elapsed)
        smooth, rare = np.logaddexp(stake, state.smooth) + won, np.logaddexp(stake, state.rare) + gained
        capital = np.logaddexp.reduce(self._smooth_log + smooth, axis=1)
        capital = np.logaddexp(capital, np.logaddexp.reduceat(self._rare_log + rare, self._rare_starts))
        threshold = np.log(features * float(self.settings.budget))
        order = np.argsort(-capital, kind="stable")
        rejected = np.flatnonzero(capital[order] + np.log(np.arange(1, features + 1)) >= threshold)
        number = int(rejected[-1]) + 1 if len(rejected) else 0
        hit = np.zeros(features, dtype=bool)
        hit[order[:number]] = True
        evidence = (capital - threshold + np.log(max(number, 1))) / np.log(10)
        begun = np.where(state.rows == 0, end - length, state.begun)
        return EsrState(
            state.panes + 1, active, whole, end, None,
            smooth, rare, state.counts + counts, state.rows + rows, begun, evidence,
            np.where(hit, evidence, np.where(state.until > end, state.held, -np.inf)),
            # an alarm stands as long as it took to come: by then it would have come again
            np.where(hit, end + np.minimum(end - begun, DAY), state.until),
        )  # fmt: skip

    def _reading(self, state: EsrState, start: Milliseconds, *, fresh: bool) -> Evidence:
        tables = self.tables
        mean = (
            np.add.reduceat(tables.scores * state.counts, tables.starts[:-1], axis=1).T
            / np.maximum(state.rows, 1)[:, None]
        )
        age = np.maximum(state.last - state.begun, 1)
        excess = self.variance.at(int(np.median(age)))
        noise = 1 / np.maximum(state.rows, 1)[:, None] + excess.scores + 1 / self.variance.score_rows
        low = (np.square(np.maximum(np.abs(mean) - 2 * np.sqrt(noise), 0)) * tables.scored).sum(axis=1)
        log_budget = np.log(len(tables.features) * self.settings.budget / np.maximum(age, 1))
        bound = self.tolerance + self._bound / np.sqrt(self.variance.score_rows.mean(axis=1))
        smallest = bound + np.sqrt(2 * np.maximum(log_budget, 1) * noise.min(axis=1))
        return Evidence(
            start,
            state.last,
            np.stack([state.evidence, state.held]),
            np.array([fresh, False]),
            np.array([int(np.median(age))] * _LEVELS, dtype=np.int64),
            np.zeros(len(tables.features), dtype=bool),
            low,
            np.where(state.rows > 0, smallest, np.inf),
            state.elapsed // state.panes,
        )

    def standing(self, state: EsrState) -> Evidence | None:
        """Return what holds now; None before the first pane."""
        return self._reading(state, state.last, fresh=False) if state.panes else None

    def restart(self, state: EsrState, features: Mask) -> EsrState:
        """Forget what these features' bets have won, and that they alarmed."""
        begun = self._begin(state, features)
        held = np.where(features, -np.inf, begun.held)
        return replace(begun, held=held, evidence=np.where(features, -np.inf, begun.evidence))

    def _begin(self, state: EsrState, features: Mask) -> EsrState:
        return replace(
            state,
            smooth=np.where(features[:, None], -np.inf, state.smooth),
            rare=np.where(features[self._rare_owner], -np.inf, state.rare),
            counts=np.where(features[self.tables.owner], 0, state.counts),
            rows=np.where(features, 0, state.rows),
        )

    def causes(self, state: EsrState, feature: int) -> list[tuple[float, Cause]]:
        """Return a feature's evidence, and which of its bets has won most; nothing before any."""
        rows = int(state.rows[feature])
        return [(float(state.evidence[feature]), self._cause(state, feature, rows))] if rows else []

    def _cause(self, state: EsrState, feature: int, rows: int) -> Cause:
        tables = self.tables
        smooth = self._smooth_log[feature] + state.smooth[feature]
        own = np.flatnonzero(self._rare_owner == feature)
        rare = self._rare_log[own] + state.rare[own]
        window = int(state.last - state.begun[feature])
        if len(own) == 0 or smooth.max() > rare.max():
            score = int(self._smooth_score[smooth.argmax()])
            part = slice(tables.starts[feature], tables.starts[feature + 1])
            mean = float(tables.scores[score, part] @ state.counts[part]) / rows
            return Cause(NAMES[score], False, mean, 0.0, window, rows)
        index = int(self._rare_bin[own[rare.argmax()]])
        now = float(tables.rare_counts(state.counts)[index]) / rows
        before = float(tables.rare_reference[index] / tables.rows[feature])
        return Cause(tables.rare_names[index], tables.rare_named[index], now, before, window, rows)

    # --- bytes

    def dumps(self, state: EsrState) -> bytes:
        """Serialise; equal states give equal bytes."""
        parts = [] if state.run is None else [encode_counts(state.run.counts)]
        parts.append(encode_counts(state.counts))
        parts += [zlib.compress(getattr(state, name).astype("<f8").tobytes(), 1) for name in _FLOATS]
        parts += [getattr(state, name).astype("<i8").tobytes() for name in _INTEGERS]
        run = state.run
        head = {
            "panes": state.panes,
            "active": state.active,
            "passed": state.elapsed,
            "last": state.last,
            "run": None if run is None else [run.start, run.end, run.length, run.rows],
        }
        return pack(_MAGIC, head, parts)

    def loads(self, data: bytes) -> EsrState:
        """Read what `dumps` wrote; raises StoreError on anything else."""
        return unpack(_MAGIC, data, self._read)

    def _read(self, head: JSON, parts: Iterator[bytes]) -> EsrState:
        run: Run | None = None
        if head["run"] is not None:
            start, end, length, rows = head["run"]
            run = Run(start, end, length, rows, decode_counts(next(parts), self.profile.bins))
        counts = decode_counts(next(parts), self.profile.bins)
        empty = self.start()
        floats = {
            name: np.frombuffer(zlib.decompress(next(parts)), "<f8").reshape(getattr(empty, name).shape)
            for name in _FLOATS
        }
        integers = {name: np.frombuffer(next(parts), "<i8").reshape(empty.rows.shape) for name in _INTEGERS}
        return EsrState(
            panes=head["panes"],
            active=head["active"],
            elapsed=head["passed"],
            last=head["last"],
            run=run,
            counts=counts,
            **floats,
            **integers,
        )


_FLOATS = ("smooth", "rare", "evidence", "held")
_INTEGERS = ("rows", "begun", "until")

"""How soon is a changed rate found, beside the exact sequential test of it?

    python bench/rates.py [--kinds missing …] [--days 165 1000 20000] [--shares 0 .01 .1] [--shifts .01 .03 .12]

A model of 30 features sees so many rows a day; the rate of missing, unseen or out-of-range rows of each rises by some
points at a time of its own. Rows until the alarm, the median of the 30 features, at the default settings: with a
reference that states independence, and with one that was calibrated in its own order of time. Beside it the generalised
likelihood ratio of the same panes against the largest share that is tolerated, with a limit simulated for the same
budget: that of the whole feature, and the part that this rate has of it. It knows the tolerated share exactly.
Shifts within the tolerance are left out. Counts of panes are drawn, not values.
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from driftmeter.counts.summary import Summary
from driftmeter.detectors import DWS
from driftmeter.detectors.dws.scan import HEADROOM
from driftmeter.detectors.rare_bins import tolerated
from driftmeter.detectors.run import Pace, runs
from driftmeter.fitting.variation import calibrate
from driftmeter.panes.pane import Slice
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Floats, Milliseconds

FEATURES = 30
REFERENCE_DAYS = {165: 365, 1_000: 90, 20_000: 30}
SLICES: dict[int, Milliseconds] = {165: HOUR, 1_000: HOUR, 20_000: 432_000}
"""With 20,000 rows a day a slice of 432 s has 100 rows."""
BEFORE = {165: 8, 1_000: 3, 20_000: 2}
"""Days without a change."""
BINS = {"missing": "missing", "unseen": "unseen", "out of range": "above"}
NULL_PANES, STREAMS, STREAM_BEFORE = 200_000, 200, 200

Rng = np.random.Generator


def grid_of(kind: str, once: int = 0) -> NumericGrid | CategoryGrid:
    if kind != "unseen":
        return NumericGrid.fit(np.arange(8.0), bins=64)
    categories = tuple(f"c{number}" for number in range(20))
    return CategoryGrid(categories, tuple(range(once)), once=once, least_rows=30, hashed=64)


def shares_of(kind: str, share: float, grid: NumericGrid | CategoryGrid) -> Floats:
    """Return the shares of all bins, with `share` of the rows in those of the rate."""
    shares = np.zeros(grid.size)
    if isinstance(grid, CategoryGrid):
        shares[: len(grid.categories)] = (1 - share) / len(grid.categories)
        shares[grid.unseen] = share / grid.hashed
    else:
        shares[grid.core] = (1 - share) / len(grid.atoms)
        shares[grid.special[BINS[kind]]] = share
    return shares


def rows_of(day: int, panes: int, rng: Rng) -> np.ndarray:
    """Return the rows of each pane: whole hundreds, or as they come."""
    return np.full(panes, 100) if day == 20_000 else rng.poisson(day * SLICES[day] / DAY, panes)


def profile_of(kind: str, share: float, day: int, calibrated: bool, rng: Rng) -> Profile:
    grid, length = grid_of(kind), SLICES[day]
    rows = rows_of(day, REFERENCE_DAYS[day] * DAY // length, rng)
    counts = rng.multinomial(rows[:, None], shares_of(kind, share, grid), size=(len(rows), FEATURES))
    if isinstance(grid, CategoryGrid):
        # what the reference held is its rest, each category once
        counts[:, :, grid.rest] += counts[:, :, grid.unseen]
        counts[:, :, grid.unseen] = 0
    features = []
    for index in range(FEATURES):
        total = counts[:, index].sum(axis=0)
        own = grid_of(kind, int(total[grid.rest].sum())) if isinstance(grid, CategoryGrid) else grid
        word = "categorical" if kind == "unseen" else "numeric"
        features.append(Feature(f"f{index}", word, "feature", own, tuple(total.tolist()), f"f{index}"))
    calibration = None
    if calibrated:
        slices = (
            Slice(number * length, length, Summary(int(n), each.reshape(-1)))
            for number, (n, each) in enumerate(zip(rows, counts, strict=True))
        )
        panes = [(run.counts, Pace(run.length, run.length)) for run in runs(slices, 100, HOUR)]
        calibration = calibrate(features, panes, {})
    return Profile("bench", int(rows.sum()), tuple(features), {}, not calibrated, calibration=calibration)


def found(profile: Profile, kind: str, before: float, after: float, day: int, most: float, rng: Rng) -> Floats:
    """Return the rows from the change to the alarm of each feature, infinite beyond `most`."""
    detector, length = DWS(profile, ModelSettings()), SLICES[day]
    state, grid = detector.start(), profile.features[0].grid
    old, new = shares_of(kind, before, grid), shares_of(kind, after, grid)
    changes = BEFORE[day] * DAY // length + rng.integers(0, 300, FEATURES)
    rows, since, total, number = np.full(FEATURES, np.inf), np.zeros(FEATURES), 0, 0
    while np.isinf(rows).any() and (number <= changes.max() or total - since.max() <= most):
        since[changes == number] = total
        changed = changes <= number
        n = int(rows_of(day, 1, rng)[0])
        counts = rng.multinomial(n, np.where(changed[:, None], new, old)).reshape(-1)
        state, reading = detector.update(state, Slice(number * length, length, Summary(n, counts)))
        total += n
        number += 1
        fired = np.zeros(FEATURES, bool) if reading is None else np.asarray((reading.alarms() >= 0).any(axis=0))
        if fired.any():
            rows = np.where(fired & changed & np.isinf(rows), total - since, rows)
            state = detector.restart(state, fired)
    return rows


def likelihood_ratio(seen: np.ndarray, rows: np.ndarray, share: float, longest: int) -> Floats:
    """Return max n KL(seen/n ‖ share) over the windows that end with each pane, (streams, panes)."""
    seen, rows = (np.concatenate([np.zeros((len(x), 1)), np.cumsum(x, axis=1)], axis=1) for x in (seen, rows))
    largest = np.zeros((len(seen), seen.shape[1] - 1))
    lengths = {*range(1, 65), *(int(64 * 1.06**power) for power in range(1, 100))}
    for length in sorted(length for length in lengths if length <= min(longest, largest.shape[1])):
        n = rows[:, length:] - rows[:, :-length]
        p = np.clip((seen[:, length:] - seen[:, :-length]) / np.maximum(n, 1), 1e-12, 1 - 1e-12)
        ratio = np.where(p > share, n * (p * np.log(p / share) + (1 - p) * np.log((1 - p) / (1 - share))), 0.0)
        np.maximum(largest[:, length - 1 :], ratio, out=largest[:, length - 1 :])
    return largest


def exact(before: float, after: float, tolerated_share: float, day: int, parts: list[float], rng: Rng) -> list[float]:
    """Return the median rows to the alarm of the exact test, for several parts of a feature's budget."""
    longest, budget = 28 * DAY // SLICES[day], FEATURES * 30 * DAY / SLICES[day]
    rows = rows_of(day, NULL_PANES, rng)[None]
    null = likelihood_ratio(rng.binomial(rows, tolerated_share), rows, tolerated_share, longest)
    highest = np.sort(null.reshape(-1, 100).max(axis=1))[::-1]
    until = min(20_000, 100 + int(60 * DAY / SLICES[day]))
    rows = np.stack([rows_of(day, STREAM_BEFORE + until, rng) for _ in range(STREAMS)])
    shares = np.where(np.arange(rows.shape[1]) < STREAM_BEFORE, before, after)
    ratios = likelihood_ratio(rng.binomial(rows, shares), rows, tolerated_share, longest)[:, STREAM_BEFORE:]
    after_change = np.cumsum(rows[:, STREAM_BEFORE:], axis=1)
    medians = []
    for part in parts:
        wanted = 100 * part / budget * len(highest)
        # beyond what was simulated the rate falls by e for each nat
        limit = highest[int(wanted)] if wanted >= 8 else highest[20] + np.log(20 / wanted)
        first = (ratios >= limit).argmax(axis=1)
        reached = (ratios >= limit).any(axis=1)
        medians.append(float(np.median(np.where(reached, after_change[np.arange(STREAMS), first], np.inf))))
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=list(BINS), choices=list(BINS))
    parser.add_argument("--days", nargs="+", type=int, default=list(SLICES), choices=list(SLICES), help="rows a day")
    parser.add_argument("--shares", nargs="+", type=float, default=[0, 0.01, 0.1])
    parser.add_argument("--shifts", nargs="+", type=float, default=[0.01, 0.03, 0.12])
    options = parser.parse_args()
    table = Table(title="median rows until a changed rate is found (times the exact test at the rate's part)")
    for column in ("rate", "rows a day", "exact, all of the budget", "exact, its part", "independent", "calibrated"):
        table.add_column(column, justify="right")
    cases = [(k, p, s, d) for k in options.kinds for p in options.shares for s in options.shifts for d in options.days]
    for kind, share, shift, day in cases:
        largest = share + float(tolerated(np.array([share]), np.array([0.1]), np.array([True]))[0])
        if (kind == "out of range" and share) or share + shift <= 1.05 * largest:
            continue
        rng = np.random.default_rng(1)
        profiles = [profile_of(kind, share, day, calibrated, rng) for calibrated in (False, True)]
        detector = DWS(profiles[0], ModelSettings())
        first = detector.bins.rare_names.index(BINS[kind])
        part = 10 ** float(detector.rates.log10_weight[detector.rates.columns.tolist().index(first)]) / HEADROOM
        whole, own = exact(share, share + shift, largest, day, [1.0, part], rng)
        ours = [np.median(found(p, kind, share, share + shift, day, 20 * own, rng)) for p in profiles]
        cells = [f"{rows:,.0f} ({rows / own:.2f})" for rows in ours]
        table.add_row(f"{kind} {share:g} + {shift:g}", f"{day:,}", f"{whole:,.0f}", f"{own:,.0f}", *cells)
        print(f"{kind} {share:g}+{shift:g} {day:,} a day: {whole:,.0f} | {own:,.0f} | {' | '.join(cells)}", flush=True)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

"""How long does it take to score a window of 500 features, beside one test of scipy's a feature?

The scorer makes every drift test of every feature from counts; scipy makes one Kolmogorov–Smirnov test of each feature
from the rows themselves. Both on one core, in turns, best of several.

    python bench/scoring.py [--features 500] [--rows 500]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.stats import ks_2samp

from driftmeter import Profile
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.drift import Scorer

REFERENCE_ROWS, TURNS = 5_000, 8


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of one call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Print both times, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=500, help="features of the profile (500)")
    parser.add_argument("--rows", type=int, default=500, help="rows of the window (500)")
    options = parser.parse_args()
    rng = np.random.default_rng(6)
    names = [f"feature_{number}" for number in range(options.features)]
    reference = {name: rng.normal(size=REFERENCE_ROWS) for name in names}
    window = {name: rng.normal(size=options.rows) for name in names}
    profile = Profile.fit(pl.DataFrame(reference), model="bench", independent=True, residuals=False)
    rows, *_ = Reader(profile).read_columns(window)
    counts = Binner(profile).observe(rows).counts
    scorer = Scorer(profile.features)
    scored, tested = [], []
    for _ in range(TURNS):
        scored.append(cpu_seconds(lambda: scorer.scores(counts)))
        tested.append(cpu_seconds(lambda: [ks_2samp(reference[name], window[name]) for name in names]))
    print(f"scorer, all tests: {min(scored) * 1e3:.1f} ms; scipy.stats.ks_2samp: {min(tested) * 1e3:.1f} ms")
    print(f"ratio: {min(scored) / min(tested):.3f}")


if __name__ == "__main__":
    main()

"""How often does `driftmeter check` raise a false alarm, and what does it find among many categories?

    python bench/check.py [--replicates 300] [--nulls] [--changes]

Each replicate draws one feature with a new reference and a new window. Without a change, at most .01 of the windows may
drift: this is the false-discovery rate. Wilson's 95 % interval shows how precise the measured share is.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from driftmeter import Profile, compare

Draw = Callable[[np.random.Generator, int], np.ndarray]


def zipf(number: int, power: float = 1.1) -> np.ndarray:
    weights = 1 / np.arange(1, number + 1) ** power
    return weights / weights.sum()


def categories(weights: np.ndarray) -> Draw:
    names = np.array([f"c{index:05}" for index in range(len(weights))])
    return lambda rng, rows: rng.choice(names, rows, p=weights)


def even(number: int) -> np.ndarray:
    return np.full(number, 1 / number)


NULLS: dict[str, Draw] = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "zero-inflated": lambda rng, rows: np.where(rng.random(rows) < 0.6, 0.0, rng.lognormal(0, 1, rows)),
    "heavy-tailed": lambda rng, rows: rng.lognormal(0, 2.5, rows),
    "Poisson": lambda rng, rows: rng.poisson(3, rows).astype(float),
    "Cauchy": lambda rng, rows: rng.standard_cauchy(rows),
    "10 categories": categories(zipf(10)),
    "600 categories": categories(even(600)),
    "600 of Zipf": categories(zipf(600)),
    "10,000 categories": categories(even(10_000)),
    "10,000 of Zipf": categories(zipf(10_000)),
}


def takes_over(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give 5 % of the rows to a category of medium frequency."""
    changed = weights * 0.95
    changed[len(weights) // 2] += 0.05
    return changed


def twenty_vanish(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Remove twenty of the most frequent fifth of the categories."""
    changed = weights.copy()
    changed[rng.choice(max(len(weights) // 5, 40), 20, replace=False)] = 0
    return changed / changed.sum()


def changed_mix(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Multiply each weight by a lognormal number with sigma 0.7."""
    changed = weights * rng.lognormal(0, 0.7, len(weights))
    return changed / changed.sum()


CHANGES = {"takes over": takes_over, "twenty vanish": twenty_vanish, "changed mix": changed_mix}


def drifts(reference: np.ndarray, window: np.ndarray) -> tuple[bool, float]:
    profile = Profile.fit(pa.table({"x": reference}), model="m", independent=True, only=["x"])
    (feature,) = compare(profile, pa.table({"x": window})).verdict.features
    return feature.drifting, feature.scores.effect


def wilson(hits: int, tries: int) -> tuple[float, float]:
    z, share = 1.96, hits / tries
    middle, half = share + z * z / (2 * tries), z * math.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    return (middle - half) / (1 + z * z / tries), (middle + half) / (1 + z * z / tries)


def nulls(replicates: int, only: str) -> None:
    print(f"{'':18}  reference  window  drifts    95 %            effect")
    for name, draw in NULLS.items():
        if only not in name:
            continue
        hits = tries = 0
        for rows in (20, 200, 2_000, 20_000):
            for window in (200, 1_000, 5_000, 20_000):
                rng = np.random.default_rng([rows, window, len(name)])
                results = [drifts(draw(rng, rows), draw(rng, window)) for _ in range(replicates)]
                wrong = sum(drifting for drifting, _ in results)
                hits, tries = hits + wrong, tries + replicates
                low, high = wilson(wrong, replicates)
                effect = np.mean([effect for _, effect in results])
                print(
                    f"{name:18} {rows:10,} {window:7,} {wrong / replicates:7.4f}  [{low:.4f} {high:.4f}] {effect:8.4f}"
                )
        low, high = wilson(hits, tries)
        print(f"{name:18} {'all':>10} {'':7} {hits / tries:7.4f}  [{low:.4f} {high:.4f}]", flush=True)


def changes(replicates: int) -> None:
    print(f"\n{'':18}  {'':14} reference  window   found  effect")
    for name, weights in (
        ("600 categories", even(600)),
        ("600 of Zipf", zipf(600)),
        ("10,000 categories", even(10_000)),
        ("10,000 of Zipf", zipf(10_000)),
    ):
        for what, change in CHANGES.items():
            for rows, window in ((2_000, 1_000), (20_000, 2_000), (20_000, 20_000)):
                rng = np.random.default_rng([rows, window, len(name)])
                results = []
                for _ in range(replicates):
                    live = categories(change(weights, rng))
                    results.append(drifts(categories(weights)(rng, rows), live(rng, window)))
                share, effect = np.mean(results, axis=0)
                print(f"{name:18}  {what:14} {rows:9,} {window:7,} {share:7.2f} {effect:7.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--nulls", action="store_true")
    parser.add_argument("--changes", action="store_true")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if arguments.nulls or not arguments.changes:
        nulls(arguments.replicates, arguments.only)
    if arguments.changes or not arguments.nulls:
        changes(max(arguments.replicates // 10, 10))

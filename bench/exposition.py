"""How long does a scrape take with 500 features of 10 tests, beside the same gauges in prometheus_client?

python bench/exposition.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from driftmeter.engine.engine import Engine
from driftmeter.profile.profile import Profile
from driftmeter.server.exposition import Exposition
from driftmeter.server.watch.evaluator import Evaluator
from driftmeter.store import open_store

FEATURES, TARGET = 500, 20.0


def views() -> list:
    rng = np.random.default_rng(1)
    numbers = {f"number_{i}": rng.normal(size=500) for i in range(FEATURES // 2)}
    texts = {f"text_{i}": rng.choice(["a", "b", "c"], 500).tolist() for i in range(FEATURES // 2)}
    engine = Engine(open_store("memory://"))
    engine.register(Profile.fit(polars.DataFrame({**numbers, **texts}), model="bench"))
    (view,), _ = Evaluator(engine).round()
    names = [f"test_{i}" for i in range(10)]
    for feature in view.verdict["features"]:
        feature["tests"] = {name: {"statistic": float(rng.random()), "p_value": float(rng.random())} for name in names}
        feature["evidence"] = 1.5
    return [view]


def client_library(verdict: dict) -> Callable[[], bytes]:
    registry = CollectorRegistry()
    labels = ["model", "feature", "test"]
    statistic = Gauge("driftmeter_feature_statistic", "Statistic.", labels, registry=registry)
    p_value = Gauge("driftmeter_feature_p_value", "P-value.", labels, registry=registry)

    def render() -> bytes:
        for feature in verdict["features"]:
            for test, score in feature["tests"].items():
                statistic.labels("bench", feature["feature"], test).set(score["statistic"])
                p_value.labels("bench", feature["feature"], test).set(score["p_value"])
        return generate_latest(registry)

    return render


def milliseconds(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    work()
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        spent.append((time.perf_counter() - start) * 1e3)
    return min(spent), float(np.median(spent))


def main() -> None:
    model_views = views()
    exposition = Exposition()
    text = exposition.render(model_views, model_views[0].refreshed)
    print(f"{text.count(chr(10)):,} lines, {len(text) / 1e6:.1f} MB; target {TARGET} ms")
    print(f"{'':24} {'fastest ms':>10} {'median ms':>10}")

    def new_verdict() -> str:
        return exposition.render(
            [replace(model_views[0], verdict=dict(model_views[0].verdict))], model_views[0].refreshed
        )

    for name, work, repeats in (
        ("a new verdict", new_verdict, 50),
        ("the same verdict again", lambda: exposition.render(model_views, model_views[0].refreshed), 50),
        ("prometheus_client", client_library(model_views[0].verdict), 10),
    ):
        fastest, median = milliseconds(work, repeats)
        print(f"{name:24} {fastest:10.1f} {median:10.1f}")


if __name__ == "__main__":
    main()

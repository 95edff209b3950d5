"""What else one could call with a row of 30 floats (bench/observe.py): µs of CPU a row, each in a process of its own.

Rows come as fast as they are taken. The first ones warm up and are not counted. Nothing here imports driftmeter.
"""

from __future__ import annotations

import logging
import queue
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from turns import SkippedError, answer

FEATURES, REPEATS = 30, 5
Row = dict[str, float]
Take = Callable[[Sequence[Row]], object]
"""Takes rows, one after the other."""


def rows(count: int, seed: int = 0) -> list[Row]:
    draw = random.Random(seed).gauss
    return [{f"feature_{number}": draw(0, 1) for number in range(FEATURES)} for _ in range(count)]


def each(call: Callable[[Row], object]) -> Take:
    def take(batch: Sequence[Row]) -> None:
        for row in batch:
            call(row)

    return take


def empty_function() -> Take:
    def nothing(row: Row) -> None:
        pass

    return each(nothing)


def queue_put() -> Take:
    """A queue that somebody else would have to empty; here it is replaced."""

    def take(batch: Sequence[Row]) -> None:
        waiting: queue.Queue[Row] = queue.Queue()
        for row in batch:
            waiting.put(row)

    return take


def logging_info() -> Take:
    """A record is made and handled, but no text."""
    logger = logging.getLogger("rows")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return each(lambda row: logger.info("%s", row))


def prometheus_histograms() -> Take:
    from prometheus_client import CollectorRegistry, Histogram

    registry = CollectorRegistry()
    features = {f"feature_{n}": Histogram(f"feature_{n}", "A feature.", registry=registry) for n in range(FEATURES)}

    def observe(row: Row) -> None:
        for name, value in row.items():
            features[name].observe(value)

    return each(observe)


def river_adwin() -> Take:
    from river.drift import ADWIN

    detectors = {f"feature_{number}": ADWIN() for number in range(FEATURES)}

    def update(row: Row) -> None:
        for name, value in row.items():
            detectors[name].update(value)

    return each(update)


def whylogs_track() -> Take:
    """What a rolling logger does with a row between two writes."""
    from whylogs.core import DatasetProfile

    return each(DatasetProfile().track)


def whylogs_log() -> Take:
    import whylogs

    return each(lambda row: whylogs.log(row=row))


def evidently_preset() -> Take:
    """A report on the batch, against as many rows of a reference as it has; no picture, no file."""
    import pandas
    from evidently import Report
    from evidently.presets import DataDriftPreset

    reference, report = pandas.DataFrame(rows(1_000, seed=1)), Report([DataDriftPreset()])
    return lambda batch: report.run(pandas.DataFrame(batch), reference)


@dataclass(frozen=True)
class Rival:
    """Something to call, with `batch` rows in each of REPEATS measurements; `grouped` if it is in the group `bench`."""

    title: str
    make: Callable[[], Take]
    batch: int
    grouped: bool = False


RIVALS = {
    "empty": Rival("an empty function", empty_function, 50_000),
    "queue": Rival("queue.Queue.put", queue_put, 20_000),
    "logging": Rival("logging.info, null handler", logging_info, 20_000),
    "prometheus": Rival("30 prometheus_client histograms", prometheus_histograms, 5_000),
    "adwin": Rival("30 ADWIN of River", river_adwin, 2_000, grouped=True),
    "whylogs": Rival("whylogs, DatasetProfile.track(row)", whylogs_track, 200, grouped=True),
    "whylogs log": Rival("whylogs.log(row=row)", whylogs_log, 50, grouped=True),
    "evidently": Rival("Evidently's DataDriftPreset, 1,000 rows at once", evidently_preset, 1_000, grouped=True),
}


def measure(name: str) -> dict[str, Any]:
    rival = RIVALS[name]
    try:
        take = rival.make()
    except ImportError as error:
        raise SkippedError(f"cannot be imported: {error}") from error
    batch, costs = rows(rival.batch), []
    take(batch)
    for _ in range(REPEATS):
        begun = time.process_time()
        take(batch)
        costs.append((time.process_time() - begun) / len(batch) * 1e6)
    return {"cpu": statistics.median(costs)}


if __name__ == "__main__":
    answer(lambda: measure(sys.argv[1]))

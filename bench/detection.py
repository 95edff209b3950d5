"""How soon is drift found, how many alarms are false, and what does a pane cost, beside other detectors?

    python bench/detection.py [--delays] [--nulls] [--cost] [--rows 1e9] [--only "mean +.1σ" …] [--json FILE]

Without an option, all three questions are answered:

- `--delays`: rows from a change to the alarm, median / 90 % quantile over the streams, beside the published figures of
  the method (`reference`) and the ratio to them. Budget: one false alarm in 10⁶ rows of 30 features; no tolerance;
  references of 10,000 rows, 64 bins, panes of 100 rows, 10 levels. A row lasts 100 ms. The published figures have no
  headroom, so the headroom that DWS adds is taken off the budget.
- `--nulls`: false alarms without a change, at the default settings. Only the clock is virtual: 10⁶ rows last the 30
  days of the default budget (a row lasts 2.592 s). A model has 30 features, each with a new reference. A feature that
  alarmed is restarted and may alarm again. The upper 95 % limit (Poisson) must be at most 1.5 times what the budget
  allows.
- `--cost`: milliseconds a pane of 500 features of 64 bins, compile time, bytes of state.

Counts of panes are drawn from the exact probabilities of the bins, not from values: see detection_streams.py. `always`
and `never` are controls: they fire at every pane and at no pane. River and alibi-detect are used if they are installed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.stats import chi2

from detection_rivals import RIVALS, delay, false_alarms
from detection_streams import (
    CHANGES_WITHIN,
    FIRST_CHANGE,
    NULLS,
    PANE,
    SCENARIOS,
    Bins,
    ChangingStreams,
    Law,
    Rng,
)
from driftmeter.counts.summary import Summary
from driftmeter.detectors import DWS, ESR
from driftmeter.detectors.dws.scan import HEADROOM
from driftmeter.panes.pane import Slice
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY
from driftmeter.types import Counts, Floats, Milliseconds

FEATURES, BUDGET_ROWS, REFERENCE_ROWS, LEVELS = 30, 1_000_000, 10_000, 10
ROW: Milliseconds = 100
SLOW_ROW: Milliseconds = 30 * DAY // BUDGET_ROWS
"""With this length of a row, the default budget of 30 days is 10⁶ rows."""
MOST_FALSE = 1.5
CHUNK = 50
"""Streams per process in the delays."""


@dataclass(frozen=True)
class Control:
    """A detector that always or never fires; every check must reject it."""

    fires: bool

    def start(self) -> None:
        """Return a state; there is none."""

    def update(self, state: None, pane: Slice) -> tuple[None, Control]:
        """Take a pane."""
        return None, self

    def alarms(self) -> Floats:
        """Return the evidence of one level, for as many features as there are."""
        return np.full((1, 1), 0.0 if self.fires else -np.inf)

    def restart(self, state: None, features: object) -> None:
        """Forget nothing."""


@dataclass(frozen=True)
class Candidate:
    """A detector of driftmeter. `headroom` is the factor by which it lengthens the budget.

    A `joint` detector compares the features of a model: each changing stream has 29 constant ones beside it. For the
    other detectors, all streams are features of one model, each with its share of a budget for 30.
    """

    make: Callable[[Profile, ModelSettings], Any]
    headroom: float = 1.0
    joint: bool = False


CONTROLS = {
    "always": Candidate(lambda *_: Control(True)),
    "never": Candidate(lambda *_: Control(False)),
}
CANDIDATES: dict[str, Candidate] = {
    **CONTROLS,
    "DWS": Candidate(DWS, headroom=HEADROOM),
    "e-SR": Candidate(ESR, joint=True),
}


def seeded(*key: object) -> Rng:
    """Return a random generator that is seeded with the key."""
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def fitted(law: Law, columns: int, rows: int, rng: Rng) -> Profile:
    """Fit a profile to independent columns of one law."""
    frame = pl.DataFrame({f"f{number}": law.column(law.draw(rng, rows)) for number in range(columns)})
    return Profile.fit(frame, model="bench", independent=True, residuals=False)


class ModelDetector:
    """A detector over the panes of one model."""

    def __init__(self, candidate: Candidate, profile: Profile, settings: ModelSettings, row: Milliseconds) -> None:
        """Compile it; a row lasts `row` milliseconds."""
        self._detector = candidate.make(profile, settings)
        self._state = self._detector.start()
        self._row = row

    def alarms(self, start: int, counts: Counts) -> np.ndarray:
        """Take the pane that starts with row `start`; return which features alarm, and restart those."""
        pane = Slice(start * self._row, PANE * self._row, Summary(PANE, counts))
        self._state, reading = self._detector.update(self._state, pane)
        assert reading is not None
        fired: np.ndarray = (reading.alarms() >= 0).any(axis=0)
        if fired.any():
            self._state = self._detector.restart(self._state, fired)
        return fired


def published_settings(budget_rows: float) -> ModelSettings:
    """Return the settings of the published figures: no tolerance, and ten levels of panes of 100 rows."""
    pane = PANE * ROW
    return ModelSettings(
        budget=round(budget_rows * ROW), tolerance=0.0, reach=2 ** (LEVELS - 1) * pane, pane_rows=PANE, pane_length=pane
    )


def product_delays(name: str, scenario_name: str, chunk: int, streams: int, horizon: int) -> list[float]:
    """Return the rows to the alarm for some streams of a scenario, infinite beyond the horizon."""
    candidate = CANDIDATES[name]
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == scenario_name)
    rng = seeded(scenario_name, chunk)
    profile = fitted(scenario.before, streams, REFERENCE_ROWS, rng)
    changes = FIRST_CHANGE + rng.integers(0, CHANGES_WITHIN, streams)
    panes = ChangingStreams(scenario, [feature.grid for feature in profile.features], changes, rng)
    if candidate.joint:
        settings = published_settings(BUDGET_ROWS / candidate.headroom)
        beside = unchanging_features(REFERENCE_ROWS)
        models = [replace(profile, features=(feature, *beside)) for feature in profile.features]
        watches = [ModelDetector(candidate, model, settings, ROW) for model in models]
        still = np.concatenate([PANE * (np.array(feature.grid.labels) == "true") for feature in beside])
    else:
        settings = published_settings(BUDGET_ROWS / candidate.headroom * FEATURES / streams)
        watches = [ModelDetector(candidate, profile, settings, ROW)]
    delays = np.full(streams, np.inf)
    waiting = np.ones(streams, dtype=bool)
    for start in range(0, FIRST_CHANGE + CHANGES_WITHIN + horizon, PANE):
        counts = panes.pane(start)
        end = start + PANE
        fired = np.zeros(streams, dtype=bool)
        if candidate.joint:
            parts = np.split(counts, profile.offsets[1:-1])
            for number in np.flatnonzero(waiting):
                fired[number] = watches[number].alarms(start, np.concatenate([parts[number], still]))[0]
        else:
            fired |= watches[0].alarms(start, counts)
        detected = fired & waiting & (end > changes)
        delays[detected] = end - changes[detected]
        waiting &= ~detected & (end - changes < horizon)
        if not waiting.any():
            break
    return delays.tolist()


def unchanging_features(rows: int) -> tuple[Feature, ...]:
    """Return 29 features that never change, so that the changing feature is one of 30."""
    frame = pl.DataFrame({f"still {number}": [True] * rows for number in range(FEATURES - 1)})
    return Profile.fit(frame, model="bench", independent=True, residuals=False).features


def product_false_alarms(name: str, null: str, reference_rows: int, group: int, rows: int) -> int:
    """Count the false alarms of one model of 30 features over `rows` rows, at the default settings."""
    rng = seeded("null", null, reference_rows, group)
    profile = fitted(NULLS[null], FEATURES, reference_rows, rng)
    watch = ModelDetector(CANDIDATES[name], profile, ModelSettings(), SLOW_ROW)
    bins = Bins([NULLS[null].probabilities(feature.grid) for feature in profile.features])
    alarms, block = 0, 200
    for first in range(0, rows // PANE, block):
        for number, counts in enumerate(bins.draw(rng, PANE, min(block, rows // PANE - first))):
            fired = watch.alarms((first + number) * PANE, counts)
            alarms += FEATURES if name == "always" else int(fired.sum())
    return alarms


def rival_delays(name: str, scenario_name: str, chunk: int, streams: int, horizon: int) -> list[float]:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == scenario_name)
    rng = seeded("rival", scenario_name, chunk)
    return [delay(RIVALS[name], scenario, rng, horizon, REFERENCE_ROWS) for _ in range(streams)]


def rival_false_alarms(name: str, null: str, reference_rows: int, group: int, rows: int) -> int:
    rng = seeded("rival", null, reference_rows, group)
    return false_alarms(RIVALS[name], NULLS[null], rng, rows, reference_rows)


def cost(name: str, features: int = 500, panes: int = 2_000) -> dict[str, float]:
    """Measure one detector on panes of many features."""
    rng = seeded("cost")
    law = NULLS["normal"]
    profile = fitted(law, features, REFERENCE_ROWS, rng)
    started = time.perf_counter()
    detector = CANDIDATES[name].make(profile, ModelSettings())
    compiled = time.perf_counter() - started
    drawn = Bins([law.probabilities(feature.grid) for feature in profile.features]).draw(rng, PANE, 100)
    state = detector.start()
    times = []
    for number in range(panes):
        pane = Slice(number * PANE * SLOW_ROW, PANE * SLOW_ROW, Summary(PANE, drawn[number % 100]))
        began = time.perf_counter()
        state, _ = detector.update(state, pane)
        times.append(time.perf_counter() - began)
    size = len(detector.dumps(state))
    return {"mean_ms": 1e3 * float(np.mean(times)), "worst_ms": 1e3 * max(times), "compile_s": compiled, "bytes": size}


class Runner:
    """Runs measurements in separate processes, `jobs` at a time, and shows the progress."""

    def __init__(self, jobs: int, log: str | None) -> None:
        """Write every result as a line of JSON into `log`."""
        self._jobs, self._log = jobs, log
        console = Console()
        self.console = console if console.is_terminal else Console(width=140)  # a file has no width

    def run(self, title: str, tasks: dict[Any, Callable[[], Any]], done: Callable[[Any, list[Any]], None]) -> None:
        """Run the tasks; call `done` with each key and the results of its tasks when its last task has ended.

        The key of a task is the key of its result and a number.
        """
        context = multiprocessing.get_context("spawn")
        unfinished = Counter(key for key, _ in tasks)
        results: dict[Any, list[Any]] = {key: [] for key in unfinished}
        with (
            Progress(console=Console(stderr=True), transient=True) as progress,
            ProcessPoolExecutor(self._jobs, mp_context=context) as pool,
        ):
            bar = progress.add_task(title, total=len(tasks))
            waiting = {pool.submit(task): key for (key, _), task in tasks.items()}
            for future in as_completed(waiting):
                key = waiting[future]
                results[key].append(future.result())
                unfinished[key] -= 1
                if not unfinished[key]:
                    done(key, results[key])
                progress.advance(bar)

    def log(self, **result: object) -> None:
        """Write one result to the log."""
        if self._log:
            with open(self._log, "a", encoding="utf-8") as file:
                file.write(json.dumps(result, ensure_ascii=False) + "\n")


def selected_detectors(console: Console, chosen: list[str] | None) -> tuple[list[str], list[str]]:
    """Return the chosen detectors, and the chosen rivals that are installed."""
    for name, entry in RIVALS.items():
        if entry.missing() and (chosen is None or name in chosen):
            console.print(f"{name} is left out: {entry.missing()} is not installed")
    for name in chosen or ():
        if name not in CANDIDATES and name not in RIVALS:
            sys.exit(f"no detector {name!r}; there are: {', '.join([*CANDIDATES, *RIVALS])}")
    rivals = [name for name, entry in RIVALS.items() if not entry.missing() and (chosen is None or name in chosen)]
    return [name for name in CANDIDATES if chosen is None or name in chosen], rivals


def measure_delays(runner: Runner, options: argparse.Namespace) -> None:
    scenarios = {scenario.name: scenario for scenario in SCENARIOS if is_selected(scenario.name, options.only)}
    products, rivals = selected_detectors(runner.console, options.detectors)
    names = [*products, *rivals]
    tasks: dict[Any, Callable[[], list[float]]] = {}
    for scenario in scenarios:
        for name in names:
            few = RIVALS[name].slow if name in RIVALS else name in CONTROLS
            streams = max(1, options.streams // 10) if few else options.streams
            work = rival_delays if name in RIVALS else product_delays
            for chunk, first in enumerate(range(0, streams, CHUNK)):
                some = min(CHUNK, streams - first)
                tasks[(scenario, name), chunk] = partial(work, name, scenario, chunk, some, options.horizon)
    lines: dict[Any, tuple[str, ...]] = {}

    def done(key: tuple[str, str], chunks: list[list[float]]) -> None:
        scenario, name = key
        delays = np.concatenate(chunks)
        median, late = (float(np.quantile(delays, share, method="inverted_cdf")) for share in (0.5, 0.9))
        figures = scenarios[scenario].figures.get(name)
        published = "" if figures is None else f"{rows(figures.median)} / {rows(figures.late)}"
        ratio = "" if figures is None else f"{times(median, figures.median)} / {times(late, figures.late)}"
        share = float(np.isfinite(delays).mean())
        lines[key] = (str(len(delays)), f"{share:.0%}", f"{rows(median)} / {rows(late)}", published, ratio)
        runner.log(
            question="delay", scenario=scenario, detector=name, streams=len(delays), found=share,
            median=finite(median), late=finite(late),
            reference=None if figures is None else [finite(figures.median), finite(figures.late)],
        )  # fmt: skip

    runner.run("delays", tasks, done)
    table = Table("scenario", "detector", title="rows from the change to the alarm: median / 90 % quantile")
    for column in ("streams", "found", "measured", "reference", "ratio"):
        table.add_column(column, justify="right")
    for scenario in scenarios:
        for name in names:
            table.add_row(scenario if name == names[0] else "", name, *lines[scenario, name])
        table.add_section()
    runner.console.print(table)


def measure_nulls(runner: Runner, options: argparse.Namespace) -> None:
    nulls = [name for name in NULLS if is_selected(name, options.only)]
    products, rivals = selected_detectors(runner.console, options.detectors)
    names = [*products, *rivals]
    groups = max(1, round(options.streams / FEATURES))
    length = round(options.rows / groups / FEATURES / PANE) * PANE
    tasks: dict[Any, Callable[[], int]] = {}
    fed: dict[str, int] = {}
    for name in names:
        entry = RIVALS.get(name)
        # controls need few rows, and rivals take a second or more per million values
        short = min(length, options.rival_rows // groups // PANE * PANE) if entry or name in CONTROLS else length
        short = max(1_000, short // 100 if entry and entry.slow else short)
        fed[name] = short * groups * (1 if entry else FEATURES)
        work = rival_false_alarms if entry else product_false_alarms
        for null in nulls:
            for m in (1_000, 10_000):
                for group in range(groups):
                    tasks[(null, m, name), group] = partial(work, name, null, m, group, short)
    lines: dict[Any, tuple[str, ...]] = {}

    def done(key: tuple[str, int, str], counts: list[int]) -> None:
        null, m, name = key
        alarms, allowed = sum(counts), fed[name] / FEATURES / BUDGET_ROWS
        upper = float(chi2.isf(0.05, 2 * (alarms + 1))) / 2 / allowed
        verdict = "ok" if upper <= MOST_FALSE else "too many" if alarms > allowed else "too few rows to say"
        lines[key] = (
            f"{fed[name]:.1e}", f"{alarms:,}", f"{allowed:.2f}", f"{alarms / allowed:,.2f}", f"{upper:,.2f}", verdict
        )  # fmt: skip
        runner.log(
            question="false alarms", stream=null, reference_rows=m, detector=name, feature_rows=fed[name],
            alarms=alarms, allowed=allowed, upper=upper, verdict=verdict, most_of_a_model=max(counts),
        )  # fmt: skip

    runner.run("false alarms", tasks, done)
    table = Table("stream", "reference rows", "detector", title="false alarms at the default settings")
    for column in ("feature-rows", "alarms", "allowed", "per 10⁶ × 30", "upper limit / allowed", ""):
        table.add_column(column, justify="right")
    for null in nulls:
        for m in (1_000, 10_000):
            for name in names:
                table.add_row(null, f"{m:,}", name, *lines[null, m, name])
        table.add_section()
    runner.console.print(table)


def measure_cost(runner: Runner, options: argparse.Namespace) -> None:
    table = Table("detector", title="a pane of 500 features of 64 bins")
    for column in ("mean ms", "worst ms", "compile s", "state kB"):
        table.add_column(column, justify="right")

    def done(name: str, results: list[dict[str, float]]) -> None:
        costs = results[0]
        table.add_row(
            name, f"{costs['mean_ms']:.2f}", f"{costs['worst_ms']:.2f}", f"{costs['compile_s']:.2f}",
            f"{costs['bytes'] / 1e3:,.0f}",
        )  # fmt: skip
        runner.log(question="cost", detector=name, **costs)

    for name in CANDIDATES:  # one after the other, so that they do not share a core
        if name not in CONTROLS and (options.detectors is None or name in options.detectors):
            runner.run(f"cost of {name}", {(name, 0): partial(cost, name)}, done)
    runner.console.print(table)


def is_selected(name: str, chosen: Iterable[str] | None) -> bool:
    return chosen is None or any(text in name for text in chosen)


def rows(number: float) -> str:
    return f"{number:,.0f}" if np.isfinite(number) else "never"


def times(measured: float, published: float) -> str:
    return f"{measured / published:.2f}" if np.isfinite(measured) and np.isfinite(published) else "–"


def finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delays", action="store_true", help="only this question")
    parser.add_argument("--nulls", action="store_true", help="only this question")
    parser.add_argument("--cost", action="store_true", help="only this question")
    parser.add_argument("--streams", type=int, default=400, help="streams, each with its own reference (default: 400)")
    parser.add_argument("--rows", type=float, default=1e8, help="feature-rows per null and size of reference (1e8)")
    parser.add_argument("--rival-rows", type=int, default=1_000_000, help="rows that a rival or control sees (10⁶)")
    parser.add_argument(
        "--horizon", type=int, default=100_000, help="rows after which a change was not found (100,000)"
    )
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="scenarios and nulls whose name contains a TEXT")
    parser.add_argument("--detectors", nargs="+", metavar="NAME", help="these detectors and rivals only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--json", metavar="FILE", help="append each result as a line of JSON")
    options = parser.parse_args()
    for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(threads, "1")  # for the child processes: there is one per core
    runner = Runner(options.jobs, options.json)
    all_questions = not (options.delays or options.nulls or options.cost)
    for chosen, measure in (
        (options.delays, measure_delays),
        (options.nulls, measure_nulls),
        (options.cost, measure_cost),
    ):
        if chosen or all_questions:
            measure(runner, options)


if __name__ == "__main__":
    main()

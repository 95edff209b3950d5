"""Can the alarms be trusted on a year of real flights: few without a fault, and soon after a fault?

`python bench/real.py [--quick] [--seeds 0 1 …] [--jobs N] [--json FILE]`: half of the days is the reference; the
other half is live traffic, in time order, through the profile, binning and judge of driftmeter. For comparison:
Kolmogorov–Smirnov on windows of 1,000 rows. The exit code is 1 if a figure misses its bar; the bars are those of
docs/detection.md.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.stats import kstwo, norm

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.detectors.run import LONGEST_GAP
from driftmeter.panes.kept import KeptSlices
from driftmeter.panes.pane import Slice
from driftmeter.profile.numeric_grid import NumericGrid
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Floats, Milliseconds
from driftmeter.verdict.judge import Judge
from driftmeter.verdict.members import LOOK_BACK
from flights import (
    FAULTS,
    FEATURES,
    NUMERIC,
    REAL_INCIDENTS,
    START,
    TIME,
    flights,
    halves,
    side_by_side,
    with_fault,
)

Panes = Literal["100 rows", "hours"]
PANES: tuple[Panes, ...] = ("100 rows", "hours")
LENGTHS: dict[Panes, Milliseconds] = {"100 rows": DAY, "hours": HOUR}
"""The longest pane of the detector; with a day, the number of rows decides."""
UNITS = {"days": 1, "weeks": 7}
WARM_UP = 28
"""The first live days are not judged: the windows of this length are not full yet."""
STARTS = (70, 100, 130)
WEEK_LONG = ("distance × 1.609", "distance missing + 2 %", "seats stuck", "new carrier 3 %")
AFTERMATH = 10
"""Days after a repair in which no second incident may open."""
MOST_PAGES = 1.0
KS_ROWS = 1000
BLOCK = 200
"""Panes that are binned together; most faults are found within the first block."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Figure:
    """One line of the result; `met` is None if there is no bar."""

    question: str
    case: str
    seen: str
    bar: str = ""
    met: bool | None = None
    data: Any = None


@dataclass(frozen=True)
class Event:
    """An alarm of the judge, or the opening (reopening too) or closing of an incident, at the end of a pane."""

    what: Literal["alarm", "opened", "closed"]
    pane: int
    at: Milliseconds
    names: tuple[str, ...]
    incident: str
    derived: bool = False


@dataclass(frozen=True)
class History:
    """The events of some panes, and the states of the judge before chosen panes."""

    events: list[Event]
    states: dict[int, Any] = field(default_factory=dict)

    def of(self, what: str) -> list[Event]:
        """Return the events of one kind."""
        return [event for event in self.events if event.what == what]


def follow(
    judge: Judge, state: Any, panes: Iterable[tuple[int, Slice]], keep: Sequence[int] = (), done: Any = None
) -> History:
    """Give panes to the judge one after the other, and collect the events.

    `keep` are the panes before which the state is kept. It ends early if `done` is true for a new event.
    """
    history, kept = History([]), KeptSlices(LOOK_BACK)
    for number, pane in panes:
        if number in keep:
            history.states[number] = state
        kept.add(pane)
        state, step = judge.step(state, pane, (), kept.since)
        events = [
            *(Event("alarm", number, pane.end, (a.feature,), a.incident, a.role == "derived") for a in step.alarms),
            *(Event("opened", number, pane.end, tuple(o.members), o.id) for o in (*step.opened, *step.reopened)),
            *(Event("closed", number, pane.end, tuple(closed.members), closed.id) for closed in step.closed),
        ]
        history.events.extend(events)
        if done is not None and any(map(done, events)):
            break
    return history


class Year:
    """One half of the year as the reference, and the other half as live traffic in panes."""

    def __init__(self, unit: str, seed: int, panes: Panes, *, all_days: bool = False) -> None:
        """Fit the profile; days with real incidents are live only if `all_days`."""
        live_days = halves(UNITS[unit], seed)[1]
        if not all_days:
            live_days = live_days[~np.isin(live_days, list(REAL_INCIDENTS))]
        self.days = live_days
        self.live = side_by_side(year(), live_days)
        self.profile = fitted(unit, seed, panes)
        self.judge = Judge(self.profile, ModelSettings(pane_length=LENGTHS[panes]))
        self._reader, self._binner = Reader(self.profile), Binner(self.profile)
        times = self.live[TIME].to_numpy()
        if panes == "100 rows":
            self.first_rows = np.arange(0, len(times), 100)
            # as in a live run: a gap, such as the night, counts as an hour at most
            held = np.minimum(np.diff(times, prepend=times[0]), LONGEST_GAP)
            held[self.first_rows] = 0
            ends = np.append(times[self.first_rows[1:] - 1], times[-1]) + 1
            starts = ends - 1 - np.add.reduceat(held, self.first_rows)
        else:
            hours, self.first_rows = np.unique(times // HOUR, return_index=True)
            starts, ends = hours * HOUR, (hours + 1) * HOUR
        self.starts, self.ends = starts, ends
        self.last_rows = np.append(self.first_rows[1:], len(times))

    def __len__(self) -> int:
        """Return the number of panes."""
        return len(self.starts)

    def pane_of(self, row: int) -> int:
        """Return the pane that holds a live row."""
        return int(np.searchsorted(self.first_rows, row, side="right")) - 1

    def row_of(self, day: int) -> int:
        """Return the first row of a live day."""
        return int(np.searchsorted(self.live["place"].to_numpy(), day))

    def panes(self, rows: pl.DataFrame | None = None, first: int = 0, last: int | None = None) -> Iterator[Any]:
        """Yield numbered panes of the live rows, or of the same rows with a fault."""
        last = len(self) if last is None else min(last, len(self))
        columns = self.live if rows is None else rows
        for block in range(first, last, BLOCK):
            until = min(block + BLOCK, last)
            first_row = int(self.first_rows[block])
            part = columns[first_row : int(self.last_rows[until - 1])]
            read, rejected, _ = self._reader.read_columns(columns_of(as_frame(part), self._reader.names))
            if rejected:
                raise ValueError(f"expected rows that can be read, got {rejected[0]}")
            for pane in range(block, until):
                held = np.arange(self.first_rows[pane] - first_row, self.last_rows[pane] - first_row)
                start, end = int(self.starts[pane]), int(self.ends[pane])
                yield pane, Slice(start, end - start, self._binner.observe(read.take(held)))

    def day_of(self, event: Event) -> int:
        """Return the live day in which an event's pane began."""
        return int(self.starts[event.pane] - START) // DAY

    def date_of(self, event: Event) -> str:
        """Return the date on which the flights of an event's pane left."""
        return str(np.datetime64("2013-01-01") + int(self.days[self.day_of(event)]))


@functools.cache
def year() -> pl.DataFrame:
    return flights()


@functools.lru_cache(4)
def fitted(unit: str, seed: int, panes: Panes) -> Profile:
    reference = side_by_side(year(), halves(UNITS[unit], seed)[0])
    moment = pl.from_epoch(pl.col(TIME), time_unit="ms").dt.replace_time_zone("UTC")
    return Profile.fit(reference.select(*FEATURES, moment), model="flights", time=TIME, pane_length=LENGTHS[panes])


# --- the questions; each runs in a process of its own


def nothing_wrong(unit: str, seed: int) -> list[Figure]:
    """Count the pages of a live half year with nothing injected."""
    return [_nothing_wrong(unit, seed, panes) for panes in PANES]


def _nothing_wrong(unit: str, seed: int, panes: Panes) -> Figure:
    watched = Year(unit, seed, panes)
    history = follow(watched.judge, watched.judge.start(), watched.panes())
    opened = [event for event in history.of("opened") if watched.day_of(event) >= WARM_UP]
    periods = (len(watched.days) - WARM_UP) / 30
    derived = {feature.name for feature in watched.profile.features if feature.role == "derived"}
    data = {
        "unit": unit,
        "seed": seed,
        "panes": panes,
        "pages": len(opened) / periods,
        "of derived features alone": sum(derived.issuperset(event.names) for event in opened) / periods,
        "while weather was missing": sum(_lacks_weather(watched, event) for event in opened) / periods,
        "naming temp": sum("temp" in event.names for event in opened),
        "incidents": [{"date": watched.date_of(event), "features": event.names} for event in opened],
    }
    seen = "; ".join(f"{watched.date_of(event)}: {', '.join(event.names)}" for event in opened)
    case = f"{unit}, panes of {panes}, seed {seed}"
    return Figure("pages in 30 days, nothing injected", case, f"{len(opened) / periods:.2f}  {seen}", data=data)


def _lacks_weather(watched: Year, event: Event) -> bool:
    """Say whether the incident opened on a day with 5 % of missing weather, or on the day after."""
    day = watched.days[watched.day_of(event)]
    return not outages().isdisjoint((day, day - 1))


@functools.cache
def outages() -> frozenset[int]:
    """Return the days of the year on which the weather of at least 5 % of the flights is missing."""
    lacking = year().group_by("day").agg(pl.col("temp").is_null().mean())
    return frozenset(lacking.filter(pl.col("temp") >= 0.05)["day"].to_list())


def really_wrong(seed: int) -> list[Figure]:
    """Report the events on the three days with a real incident."""
    watched = Year("days", seed, "hours", all_days=True)
    history = follow(watched.judge, watched.judge.start(), watched.panes())
    figures = []
    for day, what in REAL_INCIDENTS.items():
        if day not in watched.days:
            continue
        place = int(np.searchsorted(watched.days, day))
        events = [event for event in history.events if event.what != "closed" and watched.day_of(event) == place]
        names = sorted({name for event in events for name in event.names})
        pages = sum(event.what == "opened" for event in events)
        note = "" if place >= WARM_UP else " (within the first 28 live days)"
        seen = f"{pages} page{'s' * (pages != 1)}: {', '.join(names) or 'nothing'}{note}"
        figures.append(Figure("days of real incidents", f"day {day}, {what}, seed {seed}", seen, data=[day, names]))
    return figures


def faults(panes: Panes, seed: int, names: Sequence[str] = tuple(FAULTS)) -> list[Figure]:
    """Count the rows until each fault is found, for three days of its start."""
    watched = Year("days", seed, panes)
    first = {day: watched.pane_of(watched.row_of(day)) for day in STARTS}
    until = first[STARTS[-1]] + 1
    states = follow(watched.judge, watched.judge.start(), watched.panes(last=until), tuple(first.values())).states
    figures = []
    for name in names:
        fault = FAULTS[name]
        rows_by: dict[str, list[int | None]] = {"feature": [], "residual": []}
        for day in STARTS:
            row = watched.row_of(day)
            changed = with_fault(watched.live, fault, day)

            def relevant(event: Event, by: str) -> bool:
                if event.what != "alarm":
                    return False
                return event.derived if by == "residual" else event.names[0] in fault.columns  # noqa: B023

            def enough(event: Event) -> bool:
                return fault.by == "feature" and relevant(event, "feature")  # noqa: B023

            panes_ = watched.panes(changed, first[day])
            history = follow(watched.judge, states[first[day]], panes_, done=enough)
            for by, rows in rows_by.items():
                events = (event for event in history.events if relevant(event, by))
                event = next(events, None)
                rows.append(None if event is None else int(watched.last_rows[event.pane]) - row)
        seen = rows_by[fault.by]
        met = all(rows is not None and rows <= fault.found[1] for rows in seen) if panes == "100 rows" else None
        low, high = fault.found
        text = " ".join(map(shown, seen)) + f"  by {'its residual' if fault.by == 'residual' else 'the feature'}"
        if fault.by == "residual":
            text += f"; by the feature {' '.join(map(shown, rows_by['feature']))}"
        figures.append(
            Figure(
                f"rows until found, panes of {panes}", name, text, f"{low:,}–{high:,}", met, {"seed": seed, **rows_by}
            )
        )
    return figures


def shown(rows: int | None) -> str:
    return "never" if rows is None else f"{rows:,}"


def week_long(panes: Panes, seed: int) -> list[Figure]:
    """Count the incidents of faults of a week, and the days from the repair to their closing."""
    watched = Year("days", seed, panes)
    first = {day: watched.pane_of(watched.row_of(day)) for day in STARTS}
    undisturbed = follow(watched.judge, watched.judge.start(), watched.panes(), tuple(first.values()))
    anyway = {(event.pane, event.names) for event in undisturbed.of("opened")}
    figures = []
    for name in WEEK_LONG:
        incidents: list[int] = []
        closed: list[float | None] = []
        for day in STARTS:
            repair = START + (day + 7) * DAY
            changed = with_fault(watched.live, FAULTS[name], day, day + 7)
            last = watched.pane_of(watched.row_of(day + 7 + AFTERMATH)) + 1
            panes_ = watched.panes(changed, first[day], last)
            history = follow(watched.judge, undisturbed.states[first[day]], panes_)
            ours = {event.incident for event in history.of("opened") if (event.pane, event.names) not in anyway}
            ours |= {event.incident for event in history.of("alarm") if event.names[0] in FAULTS[name].columns}
            ends = {event.incident: event.at for event in history.of("closed")}
            incidents.append(len(ours))
            over = ours and ours <= ends.keys()
            closed.append((max(ends[incident] for incident in ours) - repair) / DAY if over else None)
        met = all(number == 1 for number in incidents) and all(days is not None and days <= 2 for days in closed)
        days_ = " ".join("never" if days is None else f"{days:+.1f}" for days in closed)
        seen = f"{' '.join(map(str, incidents))} incidents, closed {days_} days after repair"
        data = {"seed": seed, "incidents": incidents, "closed": closed}
        figures.append(Figure(f"faults of 7 days, panes of {panes}", name, seen, "1 each, ≤ +2.0 days", met, data))
    return figures


def kolmogorov_smirnov(seed: int) -> list[Figure]:
    """Return the share of windows of 1,000 live rows in which any numeric feature alarms at .05."""
    reference_days, live_days = halves(1, seed)
    live_days = live_days[~np.isin(live_days, list(REAL_INCIDENTS))]
    reference, live = side_by_side(year(), reference_days), side_by_side(year(), live_days)
    windows = len(live) // KS_ROWS
    p = np.ones((windows, len(NUMERIC)))
    for place, name in enumerate(NUMERIC):
        sample = np.sort(reference[name].drop_nulls().to_numpy())
        values = live[name].to_numpy()
        for window in range(windows):
            part = values[window * KS_ROWS : (window + 1) * KS_ROWS]
            p[window, place] = ks_p_value(sample, np.sort(part[~np.isnan(part)]))
    ordered = np.sort(p, axis=1)
    steps = 0.05 * np.arange(1, len(NUMERIC) + 1) / len(NUMERIC)
    alarms = {
        "each at .05": (p <= 0.05).any(axis=1),
        "Bonferroni": (p <= 0.05 / len(NUMERIC)).any(axis=1),
        "Benjamini–Hochberg": (ordered <= steps).any(axis=1),
    }
    question = "KS on 1,000 rows: windows that alarm with nothing wrong"
    return [
        Figure(question, f"{name}, seed {seed}", f"{share.mean():.0%}", "100 % (compared to)", data=float(share.mean()))
        for name, share in alarms.items()
    ]


def ks_p_value(reference: Floats, window: Floats) -> float:
    """Return the p-value of `scipy.stats.ks_2samp(…, method="asymp")` for sorted samples."""
    n, m = len(window), len(reference)
    if not n:
        return 1.0
    # the distribution function of the window is constant between its points: the extremes are at or just before a point
    after = np.searchsorted(window, window, "right") / n - np.searchsorted(reference, window, "right") / m
    before = np.searchsorted(window, window, "left") / n - np.searchsorted(reference, window, "left") / m
    distance = max(after.max(), -before.min())
    return float(kstwo.sf(distance, round(n * m / (n + m))))


def small_shift(shift: float, panes: int) -> list[Figure]:
    """Shift the features by a part of a standard deviation, at a million rows an hour."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{number}": rng.normal(size=100_000) for number in range(5)})
    profile = Profile.fit(frame, model="normal", independent=True, residuals=False)
    shares = []
    for feature in profile.features:
        assert isinstance(feature.grid, NumericGrid)
        below = norm.cdf(feature.grid.edges, loc=shift)
        shares.append(np.concatenate([np.diff(below, prepend=0.0, append=1.0), [0.0, 0.0, 0.0]]))
    judge = Judge(profile, ModelSettings())

    def drawn() -> Iterator[tuple[int, Slice]]:
        for pane in range(panes):
            counts = np.concatenate([rng.multinomial(1_000_000, share) for share in shares])
            yield pane, Slice(START + pane * HOUR, HOUR, Summary(1_000_000, counts.astype(np.int64)))

    silent = shift**2 < ModelSettings().tolerance
    history = follow(judge, judge.start(), drawn(), done=None if silent else lambda event: event.what == "opened")
    opened = history.of("opened")
    seen = f"{len(opened)} incidents" if silent else f"found in hour {opened[0].pane + 1}" if opened else "never found"
    bar = "0 incidents" if silent else "found"
    question = "a fixed shift, a million rows an hour"
    return [Figure(question, f"{shift} σ for {panes / 24:.0f} days", seen, bar, bool(opened) != silent)]


# --- the answer


def averages(figures: Sequence[Figure]) -> list[Figure]:
    """Compare the mean pages of all seeds with the budget."""
    runs = [figure.data for figure in figures if figure.question.startswith("pages in 30 days")]
    means = []
    for unit in UNITS:
        for panes in PANES:
            selected = [run for run in runs if run["unit"] == unit and run["panes"] == panes]
            if not selected:
                continue
            mean = float(np.mean([run["pages"] for run in selected]))
            derived = float(np.mean([run["of derived features alone"] for run in selected]))
            case = f"{unit}, panes of {panes}, mean of {len(selected)} seeds"
            outage = float(np.mean([run["while weather was missing"] for run in selected]))
            seen = f"{mean:.2f} ({derived:.2f} of residuals alone, {outage:.2f} while weather is missing)"
            bar = f"≤ {MOST_PAGES:.0f} (prototype ≤ 0.52)"
            means.append(Figure("pages in 30 days, nothing injected", case, seen, bar, mean <= MOST_PAGES))
            temperature = [run["naming temp"] for run in selected]
            text = f"{' '.join(map(str, temperature))} incidents, by seed"
            met = sum(temperature) <= len(selected) / 5 if unit == "days" else None
            case = f"{unit}, panes of {panes}"
            means.append(Figure("temperature over a year that the reference covers", case, text, "≤ 1 in 5 years", met))
    if runs:
        mean = float(np.mean([run["pages"] for run in runs]))
        case = f"all {len(runs)} runs, mean"
        means.append(Figure("pages in 30 days, nothing injected", case, f"{mean:.2f}", "≤ 1", mean <= MOST_PAGES))
    return means


Question = tuple[Callable[..., list[Figure]], tuple[Any, ...]]


def questions(seeds: Sequence[int], fault_seeds: Sequence[int]) -> list[Question]:
    """Return all questions, the longest first."""
    return [
        *((week_long, (panes, seed)) for seed in fault_seeds for panes in PANES),
        *((faults, (panes, seed)) for seed in fault_seeds for panes in PANES),
        *((nothing_wrong, (unit, seed)) for unit in UNITS for seed in seeds),
        *((really_wrong, (seed,)) for seed in seeds),
        *((kolmogorov_smirnov, (seed,)) for seed in seeds),
        (small_shift, (0.05, 60 * 24)),
        (small_shift, (0.2, 24)),
    ]


def table(figures: Sequence[Figure]) -> Table:
    drawn = Table(title="A year of flights, half of it live")
    for name in ("question", "case", "seen", "bar", ""):
        drawn.add_column(name, overflow="fold")
    last = ""
    for figure in sorted(figures, key=lambda figure: figure.question):
        if last and figure.question != last:
            drawn.add_section()
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met]
        drawn.add_row(figure.question if figure.question != last else "", figure.case, figure.seen, figure.bar, mark)
        last = figure.question
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed only")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="of the random halves")
    parser.add_argument("--fault-seeds", type=int, nargs="+", default=[0], help="of the halves with injected faults")
    parser.add_argument("--only", nargs="+", help="only these questions, by name of their function")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--json", type=Path, help="write every figure to a file")
    options = parser.parse_args()
    asked = questions(options.seeds[:1] if options.quick else options.seeds, options.fault_seeds)
    asked = [(question, given) for question, given in asked if not options.only or question.__name__ in options.only]
    console, began = Console(), time.monotonic()
    if not console.is_terminal:
        console = Console(width=160)
    figures: list[list[Figure]] = [[] for _ in asked]
    with (
        ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool,
        Progress(console=Console(stderr=True)) as progress,
    ):
        bar = progress.add_task("asking", total=len(asked))
        futures = {pool.submit(question, *given): place for place, (question, given) in enumerate(asked)}
        for future in as_completed(futures):
            figures[futures[future]] = future.result()
            progress.advance(bar)
            for figure in future.result():
                progress.console.print(f"{figure.question}, {figure.case}: {figure.seen}", soft_wrap=True)
    answer = [figure for results in figures for figure in results]
    answer += averages(answer)
    console.print(table(answer))
    missed = sum(figure.met is False for figure in answer)
    console.print(f"{missed} bars missed; {time.monotonic() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in answer], indent=1, ensure_ascii=False))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()

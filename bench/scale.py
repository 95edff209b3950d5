"""How do the verdict and its cost change with more replicas, more traffic and more model servers?

    python bench/scale.py [--replicas] [--traffic] [--sources] [--unit-costs] [--store redis|sqlite] [--json FILE]

Without an option, all four questions are answered. Each figure that has a bar is printed beside it. The exit code is 1
if a figure misses its bar.

- `--replicas` (scale_replicas.py): rows from a change to the first alarm, and false alarms. It compares a rolling KS
  window in each metric server with driftmeter, on the same streams split over 1, 4 and 16 replicas. The bytes of
  driftmeter must be equal for all three.
- `--traffic` (scale_traffic.py): CPU of the metric tier (two `driftmeter serve` and the store) at 50, 500 and 5,000
  rows/s in each of 8 model servers. Bar: at most 1.2 times for 100 times the rows. Beside it: rows sent as rows.
- `--sources` (scale_sources.py): CPU per pane for 10, 100 and 1,000 sources; bar: at most linear. Time to close and
  fold a pane of 1,000 sources and 30 features; bar: at most 50 ms.
- `--unit-costs` (scale_units.py): the figures that docs/scaling.md multiplies: bytes, CPU, Redis commands and memory of
  one PUT, one pane, one fold and one poll of the store.

The last three need a quiet machine. They run one after the other, and their settings take turns: compare the ratios.
With `redis`, they start a server of their own: `--appendonly yes --appendfsync always --save ""`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from rich.table import Table
from scipy.stats import chi2

import scale_sources
import scale_traffic
import scale_units
from detection import Runner, is_selected
from scale_replicas import DESIGNS, LEVELS, OURS, REPLICAS, SHIFTS, StreamResult, delays, false_alarms
from scale_tier import running_tier
from scale_traffic import METRIC_SERVERS, PANE_SECONDS, PANES, RATES, SERVERS, SETTINGS, Measured

FALSE_ALARMS = 1.0
"""Allowed false alarms in 10⁶ rows: the budget."""
MOST_CPU = 1.2
"""Largest ratio of the metric tier's CPU for 100 times the rows."""
LINEAR = 1.05
"""Largest deviation from linear growth that counts as linear."""
MOST_FOLD = 50.0
"""Longest close and fold, in milliseconds."""


class Bars:
    """Checks figures against their bars, and counts the misses."""

    def __init__(self, runner: Runner) -> None:
        """Print and log to `runner`."""
        self._runner = runner
        self.missed = 0

    def check(self, what: str, measured: float | str, bar: float | str, met: bool) -> None:
        """Print and log one figure beside its bar."""
        self.missed += not met
        figures = f"{_figure(measured)} (bar: {_figure(bar)})"
        style = "green" if met else "red"
        self._runner.console.print(f"[{style}]{'met' if met else 'NOT MET'}[/]  {what}: {figures}", highlight=False)
        self._runner.log(question="bar", what=what, found=measured, bar=bar, met=met)


def _figure(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.3g}" if value < 1_000 else f"{value:,.0f}"


def measure_replicas(runner: Runner, bars: Bars, options: argparse.Namespace) -> None:
    """Answer `--replicas`."""
    tasks: dict[Any, Callable[[], StreamResult]] = {}
    for seed in range(options.seeds):
        for scenario in SHIFTS:
            tasks[scenario.name, seed] = partial(delays, scenario.name, seed, options.horizon)
        tasks["null", seed] = partial(false_alarms, seed, round(options.rows / options.seeds / 100) * 100)
    results_of: dict[str, list[StreamResult]] = {}
    runner.run("replicas", tasks, lambda key, results: results_of.update({key: results}))

    table = Table("change", "design", title="rows of all traffic from the change to the first alarm, median")
    for replicas in REPLICAS:
        table.add_column(f"{replicas} replica{'s' if replicas > 1 else ''}", justify="right")
    table.add_column("16 over 1", justify="right")
    table.add_column("on before it, 1 / 16", justify="right")
    ours_same = True
    for scenario in SHIFTS:
        for design in DESIGNS:
            streams = results_of[scenario.name]
            medians = [_median(stream.delays[design, replicas] for stream in streams) for replicas in REPLICAS]
            if design in OURS:
                ours_same &= len(set(medians)) == 1
            on = [sum(stream.on.get((design, replicas), 0) for stream in streams) for replicas in (1, 16)]
            table.add_row(
                scenario.name if design == DESIGNS[0] else "",
                design,
                *map(_rows, medians),
                _times(medians[-1], medians[0]),
                " / ".join(f"{count / len(streams):.0%}" for count in on) if design in LEVELS else "",
            )
            runner.log(
                question="delay", change=scenario.name, design=design, streams=len(streams),
                median=dict(zip(REPLICAS, [rows if np.isfinite(rows) else None for rows in medians], strict=True)),
            )  # fmt: skip
        table.add_section()
    runner.console.print(table)

    nulls = results_of["null"]
    millions, panes = sum(stream.rows for stream in nulls) / 1e6, sum(stream.panes for stream in nulls)
    title = f"false alarms in 10⁶ rows of 30 features ({millions:.1f} · 10⁶ rows in which nothing changes)"
    table = Table("design", "of", title=title)
    for replicas in REPLICAS:
        table.add_column(f"{replicas} replica{'s' if replicas > 1 else ''}", justify="right")
    for design in DESIGNS:
        kinds = {"the replicas": "alarms", "max over them": "shown", "time on": "on"}
        for kind, name in kinds.items() if design in LEVELS else [("the model", "alarms")]:
            counts = [sum(getattr(stream, name)[design, replicas] for stream in nulls) for replicas in REPLICAS]
            shown = [f"{count / panes:.1%}" if name == "on" else f"{count / millions:,.1f}" for count in counts]
            table.add_row(design if name == "alarms" else "", kind, *shown)
            runner.log(
                question="false alarms", design=design, of=kind, rows=millions * 1e6, panes=panes,
                counts=dict(zip(REPLICAS, counts, strict=True)),
            )  # fmt: skip
    runner.console.print(table)
    streams = [stream for results in results_of.values() for stream in results]
    equal = sum(stream.equal for stream in streams)
    what = "streams with the same bytes of counts, verdicts and state at 1, 4 and 16 replicas"
    bars.check(what, f"{equal} of {len(streams)}", "all", equal == len(streams))
    bars.check("our delays at 16 replicas over those at 1", 1.0 if ours_same else "not the same", 1.0, ours_same)
    for design in OURS:
        alarms = max(sum(stream.alarms[design, replicas] for stream in nulls) for replicas in REPLICAS)
        upper = float(chi2.isf(0.05, 2 * (alarms + 1))) / 2 / millions
        # these are too few rows for a tight limit: bench/detection.py --nulls has a thousand times as many
        text, met = f"{alarms / millions:.1f}, upper 95 % limit {upper:.1f}", alarms / millions <= FALSE_ALARMS
        bars.check(f"false alarms of {design} in 10⁶ rows", text, f"at most {FALSE_ALARMS:g}", met)


def measure_traffic(runner: Runner, bars: Bars, options: argparse.Namespace) -> None:
    """Answer `--traffic`."""
    with running_tier(options.store, METRIC_SERVERS) as tier:
        settings = [setting for setting in SETTINGS if is_selected(setting.name, options.only)]
        measured = scale_traffic.measure(tier, settings, options.rounds, options.seconds, runner.console)
    table = Table(
        "each of 8 model servers sends",
        title=f"a second of the metric tier: {METRIC_SERVERS} metric servers, {options.store}",
    )
    for column in (
        "CPU ms", "of it Redis", "over 50 rows/s", "requests", "bytes", "bytes a request", "bytes a pane", "rows",
        "lost", "model servers' CPU ms",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    first = next((took for setting, took in measured.items() if setting.rate == RATES[0]), Measured())
    for setting, took in measured.items():
        bytes_a_second = took.bytes / took.seconds
        table.add_row(
            setting.name,
            f"{took.tier * 1e3:,.1f}",
            f"{took.redis / took.seconds * 1e3:,.1f}",
            f"× {took.tier / first.tier:.2f}",
            f"{took.requests / took.seconds:,.1f}",
            f"{bytes_a_second:,.0f}",
            f"{took.bytes / max(1, took.requests):,.0f}",
            f"{bytes_a_second * PANE_SECONDS / SERVERS:,.0f}",
            f"{took.rows / took.seconds:,.0f}",
            f"{took.dropped:,}",
            f"{took.models / took.seconds * 1e3:,.0f}",
        )
        runner.log(question="traffic", store=options.store, form=setting.form, rate=setting.rate, **asdict(took))
    runner.console.print(table)
    for form, (few, _, many) in PANES.items():
        if few in measured and many in measured:
            _check_traffic_bar(bars, form, measured[few], measured[many])


def _check_traffic_bar(bars: Bars, form: str, few: Measured, many: Measured) -> None:
    what = f"CPU of the metric tier at 5,000 rows/s over that at 50 ({form})"
    # lost load would make the CPU look small
    expected = few.requests / few.seconds
    if many.dropped or few.dropped or not 0.95 <= many.requests / many.seconds / expected <= 1.05:
        bars.check(what, f"no figure: {many.dropped:,} rows lost, {many.requests:,} requests", MOST_CPU, False)
        return
    bars.check(what, many.tier / few.tier, MOST_CPU, many.tier / few.tier <= MOST_CPU)


def measure_sources(runner: Runner, bars: Bars, options: argparse.Namespace) -> None:
    """Answer `--sources`."""
    fleets = scale_sources.measure(options.store, options.panes, runner.console)
    table = Table("sources", title=f"a pane of 30 features: {options.panes} panes each, in turn, {options.store}")
    for column in (
        "CPU ms a pane, median", "of it Redis", "of it PUTs", "over 10 sources", "CPU µs a source",
        "fold ms, median", "worst", "of it in the store", "fold CPU ms, median", "worst",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    cpu = {fleet.sources: scale_sources.median(turn.cpu for turn in fleet.turns) for fleet in fleets}
    fold = {}
    for fleet in fleets:
        turns, sources = fleet.turns, fleet.sources
        middle = {
            name: scale_sources.median(getattr(turn, name) for turn in turns)
            for name in ("put_cpu", "put_redis", "fold_cpu", "fold_redis", "fold", "in_store")
        }
        fold[sources] = middle["fold"]
        table.add_row(
            f"{sources:,}",
            f"{cpu[sources] * 1e3:,.1f}",
            f"{(middle['put_redis'] + middle['fold_redis']) * 1e3:,.1f}",
            f"{(middle['put_cpu'] + middle['put_redis']) * 1e3:,.1f}",
            f"× {cpu[sources] / cpu[10]:.1f}",
            f"{cpu[sources] / sources * 1e6:,.0f}",
            f"{middle['fold'] * 1e3:,.1f}",
            f"{max(turn.fold for turn in turns) * 1e3:,.1f}",
            f"{middle['in_store'] * 1e3:,.1f}",
            f"{scale_sources.median(turn.fold_all for turn in turns) * 1e3:,.1f}",
            f"{max(turn.fold_all for turn in turns) * 1e3:,.1f}",
        )
        runner.log(
            question="sources", store=options.store, sources=sources, panes=len(turns), cpu=cpu[sources], **middle,
            worst_fold=max(turn.fold for turn in turns), worst_fold_cpu=max(turn.fold_all for turn in turns),
        )  # fmt: skip
    runner.console.print(table)
    for few, many in ((10, 100), (100, 1_000)):
        a_source = (cpu[many] - cpu[few]) / (many - few) * 1e6
        runner.console.print(f"a further source, from {few} to {many:,}: {a_source:,.0f} µs a pane", highlight=False)
    for few, many in ((10, 1_000), (100, 1_000)):
        most = many / few * LINEAR
        ratio = cpu[many] / cpu[few]
        bars.check(f"CPU of a pane of {many:,} sources over one of {few}", ratio, most, ratio <= most)
    slowest = fold[1_000] * 1e3
    bars.check("ms to close and fold a pane of 1,000 sources, median", slowest, MOST_FOLD, slowest <= MOST_FOLD)


def measure_units(runner: Runner, bars: Bars, options: argparse.Namespace) -> None:
    """Answer `--unit-costs`, which has no bar."""
    sent, idle = scale_units.puts(options.store, options.seconds, runner.console)
    table = Table("PUTs/s", title=f"one PUT of a pane of 30 features, one metric server, {options.store}")
    for column in (
        "bytes of the request",
        "server CPU ms",
        "Redis CPU µs",
        "Redis calls",
        "of them scripts",
        "log bytes",
    ):
        table.add_column(column, justify="right")
    for puts in sent:
        costs = {name: (value - getattr(puts.idle, name)) / puts.rate for name, value in asdict(puts.took).items()}
        table.add_row(
            f"{puts.rate:,.0f}",
            f"{puts.bytes:,.0f}",
            f"{costs['servers'] * 1e3:.2f}",
            f"{costs['redis'] * 1e6:,.0f}",
            f"{costs['calls']:.1f}",
            f"{costs['scripts']:.2f}",
            f"{costs['log']:,.0f}",
        )
        runner.log(question="put", store=options.store, rate=puts.rate, bytes=puts.bytes, **costs)
    runner.console.print(table)

    table = Table("", title="a second in which nothing comes, per server")
    for column in ("server CPU ms", "Redis CPU ms", "Redis calls", "of them scripts"):
        table.add_column(column, justify="right")
    rows = [(f"one server {name}", 1, rate) for name, rate in idle.items()]
    both_idle = scale_units.idle_rates(options.store, options.seconds)
    rows += [(f"two servers {name}", 2, rate) for name, rate in both_idle.items()]
    for name, servers, rate in rows:
        shares = {key: value / servers for key, value in asdict(rate).items()}
        table.add_row(
            name, f"{shares['servers'] * 1e3:.1f}", f"{shares['redis'] * 1e3:.2f}", f"{shares['calls']:.1f}",
            f"{shares['scripts']:.1f}",
        )  # fmt: skip
        runner.log(question="look", store=options.store, of=name, **shares)
    runner.console.print(table)
    if options.store == "redis":
        _print_redis_contents(runner, scale_units.redis_contents())


def _print_redis_contents(runner: Runner, contents: scale_units.RedisContents) -> None:
    table = Table("kind", title="what Redis holds of a model of 1,000 sources after an hour and five panes of 10 s")
    for column in ("keys", "entries", "bytes", "bytes an entry"):
        table.add_column(column, justify="right")
    for name, kind in contents.kinds.items():
        size = kind.bytes / max(1, kind.entries)
        table.add_row(name, f"{kind.keys:,}", f"{kind.entries:,}", f"{kind.bytes:,}", f"{size:,.0f}")
        runner.log(question="kept", kind=name, **asdict(kind))
    runner.console.print(table)
    runner.console.print(
        f"the log grows by {contents.put:,.0f} bytes a PUT and {contents.fold:,.0f} bytes a fold of 1,000 sources",
        highlight=False,
    )
    runner.log(question="log", put=contents.put, fold=contents.fold)


def _median(values: Iterable[float]) -> float:
    return float(np.quantile(list(values), 0.5, method="inverted_cdf"))


def _rows(number: float) -> str:
    return f"{number:,.0f}" if np.isfinite(number) else "never"


def _times(last: float, first: float) -> str:
    if not np.isfinite(first):
        return "–"
    return f"× {last / first:.2f}" if np.isfinite(last) else "never"


def main() -> None:
    """Answer the chosen questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("replicas", "traffic", "sources", "unit-costs"):
        parser.add_argument(f"--{name}", action="store_true", help="only this question")
    parser.add_argument("--store", choices=("redis", "sqlite"), default="redis", help="default: redis")
    parser.add_argument("--seeds", type=int, default=20, help="streams of each kind, --replicas (20)")
    parser.add_argument("--rows", type=float, default=1e6, help="rows without a change, --replicas (10⁶)")
    parser.add_argument("--horizon", type=int, default=50_000, help="rows after which a change is not found (50,000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each setting, --traffic (3)")
    parser.add_argument("--seconds", type=int, default=30, help="of each turn, in whole panes of 10 s, --traffic (30)")
    parser.add_argument("--panes", type=int, default=61, help="panes of each number of sources, --sources (61)")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="settings whose name contains a TEXT, --traffic")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time, --replicas")
    parser.add_argument("--json", metavar="FILE", help="append each result as a line of JSON")
    options = parser.parse_args()
    for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(threads, "1")
    runner = Runner(options.jobs, options.json)
    bars = Bars(runner)
    questions = {
        "replicas": measure_replicas,
        "traffic": measure_traffic,
        "sources": measure_sources,
        "unit_costs": measure_units,
    }
    chosen = [name for name in questions if getattr(options, name)] or list(questions)
    for name in chosen:
        questions[name](runner, bars, options)
    sys.exit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()

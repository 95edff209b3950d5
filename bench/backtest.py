"""How long does a backtest take, beside another version?

    python bench/backtest.py [--before FOLDER] [--rounds 3] [--panes 40000]

Each run is a fresh process: 18 features, of which 10 are numbers and 6 have 3 to 200 categories, judged from their
counted rows on. `--before` is the folder of another version's checkout; both take turns, and the ratio of their CPU
times is what counts: a bar of 5. The kinds of traffic are

- employment: rows of ten minutes a pane, six panes to a pane of the detector, as in a table of 157,680 such panes;
- hourly: 100 rows in each pane of an hour, each of which the detector judges;
- live: 10 rows in each pane of 10 seconds;
- drifting: as hourly, with a number that shifts by half a deviation every other week.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).parents[1]
START = 1_700_006_400_000
KINDS = {
    "employment": (9, 600_000),
    "hourly": (100, 3_600_000),
    "live": (10, 10_000),
    "drifting": (100, 3_600_000),
}
"""Rows of a pane, and its length in ms."""


def rows(number: int, seed: int) -> pa.Table:
    chance = np.random.default_rng(seed)
    common = chance.normal(size=number)
    return pa.table(
        {
            **{f"n{index}": common / 2 + chance.normal(size=number) * (index + 1) for index in range(6)},
            **{f"g{index}": chance.gamma(2, 2, number).round(1) for index in range(4)},
            **{
                f"c{index}": np.char.add("v", chance.integers(0, kinds, number).astype(str))
                for index, kinds in enumerate((3, 5, 9, 24, 50, 200))
            },
            **{f"b{index}": chance.random(number) < 0.3 for index in range(2)},
        }
    )


def judge(kind: str, panes: int) -> None:
    """Print the CPU time of a pane in µs, and the number of events."""
    from driftmeter.backtest import Course, History
    from driftmeter.profile.profile import Profile
    from driftmeter.settings.model import ModelSettings

    of_pane, length = KINDS[kind]
    reference = rows(30_000, 0)
    times = pa.array(START + np.arange(30_000) * 100_000, pa.timestamp("ms", "UTC"))
    profile = Profile.fit(reference.append_column("at", times), model="m", time="at", residuals=False)
    table = rows(panes * of_pane, 1)
    moments = START + np.arange(len(table)) * (length // of_pane)
    if kind == "drifting":
        shifted = table["n0"].to_numpy() + 0.5 * ((moments - START) // (14 * 86_400_000) % 2)
        table = table.set_column(0, "n0", pa.array(shifted))
    history = History.of(profile, table, moments, pane=length)
    course = Course(profile, ModelSettings())
    before = os.times()
    if hasattr(history, "batches"):
        for batch in history.batches():
            course.take(batch)
    else:
        for pane in history.slices():
            course.take(pane)
    after = os.times()
    cpu = after.user + after.system - before.user - before.system
    print(cpu / history.panes * 1e6, len(course.events))


def run(tree: Path, kind: str, panes: int) -> tuple[float, int]:
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--judge", kind, "--panes", str(panes)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    cpu, events = done.stdout.split()
    return float(cpu), int(events)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--panes", type=int, default=40_000)
    parser.add_argument("--judge", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.judge:
        judge(arguments.judge, arguments.panes)
        return
    trees = [ROOT, *([arguments.before] if arguments.before else [])]
    print(f"{'':12} {'µs a pane':>10} {'before':>8} {'ratio':>6} {'events':>7}")
    for kind in KINDS:
        panes = arguments.panes if kind in ("employment", "live") else arguments.panes // 10
        results = [[run(tree, kind, panes) for tree in trees] for _ in range(arguments.rounds)]
        times = [min(result[place][0] for result in results) for place in range(len(trees))]
        against = f"{times[1]:8.1f} {times[1] / times[0]:6.1f}" if len(times) > 1 else f"{'':15}"
        print(f"{kind:12} {times[0]:10.1f} {against} {'/'.join(str(one[1]) for one in results[0]):>7}", flush=True)


if __name__ == "__main__":
    main()

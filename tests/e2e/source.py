"""A source: rows that are computed from its number, and the process that sends them through the SDK.

`python -m tests.e2e.source URL PROFILE NUMBER` says `ready`, reads from its standard input when the stream begins
(milliseconds since the epoch), sends its rows as they fall due, and prints its own account of them as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import numpy.typing as npt
import polars as pl

from driftmeter import Monitor, Profile

MODEL = "m"
SOURCES = 8
ROWS = 125_000
"""Rows of each source."""
SPAN = 75_000
"""Milliseconds of event time over which they are spread evenly."""
CLOSING = 12.0
"""Seconds that a source has at its end for what is not acknowledged yet."""

_REFERENCE = SOURCES
_CITIES = ("Bonn", "Ulm", "Köln", "Trier")


def columns(source: int, rows: int = ROWS) -> dict[str, list[object]]:
    """Return a source's rows by column; in their second half the amounts are half as high again."""
    rng = np.random.default_rng([2026, source])
    amount = rng.lognormal(3, 1, rows)
    if source != _REFERENCE:
        amount[rows // 2 :] *= 1.5
    city = rng.choice(len(_CITIES), rows, p=[0.5, 0.3, 0.15, 0.05])
    return {
        "amount": _with_gaps(amount.tolist(), rng.random(rows) < 0.03),
        "age": rng.integers(18, 90, rows).tolist(),
        "city": _with_gaps([_CITIES[number] for number in city], rng.random(rows) < 0.02),
        "member": (rng.random(rows) < 0.7).tolist(),
        "score": rng.normal(size=rows).tolist(),
    }


def times(begin: int) -> npt.NDArray[np.int64]:
    """Return the times (ROWS,) of any source's rows, in ms."""
    return begin + np.arange(ROWS) * SPAN // ROWS


def reference_profile() -> Profile:
    return Profile.fit(pl.DataFrame(columns(_REFERENCE, 40_000)), model=MODEL, prediction="score", independent=True)


def send(monitor: Monitor, source: int, begin: int) -> None:
    """Observe each row once its time has come; the times are given, so that no clock decides on the pane."""
    content = columns(source)
    scores, names = content.pop("score"), list(content)
    rows = list(zip(*content.values(), strict=True))
    stamps = (times(begin) / 1000).tolist()
    sent = 0
    while sent < ROWS:
        due = min(ROWS, max(sent, (time.time_ns() // 1_000_000 - begin) * ROWS // SPAN))
        for row in range(sent, due):
            monitor.observe(dict(zip(names, rows[row], strict=True)), scores[row], stamps[row])
        sent = due
        time.sleep(0.05)


def _with_gaps(values: list[object], gaps: npt.NDArray[np.bool_]) -> list[object]:
    return [None if gap else value for value, gap in zip(values, gaps.tolist(), strict=True)]


def main(url: str, profile: str, number: str) -> None:
    monitor = Monitor(url, profile=profile, source=f"source-{number}")
    print("ready", flush=True)
    send(monitor, int(number), int(sys.stdin.readline()))
    monitor.close(CLOSING)
    print(json.dumps({"source": monitor.source, **monitor.stats()}))


if __name__ == "__main__":
    main(*sys.argv[1:])

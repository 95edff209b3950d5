"""How long do the documents behind the page take, of 500 features with a month of history, cold and warm?

python bench/page_documents.py

The store is filled with slices and verdicts as 30 days of traffic leave them: one every hour, every 5 min of the last
day, every 10 s of the last hour. `cold` is a process that has read nothing, `warm` one that has, one pane later; all in
ms of CPU. Beside them, the same day read through `history`, as a page would without these documents.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.server.documents.documents import Documents, Span
from driftmeter.store.records import AddRows, Fold, Progress
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.timestamps import DAY, HOUR, MINUTE

FEATURES = 500
COLD, WARM = 1_000.0, 50.0
START = 1_700_000_000_000 // DAY * DAY
PANE = 10_000


class History:
    """A model of many features, whose slices and verdicts are written straight into a store."""

    def __init__(self, path: Path, features: int) -> None:
        """Register the model in a new store."""
        rng = np.random.default_rng(1)
        numbers = {f"number_{i:03}": rng.normal(size=2_000) for i in range(features * 4 // 5)}
        texts = {f"text_{i:03}": rng.choice(["a", "b", "c", "d"], 2_000).tolist() for i in range(features // 5)}
        frame = pl.DataFrame({**numbers, **texts})
        self.now = START
        self.store = SQLiteStore(path, clock=lambda: self.now)
        self.engine = Engine(self.store, timing=Timing(PANE, 0))
        profile = Profile.fit(frame, model="bench", independent=True, residuals=False)
        self.engine.register(profile)
        self.digest = profile.digest
        reader, binner = Reader(profile), Binner(profile)
        self.summaries = [
            binner.observe(reader.read_records(frame.sample(50, seed=seed).to_dicts())[0]) for seed in range(5)
        ]
        judge = self.engine.compiled("bench").judge
        self.state = judge.dumps(judge.start())
        window = self.engine.compiled("bench").settings.window
        self.verdict = judge.verdict(
            judge.start(),
            window.select([], profile.bins),
            judge.scorer.scores(sum(self.summaries[1:], self.summaries[0]).counts),
        ).to_json()
        self.folded = self.rows = 0

    def add(self, summary: Summary) -> None:
        """Add a pane of rows, close it, and fold it with a verdict whose numbers are its own."""
        self.rows += summary.rows
        totals = SourceTotals(self.rows, self.rows)
        self.store.commit([AddRows("bench", self.digest, "host", ((self.now // PANE * PANE, summary),), totals)])
        self.now += PANE
        self.store.freeze("bench")
        end = self.now // PANE * PANE
        chance = random.Random(end)
        for feature in self.verdict["features"]:
            feature["evidence"], feature["effect"] = round(-chance.random(), 3), float(f"{chance.random():.10g}")
            for test in feature["tests"].values():
                test["statistic"] = float(f"{chance.random():.10g}")
        self.verdict["window"] = {"start": "2023-11-14T00:00:00.000Z", "end": _iso(end), "panes": 1}
        body = json.dumps(self.verdict, separators=(",", ":")).encode()
        assert self.store.fold("bench", self.digest, self.folded, Fold(Progress(end, self.state), body, end))
        self.folded = end

    def fill(self) -> None:
        """Add 30 days of panes, as few as leave what a store keeps of them."""
        for length, every in ((29 * DAY, HOUR), (23 * HOUR, 5 * MINUTE), (HOUR, PANE)):
            for number in range(length // every):
                self.add(self.summaries[number % 5])
                self.now += every - PANE


def _iso(time_: int) -> str:
    from driftmeter.timestamps import iso

    return iso(time_)


def milliseconds(work: Callable[[], Any]) -> tuple[float, int]:
    """Return how much CPU an answer takes to make and encode, and its bytes."""
    start = time.process_time()
    answer = work()
    body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    return (time.process_time() - start) * 1000, len(body)


def cases(documents: Documents, now: int) -> dict[str, Callable[[], Any]]:
    return {
        "overview": lambda: documents.overview("bench"),
        "trends": lambda: documents.trends("bench", Span(None, None, 96)),
        "feature": lambda: documents.feature("bench", "number_001"),
        "timeline": lambda: documents.timeline("bench", "number_001", Span(None, None, 200)),
    }


def main() -> None:
    features = int(sys.argv[1]) if len(sys.argv) > 1 else FEATURES
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder) / "bench.sqlite", features)
        history.fill()
        documents = Documents(history.engine)
        print(f"{features} features, 30 days; ms, kB of JSON")
        found = {name: [milliseconds(work)] for name, work in cases(documents, history.now).items()}
        for number in range(5):
            history.add(history.summaries[number])
            for name, work in cases(documents, history.now).items():
                found[name].append(milliseconds(work))
        alone = milliseconds(cases(Documents(history.engine), history.now)["trends"])
        for name, times in found.items():
            warm = sorted(spent for spent, _ in times[1:])[2]
            print(f"  {name:9} cold {times[0][0]:7.1f}  warm {warm:6.1f}  {times[0][1] / 1000:8.0f} kB")
        print(f"  trends alone, cold {alone[0]:.1f} (bar {COLD:.0f}), warm bar {WARM:.0f}")
        end = history.folded
        plain = milliseconds(
            lambda: b"".join(body for _, body in history.store.history("bench", history.digest, end - DAY, end))
        )
        print(f"  the day through `history`: {plain[0]:.1f}, {plain[1] / 1000:.0f} kB")
        history.store.close()


if __name__ == "__main__":
    main()

"""Score a file of JSON lines and report the rows: `python batch_loop.py applicants.jsonl`.

A loop makes rows faster than they can be counted: `flush` between batches keeps the buffer from overflowing.
The key `at` of a line is its time, in seconds since the epoch or ISO 8601; lines without it happen now.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from driftmeter import Monitor

BATCH = 2_000
PATIENCE = 5.0
"""Seconds to wait in total for a metric server that does not answer; scoring then goes on without it."""


def score(applicant: dict[str, Any]) -> float:
    """Return a score: a stand-in for a model."""
    return min(1.0, (applicant.get("income") or 0.0) / 100_000)


def batches(lines: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the parsed lines, BATCH at a time."""
    rows = (json.loads(line) for line in lines)
    while batch := list(islice(rows, BATCH)):
        yield batch


def main(path: str, url: str) -> int:
    """Score a file; return 0 where every row was counted, else 1."""
    patience = PATIENCE
    with Path(path).open() as lines, Monitor(url, model="credit") as monitor:
        for batch in batches(lines):
            for applicant in batch:
                at = applicant.pop("at", None)
                monitor.observe(applicant, prediction=score(applicant), timestamp=at)
            begun = time.monotonic()
            if monitor.flush(timeout=max(patience, 0.05)):
                patience = PATIENCE
            elif patience > 0:
                patience -= time.monotonic() - begun
                if patience <= 0:
                    print("the metric server does not answer: rows wait, as many as fit", file=sys.stderr)
    stats = monitor.stats()
    print(f"{stats['counted']} rows counted, {stats['late']} of them late, {stats['dropped']} dropped")
    return 0 if stats["counted"] == stats["observed"] else 1


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        print("usage: python batch_loop.py FILE.jsonl   (a file of JSON lines, which must be there)", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1], os.environ.get("DRIFTMETER_URL", "http://localhost:8001")))

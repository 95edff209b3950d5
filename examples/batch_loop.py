"""Score a file of JSON lines and report what was seen: `python batch_loop.py applicants.jsonl`.

A loop makes rows faster than they can be counted; `flush` between batches is what keeps the buffer from
running over. Each line may say with `at` when it happened (seconds since the epoch or ISO 8601).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from driftmeter import Monitor

BATCH = 2_000


def score(applicant: dict[str, Any]) -> float:
    """Stand in for a model."""
    return min(1.0, (applicant.get("income") or 0.0) / 100_000)


def batches(lines: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the parsed lines, BATCH at a time."""
    rows = (json.loads(line) for line in lines)
    while batch := list(islice(rows, BATCH)):
        yield batch


def main(path: str, url: str) -> int:
    """Return 0 where every row was counted."""
    with Monitor(url, model="credit") as monitor, Path(path).open() as lines:
        for batch in batches(lines):
            for applicant in batch:
                at = applicant.pop("at", None)
                monitor.observe(applicant, prediction=score(applicant), timestamp=at)
            if not monitor.flush(timeout=30):
                print("the metric server does not answer: rows wait, as many as fit", file=sys.stderr)
    stats = monitor.stats()
    print(f"{stats['counted']} rows counted, {stats['late']} of them late, {stats['dropped']} dropped")
    return 0 if stats["counted"] == stats["observed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], os.environ.get("DRIFTMETER_URL", "http://localhost:8001")))

"""What does `driftmeter check` of a log cost, beside a script of pandas that does the same parse?

Writes lines of SageMaker's data capture, with a row of flights in CSV and its prediction each, and reads them in a
fresh process by either. Prints rows a second of CPU, and the most memory. The script of pandas parses the lines with
`json.loads`, and their rows with `pandas.read_csv`, all at once: it counts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from driftmeter import Profile
from flights import FEATURES, flights

BAR_ROWS, BAR_MEGABYTES = 60_000, 400
PREDICTION = "score"
PANDAS = """
import io, json, sys
import pandas as pd
texts, answers = [], []
with open(sys.argv[1]) as file:
    for line in file:
        capture = json.loads(line)["captureData"]
        texts.append(capture["endpointInput"]["data"].rstrip("\\n"))
        answers.append(float(capture["endpointOutput"]["data"]))
frame = pd.read_csv(io.StringIO("\\n".join(texts)), names=sys.argv[2].split(","))
frame["score"] = answers
print(len(frame))
"""


CHECK = """
import sys
from driftmeter.cli.app import app
app(["check", *sys.argv[1:], "--quiet"], standalone_mode=False)
"""
_USED = """
import re, time
print(time.process_time(), re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""
_ONE_CORE = {"OMP_NUM_THREADS": "1"}


def write(folder: Path, lines: int) -> tuple[Path, Path]:
    """Write a profile of flights, and a log of so many of them."""
    table = flights().select(FEATURES)
    scored = table.with_columns(score=table["dep_delay"].fill_null(0) / 100)
    Profile.fit(scored[:50_000], model="flights", prediction=PREDICTION, independent=True).dump(folder / "profile.json")
    log = folder / "capture.jsonl"
    rows = table.rows()
    with log.open("w") as file:
        for number in range(lines):
            row = rows[number % len(rows)]
            data = ",".join("" if value is None else str(value) for value in row) + "\n"
            file.write(json.dumps(_line(number, data)) + "\n")
    return folder / "profile.json", log


def _line(number: int, data: str) -> dict[str, object]:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_770_000_000 + number // 10))
    request = {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": "CSV"}
    answer = {"observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", "data": "0.25", "encoding": "CSV"}
    return {
        "captureData": {"endpointInput": request, "endpointOutput": answer},
        "eventMetadata": {"eventId": f"{number:032x}", "inferenceTime": moment},
        "eventVersion": "0",
    }


def measured(code: str, arguments: list[str]) -> tuple[float, float]:
    """Run Python; return its seconds of CPU, and its most memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", code + _USED, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **_ONE_CORE},
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    cpu, kilobytes = done.stdout.splitlines()[-1].split()
    return float(cpu), float(kilobytes) / 1024


def main() -> int:
    """Measure; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--no-rival", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        profile, log = write(Path(name), arguments.lines)
        print(f"{arguments.lines:,} lines, {log.stat().st_size / 1e6:,.0f} MB, {len(FEATURES)} features")
        cpu, memory = measured(CHECK, [str(profile), str(log)])
        rate = arguments.lines / cpu
        print(
            f"driftmeter check  {rate:10,.0f} rows/s of CPU (bar {BAR_ROWS:,})  {memory:6,.0f} MB (bar {BAR_MEGABYTES})"
        )
        if not arguments.no_rival:
            cpu, used = measured(PANDAS, [str(log), ",".join(FEATURES)])
            print(f"pandas, parse     {arguments.lines / cpu:10,.0f} rows/s of CPU                {used:12,.0f} MB")
    return int(rate < BAR_ROWS or memory > BAR_MEGABYTES)


if __name__ == "__main__":
    raise SystemExit(main())

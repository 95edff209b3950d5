"""How long does a model server take to import the SDK, above numpy, which it imports anyway?

    python bench/imports.py [--before FOLDER] [--repetitions 15]

Each import runs in a fresh process, and the cases take turns. `--before` is the folder of another version's checkout.
For comparison: prometheus_client, with which model servers export metrics. The bar is 60 ms.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BAR = 60
SDK = "import numpy; from driftmeter.client import Monitor"
_CODE = "import time; wall, cpu = time.perf_counter(), time.process_time(); {}; " + (
    "print((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3)"
)


def milliseconds(statements: str, tree: Path) -> tuple[float, float]:
    """Return wall time and CPU of the statements in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _CODE.format(statements)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    wall, cpu = map(float, done.stdout.split())
    return wall, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--repetitions", type=int, default=15)
    arguments = parser.parse_args()
    cases = {
        "numpy alone": ("import numpy", ROOT),
        "prometheus_client": ("import numpy, prometheus_client", ROOT),
        "driftmeter.client": (SDK, ROOT),
        **({"driftmeter.client, before": (SDK, arguments.before)} if arguments.before else {}),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(arguments.repetitions + 1):
        for name, case in cases.items():
            taken[name].append(milliseconds(*case))
    # the first turn may have to read files and to write bytecode
    medians = {
        name: [statistics.median(column) for column in zip(*rest, strict=True)] for name, (_, *rest) in taken.items()
    }
    (wall, cpu), *_ = medians.values()
    print(f"{'ms':28}{'wall':>8}{'CPU':>8}   above numpy: {'wall':>8}{'CPU':>8}{'bar':>8}")
    for name, (own_wall, own_cpu) in medians.items():
        bar = f"≤ {BAR}" if name == "driftmeter.client" else ""
        print(f"{name:28}{own_wall:8.0f}{own_cpu:8.0f}{'':16}{own_wall - wall:8.0f}{own_cpu - cpu:8.0f}{bar:>8}")


if __name__ == "__main__":
    main()

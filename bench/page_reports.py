"""What does a report of drift weigh, and how soon is it seen, beside Evidently's of the same columns?

python bench/page_reports.py [--features 500] [--rows 1000] [--paints 5]

Both get the same two files, a reference and a current one, of which one column in ten drifts. Ours is `driftmeter check
--html`, Evidently's the HTML of its DataDriftPreset (group `bench` of pyproject.toml, an environment that is made at
first use). Chromium opens both from disk, in turns, each in a fresh window:

- bytes of the file;
- first meaningful paint: from the start of the navigation until the frame after the first feature is named.

Bar: both at most a fifth of Evidently's. Exit code 1: one is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from page import frame, when_painted
from turns import SILENT, Bars, rivals_python, wide_console

SHARE = 1 / 5
"""The bar."""
EVIDENTLY = """
import sys
import pandas
from evidently import Report
from evidently.presets import DataDriftPreset
reference, current, out = sys.argv[1:]
Report([DataDriftPreset()]).run(pandas.read_csv(current), pandas.read_csv(reference)).save_html(out)
"""
TIMING = """
(() => {
  const names = /(number|text)_[0-9]{3}/;
  const isNamed = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode())
      if (names.test(node.data) && !node.parentElement.closest('script, style, template')) return true;
    return false;
  };
  const look = () => {
    if (!document.body || !isNamed()) requestAnimationFrame(look);
    else requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
  };
  look();
})()
"""
"""Looks for the name of a feature in each frame."""


def first_paint(browser: Browser, path: Path) -> float:
    """Open a file in a fresh window; return ms until a feature is named."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(TIMING)
    page.goto(path.as_uri(), wait_until="commit")
    painted = when_painted(page)
    page.context.close()
    return painted


def make_reports(folder: Path, python: str, features: int, rows: int) -> tuple[Path, Path]:
    """Make our report and Evidently's of the same two files."""
    reference, current = folder / "reference.csv", folder / "current.csv"
    frame(features, rows, 1).write_csv(reference)
    frame(features, rows, 2, drift=True).write_csv(current)
    ours, theirs = folder / "driftmeter.html", folder / "evidently.html"
    profile, run = folder / "profile.json", [sys.executable, "-m", "driftmeter"]
    subprocess.run([*run, "profile", reference, "-o", profile, "--model", "bench"], check=True, capture_output=True)
    checked = subprocess.run([*run, "check", profile, current, "--html", ours], check=False, capture_output=True)
    if checked.returncode not in (0, 1):  # 1: drift was found
        raise SystemExit(checked.stderr.decode())
    command = [python, "-c", EVIDENTLY, reference, current, theirs]
    subprocess.run(list(map(str, command)), check=True, env={**os.environ, **SILENT}, stdout=subprocess.DEVNULL)
    return ours, theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=500)
    parser.add_argument("--rows", type=int, default=1_000, help="of each of the two files")
    parser.add_argument("--paints", type=int, default=5)
    options = parser.parse_args()
    console = wide_console()
    python = rivals_python(console)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        ours, theirs = make_reports(Path(folder), python, options.features, options.rows)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        paints = [[first_paint(browser, path) for path in (ours, theirs)] for _ in range(options.paints)]
        browser.close()
        sizes = [path.stat().st_size / 1000 for path in (ours, theirs)]
    seen = [statistics.median(column) for column in np.transpose(paints)]
    for name, size, paint in zip(("driftmeter", "Evidently"), sizes, seen, strict=True):
        console.print(f"{name:12} {size:10,.0f} kB {paint:8,.0f} ms")
    bars = Bars(console)
    bars.at_most("bytes over Evidently's", sizes[0] / sizes[1], SHARE)
    bars.at_most("first meaningful paint over Evidently's", seen[0] / seen[1], SHARE)
    sys.exit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()

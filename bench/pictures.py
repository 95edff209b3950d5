"""Draw the pictures of docs/detection.md: `python bench/pictures.py DELAYS.jsonl [--out docs/img]`.

DELAYS.jsonl is what `python bench/detection.py --delays --only mean --json DELAYS.jsonl` wrote, for DWS, e-SR and both
KS detectors. The year of flights is run here, as bench/real.py runs it. Plain SVG, for light and dark pages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from math import log10
from pathlib import Path

import numpy as np

from flights import REAL_INCIDENTS
from real import FAULTS, History, Year, follow, with_fault, year

STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#777}.t{font-size:15px;font-weight:600;fill:#888}"
    ".a{stroke:#999;stroke-width:1;fill:none;opacity:.5}"
)
COLOURS = {"DWS": "#0b7285", "e-SR": "#5f3dc4", "KS-1000 at .05": "#e03131", "KS-1000 at the budget": "#f08c00"}
LABELS = {
    "DWS": "DWS (default)",
    "e-SR": "e-SR (strict)",
    "KS-1000 at .05": "KS, 1,000 rows, 5 %: 1,500 false alarms in a million rows",
    "KS-1000 at the budget": "KS, 1,000 rows, same budget",
}
SHIFTS = {"mean +.1σ": 0.1, "mean +.25σ": 0.25, "mean +.5σ": 0.5, "mean +1σ": 1.0}

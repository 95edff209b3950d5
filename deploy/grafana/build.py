"""Build the dashboards: `python deploy/grafana/build.py` writes dashboards/*.json, which are committed.

Queries join replicas by kind of metric: values that all replicas share by max (p-values by min), counts of each
process by sum. A counter that has not counted yet has no series: queries of such counters end in a series of zero.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from feature import feature
from ingest import ingest
from overview import overview

DASHBOARDS = Path(__file__).with_name("dashboards")


def build() -> dict[str, str]:
    """Return every dashboard's JSON by its file name."""
    boards = {"overview": overview(), "feature": feature(), "ingest": ingest()}
    return {f"driftmeter-{name}.json": as_json(board) for name, board in boards.items()}


def as_json(board: dashboard.Dashboard) -> str:
    """Return a dashboard as JSON; equal dashboards give equal bytes."""
    built = board.build()
    for place, panel in enumerate(built.panels or [], start=1):
        panel.id_val = place
    return json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(directory: Path = DASHBOARDS) -> None:
    """Write the dashboards into a directory."""
    for name, text in build().items():
        (directory / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))

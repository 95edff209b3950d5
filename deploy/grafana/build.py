"""Build the dashboards: `python deploy/grafana/build.py` writes dashboards/*.json and community/*.json.

Both are committed.

Queries join replicas by kind of metric: values that all replicas share by max (p-values by min), counts of each
process by sum. A counter that has not counted yet has no series: queries of such counters end in a series of zero.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from board import ADDRESS, DATA_SOURCE
from feature import feature
from ingest import ingest
from overview import overview

HERE = Path(__file__).parent
INCIDENTS = {
    "titleFormat": "Incident of {{model}}",
    "textFormat": "Open; its id is {{incident}}",
    "tagKeys": "model",
    "step": "15s",
}
"""What Grafana's Prometheus plugin knows of annotations, and the SDK does not."""
INPUTS = (
    {"name": "DS_PROMETHEUS", "type": "datasource", "label": "Prometheus", "pluginId": "prometheus"}
    | {"pluginName": "Prometheus", "description": "It scrapes driftmeter's metric servers"},
    {"name": "VAR_PAGE", "type": "constant", "label": "Live page", "value": ADDRESS}
    | {"description": "Address of the metric servers, as browsers reach it"},
)
"""What is asked for when a dashboard is imported."""
PANELS = {"stat": "Stat", "state-timeline": "State timeline", "table": "Table", "timeseries": "Time series"}


def build() -> dict[str, str]:
    """Return every dashboard's JSON by its path: as it is provisioned, and to be imported anywhere."""
    boards = {"overview": overview(), "feature": feature(), "ingest": ingest()}
    files = {}
    for name, board in boards.items():
        built = as_json(board)
        files[f"dashboards/driftmeter-{name}.json"] = _text(built)
        files[f"community/driftmeter-{name}.json"] = _text(for_import(built))
    return files


def as_json(board: dashboard.Dashboard) -> dict[str, Any]:
    """Return a dashboard as JSON."""
    built = board.build()
    for place, panel in enumerate(built.panels or [], start=1):
        panel.id_val = place
    document: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    for annotation in document["annotations"]["list"]:
        annotation.update(INCIDENTS)
    return document


def for_import(board: dict[str, Any]) -> dict[str, Any]:
    """Return a dashboard as Grafana exports it for others: it can be edited, and asks for INPUTS."""
    text = json.dumps(board).replace(f'"{DATA_SOURCE}"', '"${DS_PROMETHEUS}"').replace(f'"{ADDRESS}"', '"${VAR_PAGE}"')
    kinds = sorted({panel["type"] for panel in board["panels"]} - {"row"})
    requires = [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.1.0"},
        {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        *({"type": "panel", "id": kind, "name": PANELS[kind], "version": ""} for kind in kinds),
    ]
    return {**json.loads(text), "id": None, "editable": True, "__inputs": INPUTS, "__requires": requires}


def _text(document: dict[str, Any]) -> str:
    """Return the text of a file; equal dashboards give equal bytes."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(directory: Path = HERE) -> None:
    """Write the dashboards into a directory."""
    for name, text in build().items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))

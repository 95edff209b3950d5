"""List the queries of the dashboards: `python deploy/grafana/queries.py --model flights --feature temp`.

It needs the JSON files alone, so that a test can run every query on a Prometheus without Grafana.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).with_name("dashboards")


@dataclass(frozen=True)
class PanelQuery:
    """One query of one panel, with values for its variables."""

    dashboard: str
    panel: str
    expr: str
    instant: bool


def queries(model: str, feature: str, *, rate_interval: str = "1m") -> list[PanelQuery]:
    """Return the query of every panel, annotation and variable, as Grafana sends it for this model and feature.

    Raises ValueError when a query has a variable without a value.
    """
    return [
        query
        for path in sorted(DASHBOARDS.glob("*.json"))
        for query in _board_queries(
            json.loads(path.read_text("utf-8")),
            {"model": model, "feature": feature, "__rate_interval": rate_interval},
        )
    ]


def _board_queries(board: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[PanelQuery]:
    title = board["title"]
    variables = board.get("templating", {}).get("list", [])
    # Grafana escapes the values of a variable with many values, as it joins them to a regular expression.
    many = {variable["name"] for variable in variables if variable.get("multi")}
    values = {name: re.escape(value) if name in many else value for name, value in given.items()}
    for panel in _panels(board.get("panels", [])):
        for target in panel.get("targets", []):
            expr = _filled(target["expr"], values)
            yield PanelQuery(title, panel["title"], expr, bool(target.get("instant")))
    for annotation in board.get("annotations", {}).get("list", []):
        yield PanelQuery(title, annotation["name"], _filled(annotation["expr"], values), False)
    for variable in variables:
        if variable["type"] == "query":
            # label_values(series, label) is Grafana's own function: Prometheus must have the series.
            series = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"])
            if series is None:
                raise ValueError(f"${variable['name']}: expected label_values(…), got {variable['query']!r}")
            yield PanelQuery(title, f"${variable['name']}", _filled(series[1], values), True)


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", []))


def _filled(expr: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in values:
            raise ValueError(f"{expr}: expected only {', '.join(values)} as variables, got {name}")
        return values[name].replace("\\", "\\\\").replace('"', '\\"')

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, expr)


def main() -> None:
    """Print the queries, one in each line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True)
    parser.add_argument("--feature", required=True)
    options = parser.parse_args()
    for query in queries(options.model, options.feature):
        print(f"{query.dashboard} · {query.panel}: {query.expr}")


if __name__ == "__main__":
    main()

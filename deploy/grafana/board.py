"""Parts that the dashboards share: their frame, their variables, and queries of counters and histograms."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from panels import SOURCE, page_link, query, trend
from words import MAJOR

MODELS = '{model=~"$model"}'
LEAST_P_VALUE = 1e-16
"""The smallest p-value that is drawn: a logarithmic axis has no zero."""
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


DATA_SOURCE = "driftmeter-prometheus"
"""The uid of the data source that is provisioned."""
ADDRESS = "http://localhost:8001"
"""Where compose.yaml opens the metric servers, and with them the live page."""


def board(name: str, title: str, about: str, models: str, path: str) -> dashboard.Dashboard:
    """Return an empty dashboard: data source, live page and its `path`, the other dashboards, open incidents.

    `models` selects the models of which incidents are marked.
    """
    links = dashboard.DashboardLink("driftmeter").type(DashboardLinkType.DASHBOARDS).tags(["driftmeter"])
    return (
        dashboard.Dashboard(title)
        .uid(f"driftmeter-{name}")
        .description(about)
        .tags(["driftmeter"])
        .link(links.as_dropdown(False).include_vars(True).keep_time(True))
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("5s")
        .time("now-15m", "now")
        .timezone("browser")
        .with_variable(
            dashboard.DatasourceVariable("datasource")
            .label("Data source")
            .type("prometheus")
            .current(VariableOption(text="Prometheus", value=DATA_SOURCE))
        )
        .with_variable(
            dashboard.TextBoxVariable("page")
            .label("Live page")
            .description("Address of the metric servers, as browsers reach it")
            .default_value(ADDRESS)
            .current(VariableOption(text=ADDRESS, value=ADDRESS))
        )
        .link(page_link(path))
        .annotation(
            dashboard.AnnotationQuery()
            .name("Incidents")
            .datasource(SOURCE)
            .enable(True)
            .icon_color(MAJOR)
            .expr(f"max by (model, incident) (driftmeter_incident{models})")
        )
    )


def models_variable(*, many: bool) -> dashboard.QueryVariable:
    """Return the variable `model`, which takes one model or, with `many`, any number."""
    return variable("model", "label_values(driftmeter_features_monitored, model)", many=many)


def variable(name: str, values: str, *, many: bool) -> dashboard.QueryVariable:
    """Return a variable that takes one value of a label or, with `many`, any number."""
    choice = (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query(values)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(many)
        .include_all(many)
    )
    return choice.current(VariableOption(text="All", value="$__all")) if many else choice


def rate(counter: str, by: str = "", selector: str = "", *, rare: bool = False) -> str:
    """Return a counter's sum per second; a `rare` counter is zero while no process exposes it."""
    summed = f"sum{f' by ({by}) ' if by else ''}(rate({counter}{selector}[$__rate_interval]))"
    if not rare:
        return summed
    zero = f'label_replace(vector(0), "{by}", "none", "", "")' if by else "vector(0)"
    return f"{summed} or on () {zero}"


def servers_up(job: str) -> str:
    """Return the number of a job's replicas that Prometheus reaches."""
    return f'sum(up{{job="{job}"}}) or vector(0)'


def latencies(histogram: str) -> list[Dataquery]:
    """Return queries for the quantiles of a histogram, over all processes."""
    return [
        query(
            f"histogram_quantile({quantile}, sum by (le) (rate({histogram}_bucket[$__rate_interval])))",
            name,
            ref,
        )
        for ref, (name, quantile) in zip("ABC", QUANTILES.items(), strict=True)
    ]


def coverage() -> timeseries.Panel:
    """Return the panel of the share of rows that the verdicts cover."""
    return trend(
        "Coverage",
        query(f"max by (model) (driftmeter_coverage_ratio{MODELS})", "{{model}}"),
        about="Share of the rows seen in the last 10 to 20 minutes that is in the verdicts.",
        unit="percentunit",
        most=1,
    )

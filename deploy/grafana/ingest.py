"""The dashboard "Ingest health"."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from board import MODELS, board, coverage, latencies, models_variable, rate, servers_up
from panels import number, query, trend
from words import MAJOR, OK


def ingest() -> dashboard.Dashboard:
    """Return the dashboard of rows on their way: whether all observed rows are counted, and how fast."""
    return (
        board("ingest", "Ingest health", "Does everything that is observed get counted, and how fast?", MODELS, "/")
        .with_variable(models_variable(many=True))
        .with_panel(
            number(
                "Metric servers up",
                servers_up("metric-server"),
                about="Replicas that Prometheus reaches.",
                legend="",
                steps=((None, MAJOR), (1, OK)),
                width=6,
            )
        )
        .with_panel(
            number(
                "Model servers up",
                servers_up("model-server"),
                about="Replicas that Prometheus reaches.",
                legend="",
                steps=((None, MAJOR), (1, OK)),
                width=6,
            )
        )
        .with_panel(
            number(
                "Rows counted",
                rate("driftmeter_rows_total", "model", MODELS),
                about="By all metric servers together.",
                unit="rowsps",
                width=6,
            )
        )
        .with_panel(
            number(
                "Predictions",
                "sum(rate(model_server_predictions_total[$__rate_interval]))",
                about="By all model servers together.",
                legend="",
                unit="short",
                width=6,
            )
        )
        .with_row(dashboard.Row("Rows"))
        .with_panel(
            trend(
                "Rows counted per second",
                query(rate("driftmeter_rows_total", "model", MODELS), "{{model}}"),
                about="Rows that became part of a pane, by model.",
                unit="rowsps",
            )
        )
        .with_panel(
            trend(
                "Rows dropped per second",
                query(rate("driftmeter_rows_dropped_total", "reason", MODELS, rare=True), "{{reason}}"),
                about="Rows that were observed and lost before they were counted, by reason.",
                unit="rowsps",
            )
        )
        .with_panel(
            trend(
                "Rows late per second",
                query(rate("driftmeter_rows_late_total", "model", MODELS, rare=True), "{{model}}"),
                about="Rows that came after their pane was closed.",
                unit="rowsps",
            )
        )
        .with_panel(
            trend(
                "Requests rejected per second",
                query(rate("driftmeter_rejected_requests_total", "reason", rare=True), "{{reason}}"),
                about="Requests answered 4xx, by reason: nothing of them counts.",
            )
        )
        .with_panel(coverage())
        .with_panel(
            trend(
                "Sources silent",
                query(f"max by (model) (driftmeter_sources_silent{MODELS})", "{{model}}"),
                about="Sources that went without a word; /v1/models/MODEL/sources of any metric server names them.",
            )
        )
        .with_row(dashboard.Row("Metric servers"))
        .with_panel(
            trend(
                "Time to answer",
                *latencies("driftmeter_request_duration_seconds"),
                about="Over all metric servers and routes.",
                unit="s",
            )
        )
        .with_panel(
            trend(
                "Time to answer by route, p95",
                query(
                    "histogram_quantile(0.95, sum by (le, method, route) "
                    "(rate(driftmeter_request_duration_seconds_bucket[$__rate_interval])))",
                    "{{method}} {{route}}",
                ),
                about="Over all metric servers.",
                unit="s",
            )
        )
        .with_panel(
            trend(
                "Requests per second",
                query(
                    "sum by (method, route) (rate(driftmeter_request_duration_seconds_count[$__rate_interval]))",
                    "{{method}} {{route}}",
                ),
                about="By route, over all metric servers.",
                unit="reqps",
            )
        )
        .with_panel(
            trend(
                "Servers up",
                query(servers_up("metric-server"), "metric servers", "A"),
                query(servers_up("model-server"), "model servers", "B"),
                about="Replicas that Prometheus reaches.",
            )
        )
        .with_row(dashboard.Row("Model servers"))
        .with_panel(
            trend(
                "Time to predict",
                *latencies("model_server_request_duration_seconds"),
                about="Over all model servers, the SDK's share included.",
                unit="s",
            )
        )
        .with_panel(
            trend(
                "Predictions per second",
                query("sum by (instance) (rate(model_server_predictions_total[$__rate_interval]))", "{{instance}}"),
                about="By model server.",
            )
        )
        .with_panel(
            trend(
                "SDK: rows per second",
                query(rate("driftmeter_sdk_rows_observed_total"), "observed", "A"),
                query(rate("driftmeter_sdk_rows_dropped_total", rare=True), "dropped", "B"),
                about="What model servers saw, and what their SDK could not keep.",
                unit="rowsps",
            )
        )
        .with_panel(
            trend(
                "SDK: requests per second",
                query(rate("driftmeter_sdk_requests_total"), "sent", "A"),
                query(rate("driftmeter_sdk_failures_total", rare=True), "failed", "B"),
                about="What model servers ask of metric servers: about one request a second for each open pane.",
            )
        )
    )

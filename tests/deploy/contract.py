"""The metrics that rules and dashboards may use: name → labels, as the servers expose them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# Every replica has the same value: joined by max, p-values by min.
VERDICT: Mapping[str, tuple[str, ...]] = {
    "driftmeter_feature_statistic": ("model", "feature", "test"),
    "driftmeter_feature_p_value": ("model", "feature", "test"),
    "driftmeter_feature_effect": ("model", "feature"),
    "driftmeter_feature_evidence": ("model", "feature"),
    "driftmeter_feature_drifting": ("model", "feature"),
    "driftmeter_feature_severity": ("model", "feature"),
    "driftmeter_feature_state": ("model", "feature"),
    "driftmeter_feature_follows": ("model", "feature"),
    "driftmeter_model_state": ("model",),
    "driftmeter_features_drifting": ("model",),
    "driftmeter_features_monitored": ("model",),
    "driftmeter_last_drift_timestamp_seconds": ("model",),
    "driftmeter_verdict_timestamp_seconds": ("model",),
    "driftmeter_incident_open": ("model",),
    "driftmeter_incident": ("model", "incident"),
    "driftmeter_window_rows": ("model",),
    "driftmeter_coverage_ratio": ("model",),
    "driftmeter_sources_silent": ("model",),
}

# Each process counts by itself: summed. Metrics in RARE have no series before they first count.
METRIC_SERVER: Mapping[str, tuple[str, ...]] = {
    "driftmeter_rows_total": ("model",),
    "driftmeter_rows_dropped_total": ("model", "reason"),
    "driftmeter_rows_late_total": ("model",),
    "driftmeter_rejected_requests_total": ("reason",),
    "driftmeter_request_duration_seconds_bucket": ("route", "method", "le"),
    "driftmeter_request_duration_seconds_count": ("route", "method"),
}
MODEL_SERVER: Mapping[str, tuple[str, ...]] = {
    "model_server_predictions_total": (),
    "model_server_request_duration_seconds_bucket": ("le",),
    "driftmeter_sdk_rows_observed_total": (),
    "driftmeter_sdk_rows_dropped_total": (),
    "driftmeter_sdk_requests_total": (),
    "driftmeter_sdk_failures_total": (),
}
RARE = {
    "driftmeter_rows_dropped_total",
    "driftmeter_rows_late_total",
    "driftmeter_rejected_requests_total",
    "driftmeter_sdk_rows_dropped_total",
}

KNOWN = {*VERDICT, *METRIC_SERVER, *MODEL_SERVER}
LABELS = {
    "model": "flights",
    "feature": "temp",
    "test": "ks",
    "incident": "1700000012000",
    "reason": "future",
    "route": "/v1/models",
    "method": "GET",
    "le": "+Inf",
}


def exposition(names: Mapping[str, tuple[str, ...]], value: float) -> Iterator[str]:
    """Yield a line of `value` for each metric that is not in RARE."""
    for name, labels in names.items():
        if name not in RARE:
            pairs = ",".join(f'{label}="{LABELS[label]}"' for label in labels)
            yield f"{name}{{{pairs}}} {value}\n"

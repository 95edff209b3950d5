"""The dashboard "Drift overview"."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from board import LEAST_P_VALUE, MODELS, board, coverage, models_variable
from panels import ALARM, PAGE, SEVERITY, feature_table, number, query, states, trend
from words import BLAME, HEADLINES, INCIDENT, LARGE, MAJOR, MINOR, OK, STATES, SURE

MODEL = "/ui/${__field.labels.model:percentencode}"
"""The path in the live page of the model of a line."""
FEATURE = MODEL + "/features/${__field.labels.feature:percentencode}?at=${__value.time}"
"""The path in the live page of the feature of a line, at the time of a point."""


def overview() -> dashboard.Dashboard:
    """Return "Drift overview": is anything drifting, which features, since when, and how it was before."""
    drifting = f"max by (model) (driftmeter_features_drifting{MODELS})"
    incident = f"max by (model) (driftmeter_incident_open{MODELS})"
    state = f"max by (model) (driftmeter_model_state{MODELS})"
    severity = f"max by (model, feature) (driftmeter_feature_severity{MODELS})"
    of_feature = f"max by (model, feature) (driftmeter_feature_state{MODELS})"
    follows = f"max by (model, feature) (driftmeter_feature_follows{MODELS})"
    effect = f"max by (model, feature) (driftmeter_feature_effect{MODELS})"
    evidence = f"max by (model, feature) (driftmeter_feature_evidence{MODELS})"
    p_value = f"min by (model, feature) (driftmeter_feature_p_value{MODELS})"
    # The order of the page: causes by severity and effect, then followers, then the rest by state and evidence.
    order = (
        f"100 - 50 * {follows} + 10 * {severity} + clamp_max({effect}, 9) "
        f"or {of_feature} + clamp({evidence}, -90, 90) / 100 or {of_feature} - 1"
    )
    return (
        board("overview", "Drift overview", "Is the data still what the model was trained on?", MODELS, "/")
        .with_variable(models_variable(many=True))
        .with_panel(
            number(
                "State",
                f"{state} + ({state} == bool 2) * on (model) max by (model) (driftmeter_feature_severity{MODELS})",
                about="What the live page says first of each model; of drift, the worst severity.",
                mapped=HEADLINES,
                width=6,
            )
        )
        .with_panel(
            number(
                "Features drifting",
                drifting,
                about="Features that no longer look like the reference.",
                steps=((None, OK), (1, MAJOR)),
            )
        )
        .with_panel(
            number(
                "Features monitored",
                f"max by (model) (driftmeter_features_monitored{MODELS})",
                about="Features that the profile knows.",
            )
        )
        .with_panel(
            number(
                "Incident",
                incident,
                about="An incident opens with a drift and stays open until it is closed.",
                mapped=INCIDENT,
            )
        )
        .with_panel(
            number(
                "Last drift",
                f"1000 * (max by (model) (driftmeter_last_drift_timestamp_seconds{MODELS}) > 0)",
                about="When a feature was last drifting, in event time.",
                unit="dateTimeFromNow",
                none="never",
            )
        )
        .with_panel(
            number(
                "Coverage",
                f"max by (model) (driftmeter_coverage_ratio{MODELS})",
                about="Share of the rows seen in the last 10 to 20 minutes that is in the verdicts.",
                unit="percentunit",
                steps=((None, MAJOR), (0.9, MINOR), (0.99, OK)),
            )
        )
        .with_panel(
            number(
                "Window",
                f"max by (model) (driftmeter_window_rows{MODELS})",
                about="Rows in the window that judges.",
                unit="short",
            )
        )
        .with_row(dashboard.Row("Features"))
        .with_panel(
            feature_table(
                "Features now",
                {
                    "state": f"{of_feature} + {severity}",
                    "blame": follows,
                    "how sure": evidence,
                    "evidence": evidence,
                    "how large": effect,
                    "effect": effect,
                    "smallest p-value": p_value,
                },
                order,
                about="Causes first, then what follows them. Words and limits are those of the live page.",
                links={
                    "Live page": PAGE
                    + "/ui/${__data.fields.model:percentencode}/features/${__value.raw:percentencode}",
                    "Over time": "/d/driftmeter-feature?${datasource:queryparam}&${page:queryparam}"
                    "&var-model=${__data.fields.model:percentencode}&var-feature=${__value.raw:percentencode}"
                    "&${__url_time_range}",
                },
                mapped={"state": STATES, "blame": BLAME},
                ranges={"how sure": SURE, "how large": LARGE},
                formats={"evidence": {"decimals": 1}, "effect": {"decimals": 3}, "smallest p-value": {"unit": "sci"}},
            )
        )
        .with_panel(
            states(
                "Which features drift, and since when",
                f"{of_feature} + {severity} > 0",
                about="A band for each feature while it drifts or pends. A click leads to the live page at that time.",
                legend="{{model}} {{feature}}",
                mapped=STATES,
                to_page=FEATURE,
                height=12,
            )
        )
        .with_panel(
            states(
                "Open incidents",
                f"max by (model, incident) (driftmeter_incident{MODELS})",
                about="A band for each incident, by its id, while it is open. Each is a page of its own.",
                legend="{{model}} {{incident}}",
                mapped=INCIDENT,
                to_page=MODEL + "/incidents/${__field.labels.incident:percentencode}",
                height=6,
            )
        )
        .with_row(dashboard.Row("History"))
        .with_panel(
            trend(
                "Features drifting",
                query(drifting, "{{model}}"),
                about="How many features drift.",
            )
        )
        .with_panel(
            trend(
                "Evidence by feature",
                query(f"topk(12, {evidence})", "{{model}} {{feature}}"),
                about="The strongest; log10 of how far past the alarm threshold: from 0 on a feature alarms.",
                steps=ALARM,
                least=None,
                to_page=FEATURE,
            )
        )
        .with_panel(
            trend(
                "Effect by feature",
                query(f"topk(12, {effect})", "{{model}} {{feature}}"),
                about="The largest effects; dashed lines are where drift that is sure becomes minor and major.",
                steps=SEVERITY,
                to_page=FEATURE,
            )
        )
        .with_panel(
            trend(
                "Smallest p-value by feature",
                query(f"bottomk(12, clamp_min({p_value}, {LEAST_P_VALUE}))", "{{model}} {{feature}}"),
                about="How surprising the window would be if nothing had changed; the scale is logarithmic.",
                unit="sci",
                log=True,
                to_page=FEATURE,
            )
        )
        .with_panel(coverage())
        .with_panel(
            trend(
                "Rows in the window",
                query(f"max by (model) (driftmeter_window_rows{MODELS})", "{{model}}"),
                about="Rows in the window that judges.",
            )
        )
        .with_panel(
            trend(
                "Age of the verdict",
                query(f"time() - max by (model) (driftmeter_verdict_timestamp_seconds{MODELS})", "{{model}}"),
                about="How long ago the newest pane ended that the verdict covers.",
                unit="s",
            )
        )
    )

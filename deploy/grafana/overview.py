"""The dashboard "Drift overview"."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from board import LEAST_P_VALUE, MODELS, board, coverage, models_variable
from panels import ALARM, GREEN, RED, SEVERITY, YELLOW, feature_table, number, query, states, trend


def overview() -> dashboard.Dashboard:
    """Return "Drift overview": is anything drifting, which features, since when, and how it was before."""
    drifting = f"max by (model) (driftmeter_features_drifting{MODELS})"
    incident = f"max by (model) (driftmeter_incident_open{MODELS})"
    by_feature = f"max by (model, feature) (driftmeter_feature_drifting{MODELS})"
    effect = f"max by (model, feature) (driftmeter_feature_effect{MODELS})"
    evidence = f"max by (model, feature) (driftmeter_feature_evidence{MODELS})"
    p_value = f"min by (model, feature) (driftmeter_feature_p_value{MODELS})"
    return (
        board("overview", "Drift overview", "Is the data still what the model was trained on?")
        .with_variable(models_variable(many=True))
        .with_panel(
            number(
                "State",
                f"2 * ({drifting} > bool 0) + on (model) ({incident} > bool 0)",
                about="What the current window says, and whether somebody has been paged.",
                mapped={
                    "0": ("no drift", GREEN),
                    "1": ("incident open, no drift now", YELLOW),
                    "2": ("drifting", RED),
                    "3": ("drifting, incident open", RED),
                },
                width=6,
            )
        )
        .with_panel(
            number(
                "Features drifting",
                drifting,
                about="Features that no longer look like the reference.",
                steps=((None, GREEN), (1, RED)),
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
                mapped={"0": ("none", GREEN), "1": ("open", RED)},
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
                steps=((None, RED), (0.9, YELLOW), (0.99, GREEN)),
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
                {"drifting": by_feature, "effect": effect, "smallest p-value": p_value},
                about="Effect: null-corrected PSI. Severity goes by what it is at least: from 0.1 minor, 0.25 major.",
                link=(
                    "/d/driftmeter-feature?${datasource:queryparam}&var-model=${__data.fields.model:percentencode}"
                    "&var-feature=${__value.raw:percentencode}&${__url_time_range}"
                ),
                drifting="drifting",
                effect="effect",
            )
        )
        .with_panel(
            states(
                "Which features drift, and since when",
                by_feature,
                about="Red while the verdict flags the feature.",
                legend="{{model}} {{feature}}",
                height=12,
            )
        )
        .with_panel(
            states(
                "Open incidents",
                f"max by (model, incident) (driftmeter_incident{MODELS})",
                about="A band for each incident, by its id, while it is open. Each is a page of its own.",
                legend="{{model}} {{incident}}",
                mapped={"1": ("open", RED)},
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
            )
        )
        .with_panel(
            trend(
                "Effect by feature",
                query(f"topk(12, {effect})", "{{model}} {{feature}}"),
                about="The largest effects; dashed lines are where drift that is sure becomes minor and major.",
                steps=SEVERITY,
            )
        )
        .with_panel(
            trend(
                "Smallest p-value by feature",
                query(f"bottomk(12, clamp_min({p_value}, {LEAST_P_VALUE}))", "{{model}} {{feature}}"),
                about="How surprising the window would be if nothing had changed; the scale is logarithmic.",
                unit="sci",
                log=True,
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

"""The dashboard "Drift of a feature"."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from board import LEAST_P_VALUE, board, models_variable, variable
from panels import ALARM, GREEN, RED, SEVERITY, number, query, states, trend

MODEL = '{model="$model"}'
FEATURE = '{model="$model", feature="$feature"}'


def feature() -> dashboard.Dashboard:
    """Return the dashboard of one feature: the result of each test over time."""
    drifting = f"max by (model, feature) (driftmeter_feature_drifting{FEATURE})"
    effect = f"max by (model, feature) (driftmeter_feature_effect{FEATURE})"
    evidence = f"max by (model, feature) (driftmeter_feature_evidence{FEATURE})"
    p_value = f"min by (model, feature, test) (driftmeter_feature_p_value{FEATURE})"
    return (
        board("feature", "Drift of a feature", "What each test says of one feature, over time.")
        .with_variable(models_variable(many=False))
        .with_variable(
            variable("feature", 'label_values(driftmeter_feature_drifting{model="$model"}, feature)', many=False)
        )
        .with_panel(
            number(
                "State",
                drifting,
                about="What the verdict says of this feature now.",
                legend="{{feature}}",
                mapped={"0": ("no drift", GREEN), "1": ("drifting", RED)},
                width=8,
            )
        )
        .with_panel(
            number(
                "Effect",
                effect,
                about="Null-corrected PSI; severity goes by what it is at least: from 0.1 on minor, from 0.25 major.",
                legend="{{feature}}",
                steps=SEVERITY,
                width=8,
            )
        )
        .with_panel(
            number(
                "Smallest p-value",
                f"min by (model, feature) (driftmeter_feature_p_value{FEATURE})",
                about="The most surprised of the tests.",
                legend="{{feature}}",
                unit="sci",
                width=8,
            )
        )
        .with_panel(
            trend(
                "Evidence",
                query(evidence, "{{feature}}"),
                about="Log10 of how far past the alarm threshold the strongest window is: from 0 on it alarms.",
                steps=ALARM,
                least=None,
                width=24,
            )
        )
        .with_panel(
            states("Drifting", drifting, about="Red while the verdict flags it.", legend="{{feature}}", height=5)
        )
        .with_panel(
            trend(
                "p-values",
                query(f"clamp_min({p_value}, {LEAST_P_VALUE})", "{{test}}"),
                about="By test; the scale is logarithmic.",
                unit="sci",
                log=True,
            )
        )
        .with_panel(
            trend(
                "Statistics",
                query(
                    f"max by (model, feature, test) (driftmeter_feature_statistic{FEATURE})",
                    "{{test}}",
                ),
                about="By test, each in its own unit: hide some in the legend to see the others.",
                least=None,
            )
        )
        .with_panel(
            trend(
                "Effect",
                query(effect, "{{feature}}"),
                about="Dashed lines are where drift that is sure becomes minor and major.",
                steps=SEVERITY,
            )
        )
        .with_panel(
            trend(
                "Rows in the window",
                query(f"max by (model) (driftmeter_window_rows{MODEL})", "{{model}}"),
                about="The fewer rows, the less a p-value can say.",
            )
        )
    )

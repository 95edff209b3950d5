"""The dashboard "Drift of a feature"."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from board import LEAST_P_VALUE, board, models_variable, variable
from panels import ALARM, SEVERITY, number, query, states, trend
from words import BLAME, LARGE, STATES, SURE

MODEL = '{model="$model"}'
FEATURE = '{model="$model", feature="$feature"}'
PATH = "/ui/${model:percentencode}/features/${feature:percentencode}"
"""The path of the feature in the live page."""
AT = PATH + "?at=${__value.time}"


def feature() -> dashboard.Dashboard:
    """Return the dashboard of one feature: the result of each test over time."""
    state = (
        f"max by (model, feature) (driftmeter_feature_state{FEATURE}) "
        f"+ max by (model, feature) (driftmeter_feature_severity{FEATURE})"
    )
    effect = f"max by (model, feature) (driftmeter_feature_effect{FEATURE})"
    evidence = f"max by (model, feature) (driftmeter_feature_evidence{FEATURE})"
    p_value = f"min by (model, feature, test) (driftmeter_feature_p_value{FEATURE})"
    return (
        board("feature", "Drift of a feature", "What each test says of one feature, over time.", MODEL, PATH)
        .with_variable(models_variable(many=False))
        .with_variable(
            variable("feature", 'label_values(driftmeter_feature_drifting{model="$model"}, feature)', many=False)
        )
        .with_panel(
            number(
                "State",
                state,
                about="What the verdict says of this feature now.",
                legend="{{feature}}",
                mapped=STATES,
                width=6,
            )
        )
        .with_panel(
            number(
                "Blame",
                f"max by (model, feature) (driftmeter_feature_follows{FEATURE})",
                about="Of a feature that drifts: whether it is a cause, or merely follows another feature.",
                legend="{{feature}}",
                mapped=BLAME,
                none="–",
                width=4,
            )
        )
        .with_panel(
            number(
                "How sure",
                evidence,
                about="The evidence in words: from 6 on certain, from 2 very strong, from 0 strong, from −1 pending.",
                legend="{{feature}}",
                ranges=SURE,
                none="not judged",
                width=4,
            )
        )
        .with_panel(
            number(
                "How large",
                effect,
                about="The effect in words: from 1 on very large, from 0.25 large, from 0.1 medium, from 0.01 small.",
                legend="{{feature}}",
                ranges=LARGE,
                none="–",
                width=4,
            )
        )
        .with_panel(
            number(
                "Smallest p-value",
                f"min by (model, feature) (driftmeter_feature_p_value{FEATURE})",
                about="The most surprised of the tests.",
                legend="{{feature}}",
                unit="sci",
                width=6,
            )
        )
        .with_panel(
            trend(
                "Evidence",
                query(evidence, "{{feature}}"),
                about="Log10 of how far past the alarm threshold the strongest window is: from 0 on it alarms.",
                steps=ALARM,
                least=None,
                to_page=AT,
                width=24,
            )
        )
        .with_panel(
            states(
                "State over time",
                state,
                about="What the verdict said. A click leads to the live page at that time.",
                legend="{{feature}}",
                mapped=STATES,
                to_page=AT,
                height=5,
            )
        )
        .with_panel(
            trend(
                "p-values",
                query(f"clamp_min({p_value}, {LEAST_P_VALUE})", "{{test}}"),
                about="By test; the scale is logarithmic.",
                unit="sci",
                log=True,
                to_page=AT,
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
                to_page=AT,
            )
        )
        .with_panel(
            trend(
                "Effect",
                query(effect, "{{feature}}"),
                about="Dashed lines are where drift that is sure becomes minor and major.",
                steps=SEVERITY,
                to_page=AT,
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

"""How the report and the command line write numbers and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from driftmeter.verdict.figures import percent, percents

_ENDED = {"returned": "over", "expected": "drift expected", "silenced": "does not page"}


def effect_text(effect: float | None) -> str:
    """Write an effect or evidence with three decimals; None is a dash.

    >>> effect_text(0.25), effect_text(None)
    ('0.250', '–')
    """
    return "–" if effect is None else f"{effect:.3f}"


def p_text(p_value: float | None) -> str:
    """Write a p-value with two digits; None is a dash.

    >>> p_text(0.04321), p_text(0.0), p_text(None)
    ('0.043', '< 1e-300', '–')
    """
    if p_value is None:
        return "–"
    return "< 1e-300" if p_value < 1e-300 else f"{p_value:.2g}"


def members_text(incident: Mapping[str, Any], most: int) -> str:
    """Write the names of an incident's features, the first `most`: which of them are over and why, or changed again.

    All features of a closed incident are over, which is not said again; that the drift of one may go on is.

    >>> income = {"feature": "income", "ended": None, "changed_again": "2026-11-23T06:00:00.000Z"}
    >>> city = {"feature": "city", "ended": "returned", "changed_again": None}
    >>> members_text({"state": "open", "features": [income, city, city]}, 2)
    'income (changed again), city (over) and 1 more'
    >>> members_text({"state": "closed", "features": [city, {**city, "feature": "age", "ended": "expected"}]}, 2)
    'city, age (drift expected)'
    """
    features = incident["features"]
    names = []
    for feature in features[:most]:
        returned = feature["ended"] == "returned"
        notes = (
            [_ENDED[feature["ended"]]] if feature["ended"] and not (returned and incident["state"] == "closed") else []
        )
        notes += ["changed again"] if feature["changed_again"] is not None else []
        names.append(feature["feature"] + (f" ({', '.join(notes)})" if notes else ""))
    rest = f" and {len(features) - most} more" if len(features) > most else ""
    return ", ".join(names) + rest


def rate_text(feature: Mapping[str, Any], name: str, *, changed: bool = False) -> str:
    """Write a rate of a feature's verdict as `reference → window`.

    Returns an empty string if the feature has no such rate, and, with `changed`, if both are equal.

    >>> rate_text({"rates": {"missing": {"reference": 0.0, "window": 0.5}}}, "missing")
    '0 % → 50.0 %'
    >>> rate_text({"rates": {"missing": {"reference": 1.0, "window": 1.0}}}, "missing")
    '100.0 %'
    """
    rate = (feature.get("rates") or {}).get(name)
    if not rate or (changed and rate["reference"] == rate["window"]):
        return ""
    if rate["reference"] == rate["window"]:
        return percent(rate["window"])
    return " → ".join(percents(rate["reference"], rate["window"]))

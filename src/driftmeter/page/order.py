"""The order of features: what is to blame first, then what follows from it, then what may come, then the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from driftmeter.types import JSON
from driftmeter.verdict.severity import rank

_STATES = ("drifting", "pending", "calibrating", "uncalibrated", "insufficient", "ok")
"""Worst first."""
_ROLES = ("feature", "prediction", "derived")


def in_order(features: Iterable[JSON], importances: Mapping[str, float | None]) -> list[JSON]:
    """Return the features of a verdict, as JSON, the worst first; equals by name.

    Causes come first, by severity, effect and importance, then features that follow from one, then pending ones. All
    others are by evidence.
    """
    return sorted(features, key=lambda feature: _place(feature, importances.get(feature["feature"])))


def _place(feature: JSON, importance: float | None) -> tuple[object, ...]:
    state, evidence = feature["state"], feature["evidence"]
    drifts = state == "drifting"
    return (
        _STATES.index(state) if state in _STATES else len(_STATES),
        feature.get("follows") is not None if drifts else False,
        _ROLES.index(feature["role"]) == _ROLES.index("derived") if drifts else False,
        -rank(feature["severity"]) if drifts else 0,
        -(feature["effect"] or 0.0) if drifts else 0.0,
        -(importance or 0.0) if drifts else 0.0,
        -(evidence if evidence is not None else -1e9),
        feature["feature"],
    )

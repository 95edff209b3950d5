"""The order of features: what is to blame first, then what follows from it, then what may come, then the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from driftmeter.types import JSON
from driftmeter.verdict.summary import blame_order

_STATES = ("drifting", "pending", "calibrating", "uncalibrated", "insufficient", "ok")
"""Worst first."""
_LEAST = -1e9
"""Evidence where no detector has judged."""


def in_order(features: Iterable[JSON], importances: Mapping[str, float | None]) -> list[JSON]:
    """Return the features of a verdict, as JSON, the worst first; equals by name.

    Causes come first, by severity, effect and importance, then features that follow from one, then pending ones. All
    others are by evidence.
    """
    return sorted(features, key=lambda feature: _place(feature, importances.get(feature["feature"])))


def _place(feature: JSON, importance: float | None) -> tuple[object, ...]:
    state, evidence = feature["state"], feature["evidence"]
    if state == "drifting":
        follows, severity, effect, derived, name = blame_order(feature)
        return 0, follows, severity, effect, -(importance or 0.0), derived, name
    place = _STATES.index(state) if state in _STATES else len(_STATES)
    return place, -(_LEAST if evidence is None else evidence), feature["feature"]

"""Verdicts as the metric server says them, as far as the demo reads them."""

from __future__ import annotations

from typing import Any


def feature(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "feature": name,
        "role": "feature",
        "state": "ok",
        "drifting": False,
        "severity": "none",
        "since": None,
        "effect": 0.001,
        "evidence": -8.5,
        **changes,
    }


def drifting(name: str, **changes: Any) -> dict[str, Any]:
    gone = {"state": "drifting", "drifting": True, "severity": "major", "since": "2026-05-04T10:00:20.000Z"}
    return feature(name, **{**gone, "effect": 0.5, "evidence": 12.25, **changes})


def verdict(*features: dict[str, Any], **changes: Any) -> dict[str, Any]:
    gone = [each for each in features if each["drifting"]]
    members = [{"feature": e["feature"], "role": e["role"], "since": e["since"], "why": "It drifts."} for e in gone]
    return {
        "state": "drifting" if gone else "ok",
        "rows": 3000,
        "window": {"start": "2026-05-04T10:00:00.000Z", "end": "2026-05-04T10:00:30.000Z"},
        "features_drifting": len(gone),
        "last_drift": None,
        "incident": {"since": "2026-05-04T10:00:20.000Z", "features": members} if gone else None,
        "incidents_open": int(bool(gone)),
        "features": list(features),
        **changes,
    }

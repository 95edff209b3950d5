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
    changed = {"state": "drifting", "drifting": True, "severity": "major", "since": "2026-05-04T10:00:20.000Z"}
    return feature(name, **{**changed, "effect": 0.5, "evidence": 12.25, **changes})


def verdict(*features: dict[str, Any], **changes: Any) -> dict[str, Any]:
    drifted = [feature for feature in features if feature["drifting"]]
    members = [
        {**{key: feature[key] for key in ("feature", "role", "since")}, "why": "It drifts."} for feature in drifted
    ]
    return {
        "state": "drifting" if drifted else "ok",
        "rows": 3000,
        "window": {"start": "2026-05-04T10:00:00.000Z", "end": "2026-05-04T10:00:30.000Z"},
        "features_drifting": len(drifted),
        "last_drift": None,
        "incident": {"since": "2026-05-04T10:00:20.000Z", "features": members} if drifted else None,
        "incidents_open": int(bool(drifted)),
        "incident_ids": ["1777888820000"] if drifted else [],
        "incident_oldest": None,
        "features": list(features),
        **changes,
    }

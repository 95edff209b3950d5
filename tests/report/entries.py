"""Features of a verdict as its public JSON has them, as far as reports read them."""

from __future__ import annotations

from typing import Any


def entry(name: str, state: str = "ok", **other: Any) -> dict[str, Any]:
    figures = {"role": "feature", "severity": "none", "effect": 0.0, "p_value": 0.5, "rates": {}}
    why = "Nothing beyond chance and tolerance."
    return {"feature": name, "state": state, "drifting": state == "drifting", "why": why, **figures, **other}

from __future__ import annotations

from typing import Any

from driftmeter.page.order import in_order


def feature(name: str, state: str = "drifting", **changes: Any) -> dict[str, Any]:
    role, severity = changes.pop("role", "feature"), changes.pop("severity", "none")
    return {
        "feature": name, "state": state, "role": role, "severity": severity, "effect": 0.1, "evidence": 0.0, **changes
    }  # fmt: skip


def test_causes_come_first_then_what_follows_then_pending_then_the_rest_by_evidence() -> None:
    features = [
        feature("quiet", "ok", evidence=-9.0),
        feature("nearly", "ok", evidence=-2.0),
        feature("waiting", "pending", evidence=-0.5),
        feature("follower", severity="major", effect=2.0, follows="cause"),
        feature("cause", severity="minor", effect=0.2),
        feature("worse cause", severity="major", effect=0.3),
        feature("unknown", "ok", evidence=None),
    ]
    assert [one["feature"] for one in in_order(features, {})] == [
        *("worse cause", "cause", "follower", "waiting", "nearly", "quiet", "unknown")
    ]


def test_of_equals_the_more_important_comes_first_then_the_name_decides() -> None:
    features = [feature("a"), feature("b"), feature("c")]
    assert [one["feature"] for one in in_order(features, {"c": 0.9, "a": None, "b": None})] == ["c", "a", "b"]

"""The overview: a model's state, its last hours and days, and its features, the worst cause first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftmeter.page.order import in_order
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.settings.importance import importances_of, silenced_in
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import iso, parse_time
from driftmeter.types import JSON, Milliseconds
from driftmeter.verdict.severity import worst_severity

MOST_INCIDENTS = 50
_SLOWEST: Milliseconds = 10_000
"""Time beyond a few panes after which data counts as stale: servers look at a model once a second, or take over."""
_PANES = 3


@dataclass(frozen=True)
class Standing:
    """What is known of a model beside its verdict.

    `now` is the store's time, `closed` until when event time is closed, 0 before the first pane. `sources` are numbers
    of sources by state.
    """

    now: Milliseconds
    closed: Milliseconds
    timing: Timing
    coverage: float | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    incidents: Sequence[JSON] = ()
    expected: Sequence[JSON] = ()


def overview(
    profile: Profile,
    settings: ModelSettings,
    verdict: JSON,
    standing: Standing,
    *,
    densities: Mapping[str, JSON],
    hours: JSON | None,
    days: JSON | None,
) -> JSON:
    """Return the overview of a model: its verdict, as JSON, with what is known beside it.

    `densities` are by feature, as `Thumbnails.of` makes them; `hours` and `days` as `strip` does, None of a file.
    `standing` is of the moment of the request, and so is `rows_per_second`.
    """
    importances = importances_of(settings, profile.features)
    silenced = silenced_in(settings, profile.features)
    described = {feature.name: feature for feature in profile.features}
    return {
        "model": verdict["model"],
        "profile": verdict["profile"],
        "at": iso(standing.now),
        **headline(verdict, standing.closed),
        "coverage": standing.coverage,
        "window": verdict["window"],
        "closed": iso(standing.closed) if standing.closed else None,
        "pane_seconds": standing.timing.pane / 1000,
        "stale_after_seconds": (standing.timing.lateness + _PANES * standing.timing.pane + _SLOWEST) / 1000,
        "sources": {state: standing.sources.get(state, 0) for state in ("live", "silent", "closed")},
        "hours": hours,
        "days": days,
        "incidents": list(standing.incidents)[:MOST_INCIDENTS],
        "expected": list(standing.expected),
        "features": [
            {
                "feature": name,
                "role": one["role"],
                "kind": described[name].kind,
                "column": described[name].column,
                "state": one["state"],
                "severity": one["severity"],
                "effect": one["effect"],
                "evidence": one["evidence"],
                "since": one["since"],
                "why": one["why"],
                "follows": one.get("follows"),
                "change": one.get("change"),
                "importance": importances[name],
                "pages": name not in silenced,
                "density": densities[name],
            }
            for one in in_order(verdict["features"], importances)
            if (name := one["feature"]) in described
        ],
    }


def headline(verdict: JSON, closed: Milliseconds) -> JSON:
    """Return a verdict, as JSON, in a line of a list of models: state, since when, how bad, why, and how much traffic.

    `closed` is until when event time is closed, 0 before the first pane.
    """
    drifting = (one["severity"] for one in verdict["features"] if one["state"] == "drifting")
    return {
        "state": verdict["state"],
        "since": since_of(verdict),
        "severity": worst_severity(drifting),
        "summary": verdict.get("summary"),
        "causes": causes_of(verdict),
        "rows": verdict["rows"],
        "rows_per_second": rows_per_second(verdict, closed),
    }


def since_of(verdict: JSON) -> str | None:
    """Return since when a model has been in its state, as far as its verdict says so.

    Of one that drifts it is when the first of its drifting features began, of one that is well when it last drifted.
    """
    if verdict["state"] == "drifting":
        begun = [one["since"] for one in verdict["features"] if one["state"] == "drifting" and one["since"]]
        return min(begun, default=None)
    last: str | None = verdict["last_drift"] if verdict["state"] in ("ok", "pending") else None
    return last


def causes_of(verdict: JSON) -> list[str]:
    """Return the features to blame for what drifts now, worst first; of a verdict that does not say, none."""
    return list(verdict.get("causes") or ())


def rows_per_second(verdict: JSON, closed: Milliseconds) -> float | None:
    """Return the rows of the window by the time from its start until event time is closed; None without a window."""
    window = verdict["window"]
    if window["start"] is None:
        return None
    span = max(parse_time(window["end"]), closed) - parse_time(window["start"])
    return float(f"{verdict['rows'] * 1000 / max(span, 1):.4g}")

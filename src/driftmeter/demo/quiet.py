"""Tells whether the demo stayed quiet: `driftmeter demo --for 600 --json | python -m driftmeter.demo.quiet`."""

from __future__ import annotations

import json
import sys

from driftmeter.types import JSON

_BLIND = ("uncalibrated", "calibrating", "insufficient")


def unrest(verdict: JSON) -> list[str]:
    """Return sentences that speak against a quiet run, judged by its last verdict; none if it was quiet.

    A drift during the run shows at its end: `last_drift` is kept, and an incident, which derived features open
    too, stays open for a day. A feature that could not be judged is no proof of quiet.
    """
    signs = []
    if verdict["last_drift"] is not None:
        signs.append(f"a feature or the prediction drifted, last at {verdict['last_drift']}")
    incident = verdict["incident"]
    if incident is not None:
        signs += [f"{member['feature']} since {member['since']}: {member['why']}" for member in incident["features"]]
    features = verdict["features"]
    signs += [f"{feature['feature']} is {feature['state']}" for feature in features if feature["state"] in _BLIND]
    return signs


def summary(verdict: JSON) -> str:
    """Return in one line how close to an alarm the run was at its end; an evidence of 0 alarms."""
    features = verdict["features"]
    nearest = max(features, key=_evidence)
    largest = max(features, key=lambda feature: float(feature["effect"]))
    return (
        f"{len(features)} features, {verdict['features_drifting']} drifting now, "
        f"incidents {verdict['incidents_open']}; "
        f"in the end strongest evidence {nearest['evidence']} ({nearest['feature']}), "
        f"largest effect {largest['effect']:.4f} ({largest['feature']})"
    )


def main() -> int:
    """Read the verdict of `driftmeter demo --json` from stdin and print whether it was quiet; return the exit code."""
    text = sys.stdin.read()
    verdict: JSON | None = json.loads(text) if text.strip() else None
    if not verdict:
        print("not quiet: the demo ended without a verdict")
        return 2
    signs = unrest(verdict)
    print(f"{'not quiet' if signs else 'quiet'}: {summary(verdict)}")
    for sign in signs:
        print(f"  {sign}")
    return 1 if signs else 0


def _evidence(feature: JSON) -> float:
    evidence: float | None = feature["evidence"]
    return -float("inf") if evidence is None else evidence


if __name__ == "__main__":
    sys.exit(main())

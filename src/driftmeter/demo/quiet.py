"""Says whether a run of the demo stayed quiet: `driftmeter demo --for 600 --json | python -m driftmeter.demo.quiet`."""

from __future__ import annotations

import json
import sys

from driftmeter.types import JSON

_BLIND = ("uncalibrated", "calibrating", "insufficient")


def unrest(verdict: JSON) -> list[str]:
    """Return what speaks against a quiet run, going by its last verdict; nothing where it was quiet.

    A drift during the run leaves its trace to the end: `last_drift` is kept, and an incident, which derived
    features open too, stays open for a day. Where a feature could not be judged, its silence says nothing.
    """
    found = []
    if verdict["last_drift"] is not None:
        found.append(f"a feature or the prediction drifted, last at {verdict['last_drift']}")
    incident = verdict["incident"]
    if incident is not None:
        found += [f"{each['feature']} since {each['since']}: {each['why']}" for each in incident["features"]]
    features = verdict["features"]
    found += [f"{each['feature']} is {each['state']}" for each in features if each["state"] in _BLIND]
    return found


def summary(verdict: JSON) -> str:
    """Return in a line how close to an alarm the run was in the end: an evidence of 0 alarms."""
    features = verdict["features"]
    nearest = max(features, key=lambda each: -float("inf") if each["evidence"] is None else each["evidence"])
    largest = max(features, key=lambda each: each["effect"])
    return (
        f"{len(features)} features, {verdict['features_drifting']} drifting now, "
        f"incidents {verdict['incidents_open']}; "
        f"in the end strongest evidence {nearest['evidence']} ({nearest['feature']}), "
        f"largest effect {largest['effect']:.4f} ({largest['feature']})"
    )


def main() -> int:
    """Read the verdict that `driftmeter demo --json` prints; return the exit code."""
    text = sys.stdin.read()
    verdict: JSON | None = json.loads(text) if text.strip() else None
    if not verdict:
        print("not quiet: the demo ended without a verdict")
        return 2
    found = unrest(verdict)
    print(f"{'not quiet' if found else 'quiet'}: {summary(verdict)}")
    for each in found:
        print(f"  {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

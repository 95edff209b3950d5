"""The past of a model: strips of its states, and how evidence and effect of each feature went, from kept verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from driftmeter.page.buckets import Buckets
from driftmeter.timestamps import HOUR, MINUTE, parse_time
from driftmeter.types import JSON, Floats, Milliseconds
from driftmeter.verdict.verdict import State

HOURS, DAYS = (15 * MINUTE, 96), (6 * HOUR, 120)
"""Length and number of the buckets of the last day, and of the last 30 days."""
EVIDENCE, EFFECT, DRIFTING = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Moment:
    """A verdict of the past: when it was, and (3, features) numbers, NaN where there is none."""

    at: Milliseconds
    features: Floats

    @classmethod
    def of(cls, at: Milliseconds, features: Iterable[tuple[float | None, float | None, bool]]) -> Moment:
        """Take evidence, effect, and whether it drifts, of each feature in the profile's order."""
        return cls(at, np.array([*features], dtype=np.float64).reshape(-1, 3).T)


Moments = Sequence[Moment | None]
"""The last verdict of each bucket, None where there was none."""
SliceRows = Iterable[tuple[Milliseconds, Milliseconds, int]]
"""Start, end and rows of slices."""


def strip(buckets: Buckets, last: Sequence[State | None], rows: Sequence[int], incidents: Iterable[JSON]) -> JSON:
    """Return the states and `rows` of a model by bucket, a state null where there was no verdict.

    A state is that of the `last` verdict of its bucket, and `drifting` wherever an incident, as JSON, was open.
    """
    states = list(last)
    for incident in incidents:
        opened = parse_time(incident["opened"])
        closed = buckets.end if incident["closed"] is None else parse_time(incident["closed"])
        first = max((opened - buckets.start) // buckets.step, 0)
        end = min((closed - 1 - buckets.start) // buckets.step + 1, buckets.number)
        for place in range(first, end):
            if states[place] is not None:
                states[place] = "drifting"
    return {**buckets.to_json(), "states": states, "rows": list(rows)}


def rows_by_bucket(buckets: Buckets, rows: SliceRows) -> list[int]:
    """Add up the rows of slices, each in the bucket in which it ends."""
    total = [0] * buckets.number
    for _, end, count in rows:
        place = buckets.place(end)
        if place is not None:
            total[place] += count
    return total


def trends(buckets: Buckets, moments: Moments, features: Sequence[str]) -> JSON:
    """Return evidence, effect and whether it drifts of each feature by bucket, NaN where there was no verdict.

    Each is that of the last verdict of its bucket; the effect has six decimals.
    """
    table = np.full((buckets.number, 3, len(features)), np.nan)
    for place, moment in enumerate(moments):
        if moment is not None and moment.features.shape[1] == len(features):
            table[place] = moment.features
    evidence, effect, drifting = table.transpose(1, 2, 0)
    columns = zip(evidence.tolist(), np.round(effect, 6).tolist(), drifting.tolist(), strict=True)
    series: Mapping[str, JSON] = {
        name: {"evidence": one, "effect": other, "drifting": [_flag(drifts) for drifts in third]}
        for name, (one, other, third) in zip(features, columns, strict=True)
    }
    return {**buckets.to_json(), "features": series}


def _flag(number: float) -> int | None:
    return None if math.isnan(number) else int(number)

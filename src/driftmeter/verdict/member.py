"""A feature's part in an incident, from the flag with which it joins to when it is over, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from driftmeter.timestamps import iso
from driftmeter.types import JSON, Milliseconds, Role
from driftmeter.verdict.changes import Change
from driftmeter.verdict.onset import Onset
from driftmeter.verdict.recovery import LastingChange
from driftmeter.verdict.severity import Severity

Ended = Literal["returned", "expected", "silenced"]
"""Why a feature is over: its rows look like the reference again; its drift was expected, or does not page by the
settings, and may go on."""
LEVELS_ABOVE = 2
"""What windows say counts up to this many levels above the one that alarmed: longer ones hold much that is older."""


@dataclass(frozen=True)
class Flag:
    """A feature that alarms at one pane.

    `onset` is when its drift began, or the other change that it became in an open incident, in which it is None
    otherwise: nothing new is known of that. `level` and `window` are the detector's window that alarms, as a level and
    as a length; `evidence` is log10 of how far past the alarm threshold it is. `what` and `category` name what alarms,
    as in `Cause`. `severity`, `why`, `effect` and `recognised`, the kind of change, are of one window.
    """

    feature: str
    role: Role
    onset: Onset | None
    level: int
    window: Milliseconds
    evidence: float
    severity: Severity
    why: str
    what: str
    category: bool = False
    effect: float = 0.0
    recognised: Change | None = None


@dataclass(frozen=True)
class Member:
    """A feature's part in an incident.

    Its drift began at `since`, not before `earliest` and not after `latest`. `level` and `window` are those of the flag
    with which it `joined`, or last became another change; `evidence`, `severity`, `why`, `effect` and `recognised`, the
    kind of change, are those of its strongest flag from then on, the latest of equals. `change` is what must be over.
    `over` is when it was, and `ended` why, None while it is not; `changed_again` is when it last became another change,
    None if never. `follows` names the feature that is to blame for its drift, None where it is itself.
    """

    role: Role
    since: Milliseconds
    earliest: Milliseconds
    latest: Milliseconds
    joined: Milliseconds
    level: int
    window: Milliseconds
    evidence: float
    severity: Severity
    why: str
    effect: float
    change: LastingChange
    over: Milliseconds | None = None
    ended: Ended | None = None
    changed_again: Milliseconds | None = None
    follows: str | None = None
    recognised: Change | None = None

    @classmethod
    def of(cls, flag: Flag, now: Milliseconds, clock: Milliseconds) -> Member:
        """Return the part of a feature that joins with a flag: at `now`, which is `clock` by the clock of incidents."""
        if flag.onset is None:
            raise ValueError(f"expected the onset of {flag.feature!r}, got none")
        return cls(
            role=flag.role,
            since=flag.onset.since,
            earliest=flag.onset.earliest,
            latest=flag.onset.latest,
            joined=now,
            level=flag.level,
            window=flag.window,
            evidence=flag.evidence,
            severity=flag.severity,
            why=flag.why,
            effect=flag.effect,
            change=LastingChange.of(flag.what, flag.category, flag.onset.rows, clock),
            recognised=flag.recognised,
        )

    def flagged(self, flag: Flag) -> Member:
        """Return the member after a further flag; one with an onset says what must be over now, instead of before."""
        member = self
        if flag.onset is not None:
            change = LastingChange.of(flag.what, flag.category, flag.onset.rows, self.change.since)
            member = replace(self, level=flag.level, window=flag.window, change=change)
        # evidence has a greatest value: a fault that holds it may still get worse
        elif flag.evidence < self.evidence or flag.level > self.level + LEVELS_ABOVE:
            return self
        return replace(
            member,
            evidence=flag.evidence,
            severity=flag.severity,
            why=flag.why,
            effect=flag.effect,
            recognised=flag.recognised,
        )

    def to_json(self, name: str) -> JSON:
        """Return plain JSON: times in ISO 8601."""
        return {
            "feature": name,
            "role": self.role,
            "since": iso(self.since),
            "since_range": [iso(self.earliest), iso(self.latest)],
            "joined": iso(self.joined),
            "over": None if self.over is None else iso(self.over),
            "ended": self.ended,
            "changed_again": None if self.changed_again is None else iso(self.changed_again),
            "window_seconds": self.window / 1000,
            "evidence": round(self.evidence, 2),
            "severity": self.severity,
            "effect": float(f"{self.effect:.10g}"),
            "why": self.why,
            "follows": self.follows,
            "change": None if self.recognised is None else self.recognised.to_json(),
        }

    def dump(self) -> list[object]:
        """Return the values of the fields as plain JSON."""
        recognised = None if self.recognised is None else self.recognised.to_json()
        values = {**vars(self), "change": list(vars(self.change).values()), "recognised": recognised}
        return list(values.values())

    @classmethod
    def load(cls, data: Sequence[object]) -> Member:
        """Read what `dump` wrote, or an earlier version, which had neither `follows` nor `recognised`."""
        at = [field.name for field in fields(cls)].index("change")
        before, change, (over, ended, changed_again, *later) = data[:at], data[at], data[at + 1 :]
        follows, recognised = [*later, None, None][:2]
        kind = None if recognised is None else Change.from_json(recognised)  # type: ignore[arg-type]  # as written
        return cls(*before, LastingChange.load(change), over, ended, changed_again, follows, kind)  # type: ignore[arg-type, call-arg]  # as written

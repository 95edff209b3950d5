"""Incidents: features that drift together, from opening to closing. They are what pages.

The life of an incident:

    x is flagged           y is flagged, at most a day      no flag of x or y for a day, or for
    for the first time     after the last feature joined    the feature's opening window if longer
         │                      │                                │
         ▼                      ▼                                ▼
    opens with x ────────▶ y joins ────────▶ open ──────────▶ closed
    one page               no page           any flag of      the detector begins anew
                                             x or y keeps     on x and y
                                             it open

Quiet is measured by the clock of flags, which hardly advances while there are no rows; all else by event time.
A feature flagged more than a day after the last one joined opens another incident, unless it is derived: a derived
feature explains, and joins any open incident. Flags count only from windows up to LEVELS_ABOVE levels above the
opening one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from driftmeter.timestamps import DAY, iso
from driftmeter.types import JSON, Milliseconds, Role
from driftmeter.verdict.severity import Severity, worst_severity

TOGETHER: Milliseconds = DAY
"""A feature flagged within this of the last that joined goes into the same incident: mostly they have one cause."""
QUIET: Milliseconds = DAY
"""An incident closes after this long without a flag, or after a feature's opening window where that was longer."""
LEVELS_ABOVE = 2
"""Windows more than this many levels above the opening one do not count: they hold a fault long after it is over."""
_MOST_KEPT = 200


@dataclass(frozen=True)
class Flag:
    """A feature that alarms at one pane.

    `since` is when its drift began, `level` and `window` the detector's window that alarms, as a level and as a length;
    `evidence` is log10 of how far past the alarm threshold it is. `severity`, `why` and `effect` are of one window.
    """

    feature: str
    role: Role
    since: Milliseconds
    level: int
    window: Milliseconds
    evidence: float
    severity: Severity
    why: str
    effect: float = 0.0


@dataclass(frozen=True)
class Member:
    """A feature's part in an incident.

    `since`, `level` and `window` are those of the flag with which it `joined`; `evidence`, `severity`, `effect` and
    `why` are those of its strongest flag, the latest one of equals. `flagged` is when its latest flag was, by the clock
    of flags.
    """

    role: Role
    since: Milliseconds
    joined: Milliseconds
    level: int
    window: Milliseconds
    flagged: Milliseconds
    evidence: float
    severity: Severity
    why: str
    effect: float = 0.0

    @classmethod
    def of(cls, flag: Flag, now: Milliseconds, clock: Milliseconds) -> Member:
        """Return the part of a feature that joins with a flag: at `now`, which is `clock` by the clock of flags."""
        return cls(
            role=flag.role,
            since=flag.since,
            joined=now,
            level=flag.level,
            window=flag.window,
            flagged=clock,
            evidence=flag.evidence,
            severity=flag.severity,
            why=flag.why,
            effect=flag.effect,
        )

    def to_json(self, name: str) -> JSON:
        """Return plain JSON: times in ISO 8601."""
        return {
            "feature": name,
            "role": self.role,
            "since": iso(self.since),
            "joined": iso(self.joined),
            "window_seconds": self.window / 1000,
            "evidence": round(self.evidence, 2),
            "severity": self.severity,
            "effect": float(f"{self.effect:.10g}"),
            "why": self.why,
        }


@dataclass(frozen=True)
class Incident:
    """Features that drift together: opens with the first one that is flagged, closes when all have been quiet.

    `opened` and `closed` are event times; `closed` is None while it is open. There is at least one member.
    """

    opened: Milliseconds
    members: Mapping[str, Member] = field(default_factory=dict)
    closed: Milliseconds | None = None

    @property
    def id(self) -> str:
        """The id: unique within the model, the same on every replica."""
        return str(self.opened)

    @property
    def since(self) -> Milliseconds:
        """When the drift of the first of its features began."""
        return min(member.since for member in self.members.values())

    @property
    def severity(self) -> Severity:
        """The worst severity of its features; it may change while the incident is open."""
        return worst_severity(member.severity for member in self.members.values())

    @property
    def quiet_from(self) -> Milliseconds:
        """When it closes, by the clock of flags, if no further flag comes."""
        return max(member.flagged + max(QUIET, member.window) for member in self.members.values())

    def to_json(self) -> JSON:
        """Return plain JSON: times in ISO 8601, features by when they joined, derived ones after the others."""
        ordered = sorted(self.members.items(), key=lambda item: (item[1].joined, item[1].role == "derived", item[0]))
        return {
            "id": self.id,
            "state": "open" if self.closed is None else "closed",
            "opened": iso(self.opened),
            "since": iso(self.since),
            "closed": None if self.closed is None else iso(self.closed),
            "severity": self.severity,
            "features": [member.to_json(name) for name, member in ordered],
        }

    def dump(self) -> list[object]:
        """Return what `load` reads: plain JSON, short."""
        members = {name: list(vars(member).values()) for name, member in sorted(self.members.items())}
        return [self.opened, members, self.closed]

    @classmethod
    def load(cls, data: Sequence[object]) -> Incident:
        """Read what `dump` wrote."""
        opened, members, closed = data
        return cls(opened, {name: Member(*values) for name, values in members.items()}, closed)  # type: ignore[arg-type, attr-defined]  # as written


@dataclass(frozen=True)
class Turn:
    """What one pane did to the incidents.

    `incidents` are all after the pane, oldest first; `opened` and `closed` are those that it opened and closed;
    `joined` are the flags of features that were in no open incident before.
    """

    incidents: tuple[Incident, ...]
    opened: tuple[Incident, ...] = ()
    joined: tuple[Flag, ...] = ()
    closed: tuple[Incident, ...] = ()


def member_of(incidents: Sequence[Incident], feature: str) -> Member | None:
    """Return a feature's part in an open incident; None if it is in no open incident."""
    for incident in incidents:
        if incident.closed is None and feature in incident.members:
            return incident.members[feature]
    return None


def turn(
    incidents: Sequence[Incident], flags: Sequence[Flag], now: Milliseconds, clock: Milliseconds | None = None
) -> Turn:
    """Open, extend and close incidents at a pane that ends `now`, which is `clock` by the clock of flags.

    A feature that is flagged joins the newest open incident in which the last feature joined at most a day ago; a
    derived one joins any that is open. All features that can join none open one incident together. Without a `clock`
    the clock of flags is event time.
    """
    clock = now if clock is None else clock
    members = {name for incident in incidents if incident.closed is None for name in incident.members}
    after = [_extended(incident, flags, clock) for incident in incidents]
    joined = tuple(flag for flag in flags if flag.feature not in members)
    unplaced: list[Flag] = []
    for flag in joined:
        index = _incident_to_join(after, flag, now)
        if index is None:
            unplaced.append(flag)
        else:
            after[index] = _with_member(after[index], flag, now, clock)
    opened: tuple[Incident, ...] = ()
    if unplaced:
        opened = (Incident(now, {flag.feature: Member.of(flag, now, clock) for flag in unplaced}),)
        after += opened
    over = [index for index, incident in enumerate(after) if incident.closed is None and clock >= incident.quiet_from]
    for index in over:
        after[index] = replace(after[index], closed=now)
    return Turn(_bounded(after), opened, joined, tuple(after[index] for index in over))


def _extended(incident: Incident, flags: Sequence[Flag], clock: Milliseconds) -> Incident:
    """Return an open incident with its members brought up to date by the flags; a closed one stays as it is."""
    if incident.closed is not None:
        return incident
    members = dict(incident.members)
    for flag in flags:
        member = members.get(flag.feature)
        if member is not None and flag.level <= member.level + LEVELS_ABOVE:
            # evidence has a greatest value: a fault that holds it may still get worse
            stronger = flag.evidence >= member.evidence
            members[flag.feature] = replace(
                member,
                flagged=clock,
                evidence=max(member.evidence, flag.evidence),
                severity=flag.severity if stronger else member.severity,
                why=flag.why if stronger else member.why,
                effect=flag.effect if stronger else member.effect,
            )
    return replace(incident, members=members)


def _incident_to_join(incidents: Sequence[Incident], flag: Flag, now: Milliseconds) -> int | None:
    """Return the index of the newest open incident that a flag may join; None if it can join none."""
    for index in range(len(incidents) - 1, -1, -1):
        incident = incidents[index]
        if incident.closed is not None:
            continue
        last_joined = max(member.joined for member in incident.members.values())
        if now - last_joined <= TOGETHER or flag.role == "derived":
            return index
    return None


def _with_member(incident: Incident, flag: Flag, now: Milliseconds, clock: Milliseconds) -> Incident:
    return replace(incident, members={**incident.members, flag.feature: Member.of(flag, now, clock)})


def _bounded(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """Drop the oldest closed incidents beyond the number to keep; open ones stay."""
    surplus = len(incidents) - _MOST_KEPT
    kept = []
    for incident in incidents:
        if surplus > 0 and incident.closed is not None:
            surplus -= 1
            continue
        kept.append(incident)
    return tuple(kept)

"""Incidents: features that go together, from opening to closing. They are what pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from driftmeter.timestamps import DAY, iso
from driftmeter.types import JSON, Milliseconds, Role
from driftmeter.verdict.severity import Severity

TOGETHER: Milliseconds = DAY
"""Features that are flagged within a day of each other have one cause as often as not: one incident, one page."""
QUIET: Milliseconds = DAY
"""An incident closes after a day without a flag, or after its opening window if that was longer."""
LEVELS_ABOVE = 2
"""Windows much longer than the opening one hold the fault long after it is over: they do not keep an incident open."""
_MOST = 200


@dataclass(frozen=True)
class Flag:
    """A feature that alarms at one pane: at which level, over how long a window, and why."""

    feature: str
    role: Role
    since: Milliseconds
    level: int
    window: Milliseconds
    evidence: float
    severity: Severity
    why: str


@dataclass(frozen=True)
class Member:
    """A feature's part in an incident, as when it joined; `evidence` is its strongest.

    `flagged` is when its latest flag was, by a clock that hardly advances where there are no rows.
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

    @classmethod
    def of(cls, flag: Flag, now: Milliseconds, clock: Milliseconds) -> Member:
        """Return the part of a feature that is flagged now."""
        return cls(flag.role, flag.since, now, flag.level, flag.window, clock, flag.evidence, flag.severity, flag.why)

    def to_json(self, name: str) -> JSON:
        """JSON for people."""
        return {
            "feature": name,
            "role": self.role,
            "since": iso(self.since),
            "joined": iso(self.joined),
            "window_seconds": self.window / 1000,
            "evidence": round(self.evidence, 2),
            "severity": self.severity,
            "why": self.why,
        }


@dataclass(frozen=True)
class Incident:
    """Features that went together: opens with the first that is flagged, closes when all have been quiet."""

    opened: Milliseconds
    members: Mapping[str, Member] = field(default_factory=dict)
    closed: Milliseconds | None = None

    @property
    def id(self) -> str:
        """Unique within the model, the same on every replica."""
        return str(self.opened)

    @property
    def since(self) -> Milliseconds:
        """When the first of its features went."""
        return min(each.since for each in self.members.values())

    @property
    def quiet_from(self) -> Milliseconds:
        """When, by the clock of its flags, it closes if no further one comes."""
        return max(each.flagged + max(QUIET, each.window) for each in self.members.values())

    def to_json(self) -> JSON:
        """JSON for people: times in ISO 8601, the features by when they joined."""
        ordered = sorted(self.members.items(), key=lambda item: (item[1].joined, item[1].role == "derived", item[0]))
        return {
            "id": self.id,
            "state": "open" if self.closed is None else "closed",
            "opened": iso(self.opened),
            "since": iso(self.since),
            "closed": None if self.closed is None else iso(self.closed),
            "features": [member.to_json(name) for name, member in ordered],
        }

    def dump(self) -> list[object]:
        """Return what `load` reads: plain JSON, short."""
        members = {name: list(vars(each).values()) for name, each in sorted(self.members.items())}
        return [self.opened, members, self.closed]

    @classmethod
    def load(cls, data: Sequence[object]) -> Incident:
        """Read what `dump` wrote."""
        opened, members, closed = data
        return cls(opened, {name: Member(*each) for name, each in members.items()}, closed)  # type: ignore[arg-type, attr-defined]  # as written


@dataclass(frozen=True)
class Turn:
    """What one pane did to the incidents: all of them after it, oldest first, and which flags and closings were new."""

    incidents: tuple[Incident, ...]
    opened: tuple[Incident, ...] = ()
    joined: tuple[Flag, ...] = ()
    closed: tuple[Incident, ...] = ()


def member_of(incidents: Sequence[Incident], feature: str) -> Member | None:
    """Return a feature's part in the incident that is open, None where it has none."""
    for incident in incidents:
        if incident.closed is None and feature in incident.members:
            return incident.members[feature]
    return None


def turn(
    incidents: Sequence[Incident], flags: Sequence[Flag], now: Milliseconds, clock: Milliseconds | None = None
) -> Turn:
    """Open, extend and close incidents at a pane that ends `now`, which is `clock` by the clock of flags.

    A feature that is flagged joins the open incident in which the last feature joined at most a day ago; a
    derived one joins any that is open, since it explains. What joins none opens one, together.
    """
    clock = now if clock is None else clock
    known = {name for each in incidents if each.closed is None for name in each.members}
    after = [_extended(each, flags, clock) for each in incidents]
    fresh = [flag for flag in flags if flag.feature not in known]
    alone: list[Flag] = []
    for flag in fresh:
        place = _place(after, flag, now)
        if place is None:
            alone.append(flag)
        else:
            after[place] = _with(after[place], flag, now, clock)
    opened: tuple[Incident, ...] = ()
    if alone:
        opened = (Incident(now, {flag.feature: Member.of(flag, now, clock) for flag in alone}),)
        after += opened
    done = [place for place, each in enumerate(after) if each.closed is None and clock >= each.quiet_from]
    for place in done:
        after[place] = replace(after[place], closed=now)
    return Turn(_bounded(after), opened, tuple(fresh), tuple(after[place] for place in done))


def _extended(incident: Incident, flags: Sequence[Flag], clock: Milliseconds) -> Incident:
    if incident.closed is not None:
        return incident
    members = dict(incident.members)
    for flag in flags:
        member = members.get(flag.feature)
        if member is not None and flag.level <= member.level + LEVELS_ABOVE:
            stronger = flag.evidence > member.evidence
            members[flag.feature] = replace(
                member,
                flagged=clock,
                evidence=max(member.evidence, flag.evidence),
                severity=flag.severity if stronger else member.severity,
                why=flag.why if stronger else member.why,
            )
    return replace(incident, members=members)


def _place(incidents: Sequence[Incident], flag: Flag, now: Milliseconds) -> int | None:
    for place in range(len(incidents) - 1, -1, -1):
        incident = incidents[place]
        if incident.closed is not None:
            continue
        newest = max(each.joined for each in incident.members.values())
        if now - newest <= TOGETHER or flag.role == "derived":
            return place
    return None


def _with(incident: Incident, flag: Flag, now: Milliseconds, clock: Milliseconds) -> Incident:
    return replace(incident, members={**incident.members, flag.feature: Member.of(flag, now, clock)})


def _bounded(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """Drop the oldest closed ones beyond what is kept; one that is open stays."""
    spare = len(incidents) - _MOST
    kept = []
    for each in incidents:
        if spare > 0 and each.closed is not None:
            spare -= 1
            continue
        kept.append(each)
    return tuple(kept)

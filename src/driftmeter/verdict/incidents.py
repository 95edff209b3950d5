"""Incidents: features that drift together, from opening to closing. They are what pages.

The life of an incident:

    x is flagged           y is flagged, and began         x and y are over           x is flagged again within four
    for the first time     when x did                      (recovery.py)              weeks, and looks as it did then
         │                      │                                │                         │
         ▼                      ▼                                ▼                         ▼
    opens with x ────────▶ y joins ────────▶ open ──────────▶ closed ───────────────▶ reopened
    one page               no page           reminded of     the detector begins       told as that
                                             daily           anew on x and y

A feature joins the newest open incident in which a feature has begun when it did: the ranges of their onsets touch,
within a pane's length. A derived feature explains, and also joins one in which a feature joined at most a day ago, or
one of the columns that residuals are of at most four weeks ago: where one of them is wrong, the others' residuals are,
more or less. It is over soon after the features that it explains. All others that are flagged first at one pane open
one incident together. A feature that is over while others of its incident are not may come back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from driftmeter.timestamps import DAY, iso
from driftmeter.types import JSON, Milliseconds
from driftmeter.verdict.member import Flag, Member
from driftmeter.verdict.onset import Onset
from driftmeter.verdict.severity import Severity, worst_severity
from driftmeter.verdict.summary import causes_of, lasting_of, summary_of

EXPLAINS: Milliseconds = DAY
"""A derived feature that is flagged within this of the last that joined explains it, whenever it began."""
EXPLAINS_COLUMN: Milliseconds = 28 * DAY
"""The same, of a lasting feature that is one of the columns of which residuals are, or of a residual with no other."""
MEMORY: Milliseconds = 28 * DAY
"""For so long after it closed an incident is reopened by a change that looks as it did."""
_MOST_KEPT = 200


@dataclass(frozen=True)
class Incident:
    """Features that drift together: opens with the first one that is flagged, closes when all are over.

    `opened`, `closed` and `reopened` are event times; `closed` is None while it is open, `reopened`, the last time, if
    it never was. There is at least one member.
    """

    opened: Milliseconds
    members: Mapping[str, Member] = field(default_factory=dict)
    closed: Milliseconds | None = None
    reopened: Milliseconds | None = None

    @property
    def id(self) -> str:
        """The id: unique within the model, the same on every replica."""
        return str(self.opened)

    @property
    def open_since(self) -> Milliseconds:
        """When it opened, or last was reopened."""
        return self.opened if self.reopened is None else self.reopened

    @property
    def since(self) -> Milliseconds:
        """When the drift of the first of its features began."""
        return min(member.since for member in self.members.values())

    @property
    def severity(self) -> Severity:
        """The worst severity of its features; it may change while the incident is open."""
        return worst_severity(member.severity for member in self.members.values())

    @property
    def lasting(self) -> dict[str, Member]:
        """The members that are not over."""
        return {name: member for name, member in self.members.items() if member.over is None}

    def explained(self, feature: str) -> bool:
        """Say whether a feature is a derived one that explained others, and these are over."""
        others = [member for member in self.members.values() if member.role != "derived"]
        return (
            bool(others)
            and self.members[feature].role == "derived"
            and all(member.over is not None for member in others)
        )

    def to_json(self) -> JSON:
        """Return plain JSON: times in ISO 8601, features by when they joined, derived ones after the others.

        `causes` and `summary` are of those that still drift, or of all in a closed incident.
        """
        ordered = sorted(self.members.items(), key=lambda item: (item[1].joined, item[1].role == "derived", item[0]))
        features = [member.to_json(name) for name, member in ordered]
        drifting = lasting_of(features)
        return {
            "id": self.id,
            "state": "open" if self.closed is None else "closed",
            "opened": iso(self.opened),
            "since": iso(self.since),
            "closed": None if self.closed is None else iso(self.closed),
            "severity": self.severity,
            "reopened": None if self.reopened is None else iso(self.reopened),
            "causes": [cause["feature"] for cause in causes_of(drifting)],
            "summary": summary_of(drifting),
            "features": features,
        }

    def dump(self) -> list[object]:
        """Return what `load` reads: plain JSON, short."""
        members = {name: member.dump() for name, member in sorted(self.members.items())}
        return [self.opened, members, self.closed, self.reopened]

    @classmethod
    def load(cls, data: Sequence[object]) -> Incident:
        """Read what `dump` wrote."""
        opened, members, closed, reopened = data
        read = {name: Member.load(values) for name, values in members.items()}  # type: ignore[attr-defined]  # as written
        return cls(opened, read, closed, reopened)  # type: ignore[arg-type]  # as written


@dataclass(frozen=True)
class Turn:
    """What one pane did to the incidents.

    `incidents` are all after the pane, oldest first; `opened`, `closed` and `reopened` are those that it opened, closed
    and reopened; `joined` are the flags of features that did not drift in an open incident before.
    """

    incidents: tuple[Incident, ...]
    opened: tuple[Incident, ...] = ()
    joined: tuple[Flag, ...] = ()
    closed: tuple[Incident, ...] = ()
    reopened: tuple[Incident, ...] = ()


def member_of(incidents: Sequence[Incident], feature: str) -> Member | None:
    """Return a feature's part in an open incident; None if it drifts in no open incident."""
    for incident in incidents:
        if incident.closed is None and feature in incident.lasting:
            return incident.members[feature]
    return None


def cause_of(incidents: Sequence[Incident], member: Member) -> str | None:
    """Return whom a feature follows; None if it is to blame itself, as where its cause is over and it is not."""
    lasting = member.follows is not None and member_of(incidents, member.follows) is not None
    return member.follows if lasting else None


def last_over(incidents: Sequence[Incident], feature: str) -> Milliseconds:
    """Return when a feature's last change was over, 0 if none ever was."""
    members = (incident.members.get(feature) for incident in incidents)
    return max((member.over or 0 for member in members if member is not None), default=0)


def turn(
    incidents: Sequence[Incident],
    flags: Sequence[Flag],
    now: Milliseconds,
    clock: Milliseconds | None = None,
    *,
    near: Milliseconds = 0,
    columns: Collection[str] = (),
    returns: Callable[[Flag, Member], bool] = lambda flag, member: False,
) -> Turn:
    """Open, extend, reopen and close incidents at a pane that ends `now`, which is `clock` by the clock of incidents.

    `near` is by how much the ranges of onsets may miss each other in one incident. `columns` are the features of whose
    columns residuals are. `returns` says whether a flag looks like a change that was over. Without a `clock` it is
    event time.
    """
    clock = now if clock is None else clock
    after = [_extended(incident, flags) for incident in incidents]
    joined = tuple(flag for flag in flags if member_of(incidents, flag.feature) is None)
    unplaced: list[Flag] = []
    reopened: list[int] = []
    for flag in joined:
        index = _incident_to_join(after, flag, now, near, columns)
        if index is None:
            index = _incident_to_reopen(after, flag, now, returns)
            if index is not None:
                after[index] = replace(after[index], closed=None, reopened=now)
                reopened.append(index)
        if index is None:
            unplaced.append(flag)
        else:
            after[index] = _with_member(after[index], flag, now, clock)
    unjoined: list[Flag] = []
    for flag in unplaced:  # one may have begun with a change that found its incident after it
        alone = flag.role != "derived" or not unjoined
        index = _incident_to_join(after, flag, now, near, columns) if alone else None
        if index is None:
            unjoined.append(flag)
        else:
            after[index] = _with_member(after[index], flag, now, clock)
    opened: tuple[Incident, ...] = ()
    if unjoined:
        opened = (Incident(now, {flag.feature: Member.of(flag, now, clock) for flag in unjoined}),)
        after += opened
    over = [index for index, incident in enumerate(after) if incident.closed is None and not incident.lasting]
    for index in over:
        after[index] = replace(after[index], closed=now)
    return Turn(
        _bounded(remembered(after, now)),
        opened,
        joined,
        tuple(after[index] for index in over),
        tuple(after[index] for index in reopened),
    )


def remembered(incidents: Sequence[Incident], now: Milliseconds) -> tuple[Incident, ...]:
    """Return the incidents as they are kept at `now`: the longest closed without the rows of their changes."""
    return tuple(_without_rows(incident) if _forgotten(incident, now) else incident for incident in incidents)


def _extended(incident: Incident, flags: Sequence[Flag]) -> Incident:
    """Return an open incident with its members brought up to date by the flags; a closed one stays as it is."""
    if incident.closed is not None:
        return incident
    lasting = incident.lasting
    renewed = {flag.feature: lasting[flag.feature].flagged(flag) for flag in flags if flag.feature in lasting}
    return replace(incident, members={**incident.members, **renewed}) if renewed else incident


def _incident_to_join(
    incidents: Sequence[Incident], flag: Flag, now: Milliseconds, near: Milliseconds, columns: Collection[str]
) -> int | None:
    """Return the index of the newest open incident that a flag may join; None if it can join none."""
    for index in range(len(incidents) - 1, -1, -1):
        incident = incidents[index]
        if incident.closed is not None:
            continue
        if flag.feature in incident.members or (flag.role == "derived" and _explains(incident, now, columns)):
            return index
        if any(_touch(flag.onset, member, near) for member in incident.members.values()):
            return index
    return None


def _explains(incident: Incident, now: Milliseconds, columns: Collection[str]) -> bool:
    """Say whether a derived feature that is flagged now explains an open incident."""
    last = max(member.joined for member in incident.members.values())
    alone = all(member.role == "derived" for member in incident.members.values())
    column = max((m.joined for name, m in incident.lasting.items() if alone or name in columns), default=None)
    return now - last <= EXPLAINS or (column is not None and now - column <= EXPLAINS_COLUMN)


def _forgotten(incident: Incident, now: Milliseconds) -> bool:
    return incident.closed is not None and now - incident.closed > MEMORY


def _without_rows(incident: Incident) -> Incident:
    """Return an incident without the rows by which a returning change would be known."""
    if not any(member.change.changed for member in incident.members.values()):
        return incident
    members = {
        name: replace(member, change=replace(member.change, changed=(), back=()))
        for name, member in incident.members.items()
    }
    return replace(incident, members=members)


def _touch(onset: Onset | None, member: Member, near: Milliseconds) -> bool:
    return onset is not None and onset.earliest <= member.latest + near and member.earliest <= onset.latest + near


def _incident_to_reopen(
    incidents: Sequence[Incident], flag: Flag, now: Milliseconds, returns: Callable[[Flag, Member], bool]
) -> int | None:
    """Return the index of the newest closed incident of which a flag is the change that returns; None if of none."""
    for index in range(len(incidents) - 1, -1, -1):
        incident = incidents[index]
        if incident.closed is not None and now - incident.closed <= MEMORY and flag.feature in incident.members:
            return index if returns(flag, incident.members[flag.feature]) else None
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

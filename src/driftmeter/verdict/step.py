"""What one slice brought: alarms, and what became of incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftmeter.types import Milliseconds, Role
from driftmeter.verdict.incidents import Incident, Turn
from driftmeter.verdict.member import Flag
from driftmeter.verdict.severity import Severity


@dataclass(frozen=True)
class Alarm:
    """A feature that was not flagged before, as it joins or opens an incident.

    `effect` and `severity` are of the window that alarms. `incident` is None where the severity is below the one from
    which on the model pages: the feature drifts, and is in no incident.
    """

    feature: str
    role: Role
    at: Milliseconds
    since: Milliseconds
    evidence: float
    severity: Severity
    effect: float
    why: str
    incident: str | None


@dataclass(frozen=True)
class Step:
    """What one slice brought: alarms, and the incidents that opened, closed, and were reopened.

    `changed_again` names the features of open incidents that became another change. `read` says whether the slice
    completed a pane of the detector; a pane of the detector may be several slices.
    """

    alarms: tuple[Alarm, ...] = ()
    opened: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()
    reopened: tuple[Incident, ...] = ()
    changed_again: tuple[str, ...] = ()
    read: bool = False

    @classmethod
    def of(cls, turned: Turn, unpaged: Sequence[Flag], now: Milliseconds) -> Step:
        """Return what a pane brought that ends `now`; `unpaged` are the flags below the severity to page from."""
        return cls(
            alarms=_alarms(turned, unpaged, now),
            opened=turned.opened,
            closed=turned.closed,
            reopened=turned.reopened,
            changed_again=tuple(
                name
                for incident in turned.incidents
                if incident.closed is None
                for name, member in incident.members.items()
                if member.changed_again == now
            ),
            read=True,
        )


def _alarms(turned: Turn, unpaged: Sequence[Flag], now: Milliseconds) -> tuple[Alarm, ...]:
    """Return an alarm for each feature that joined an incident at a pane that ends `now`, and for each unpaged flag."""

    def alarm(flag: Flag, incident: str | None) -> Alarm:
        return Alarm(
            feature=flag.feature,
            role=flag.role,
            at=now,
            since=now if flag.onset is None else flag.onset.since,
            evidence=flag.evidence,
            severity=flag.severity,
            effect=flag.effect,
            why=flag.why,
            incident=incident,
        )

    joined = tuple(
        alarm(flag, next(one.id for one in reversed(turned.incidents) if flag.feature in one.members))
        for flag in turned.joined
    )
    return (*joined, *(alarm(flag, None) for flag in unpaged))

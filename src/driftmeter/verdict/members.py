"""The features of open incidents, from slice to slice: their rows are counted until their change is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import sqrt

import numpy as np

from driftmeter.counts.summary import Summary
from driftmeter.detectors import Cause, Evidence
from driftmeter.panes.pane import Slice
from driftmeter.panes.retention import merged_as_of
from driftmeter.profile.profile import Profile
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import DAY, HOUR
from driftmeter.types import Counts, Milliseconds
from driftmeter.verdict.blame import Blame, Drifter
from driftmeter.verdict.contrast import Contrasts
from driftmeter.verdict.incidents import Incident, Turn
from driftmeter.verdict.member import Ended, Flag, Member
from driftmeter.verdict.onset import Onset, onset_of
from driftmeter.verdict.recovery import PART, Worth, after_pane, threshold

History = Callable[[Milliseconds], Sequence[Slice]]
"""Returns the closed slices that are kept from a time on, ascending; the newest one is the slice that is judged."""
LOOK_BACK: Milliseconds = 60 * DAY
"""No history from before this is asked for."""
_WINDOWS_BACK = 4
"""An onset is looked for in so many lengths of the window that alarms, and a day."""


def further(history: History | None, slices: Sequence[Slice]) -> History | None:
    """Return a history that goes on with further slices; None without one."""
    if history is None:
        return None
    return lambda start: [*history(start), *(slice_ for slice_ in slices if slice_.start >= start)]


def changed_again(
    before: Sequence[Incident], after: Sequence[Incident], clock: Milliseconds
) -> dict[str, Milliseconds]:
    """Return the features that became another change in a pane, and for how long their rows had not looked like the
    one before; `clock` is that of incidents after the pane."""
    return {
        name: clock - member.change.since
        for incident, later in zip(before, after, strict=True)
        for name, member in incident.lasting.items()
        if later.members[name].changed_again != member.changed_again
    }


class Past:
    """The slices up to the one that is judged, as a store holds them at its end; read where a feature alarms."""

    def __init__(self, newest: Slice, history: History | None) -> None:
        """Take the slice that is judged; without a `history` it is all that is known."""
        self._newest = newest
        self._history = history
        self._from: Milliseconds | None = None
        self._slices: list[Slice] = []

    def since(self, start: Milliseconds) -> list[Slice]:
        """Return the slices with rows that start at `start`, a full hour, or later, and at least the newest."""
        if self._from is None or start < self._from:
            kept = [] if self._history is None else merged_as_of(self._history(start), self._newest.end)
            self._from, self._slices = start, [piece for piece in kept if piece.summary.rows]
            if not self._slices or self._slices[-1].end != self._newest.end:
                self._slices.append(self._newest)
        return [piece for piece in self._slices if piece.start >= start] or self._slices[-1:]


class Members:
    """What the judge asks of the features of incidents. Compiled for a profile and its settings; keeps no state."""

    def __init__(self, profile: Profile, settings: ModelSettings) -> None:
        """Compile nothing yet: most of the time no incident is open."""
        self._settings = settings
        self._names = [feature.name for feature in profile.features]
        self._contrasts = Contrasts(profile)
        self._blame = Blame(profile)

    def with_rows(self, incidents: Sequence[Incident], summaries: Sequence[Summary]) -> tuple[Incident, ...]:
        """Return the incidents with the rows of some slices counted for each member that is not over."""
        if not any(summary.rows for summary in summaries):
            return tuple(incidents)
        counts = sum((summary.counts for summary in summaries[1:]), summaries[0].counts)
        return tuple(
            incident
            if incident.closed is not None
            else replace(
                incident,
                members={name: self._counted(name, member, counts) for name, member in incident.members.items()},
            )
            for incident in incidents
        )

    def _counted(self, name: str, member: Member, counts: Counts) -> Member:
        if member.over is not None:
            return member
        contrast = self._contrasts.of(name, member.change.what, member.change.category)
        rows = contrast.count(counts[self._contrasts.part(name)])
        return replace(member, change=member.change.with_rows(rows))

    def after_pane(
        self, incidents: Sequence[Incident], evidence: Evidence, clock: Milliseconds, quiet: Mapping[str, Ended]
    ) -> tuple[Incident, ...]:
        """Return the incidents after a complete pane: members may be over now, or another change.

        The part of a `quiet` feature is over for the reason that it maps to: nobody needs to know of its drift.
        """
        after = []
        for incident in incidents:
            if incident.closed is None:
                members = {
                    name: replace(member, over=evidence.end, ended=quiet[name])
                    if member.over is None and name in quiet
                    else self._judged(name, member, evidence, clock, explained=incident.explained(name))
                    for name, member in incident.members.items()
                }
                incident = replace(incident, members=members)
            after.append(incident)
        return tuple(after)

    def _judged(self, name: str, member: Member, evidence: Evidence, clock: Milliseconds, *, explained: bool) -> Member:
        if member.over is not None:
            return member
        index = self._names.index(name)

        def alarming(passed: Milliseconds) -> bool:
            within = evidence.fresh[:, index] & (evidence.lengths <= passed)
            return bool((evidence.evidence[within, index] >= 0).any())

        change, outcome = after_pane(
            member.change,
            self._contrasts.of(name, member.change.what, member.change.category),
            clock,
            worth=self._worth(name, member.change.what, category=member.change.category),
            least=threshold(evidence.pace),
            tolerance=sqrt(self._settings.tolerance_of(name)),
            reference_rows=self._contrasts.reference_rows(name),
            alarming=alarming,
            explained=explained,
        )
        return replace(
            member,
            change=change,
            over=evidence.end if outcome == "over" else None,
            ended="returned" if outcome == "over" else None,
            changed_again=evidence.end if outcome == "another" else member.changed_again,
        )

    def _worth(self, name: str, what: str, *, category: bool) -> Worth:
        return partial(self._contrasts.worth, name, what, category)

    def independent(self, name: str, rows: float, length: Milliseconds) -> float:
        """Return how many independent rows some rows of a feature are worth, that came in `length` ms."""
        return self._contrasts.worth(name, "bins", False, rows, length)

    def counts_of(self, name: str, cause: Cause, slice_: Slice, past: Past) -> Counts | None:
        """Return a feature's counts in the window of a cause found with `slice_`, (bins,); None if not kept."""
        start = slice_.end - cause.window
        pieces = [piece for piece in past.since(start // HOUR * HOUR) if piece.start >= start]
        counts: Counts = np.sum([piece.summary.counts[self._contrasts.part(name)] for piece in pieces], axis=0)
        return counts if pieces and int(counts.sum()) == cause.rows else None

    def onset(self, name: str, cause: Cause, slice_: Slice, past: Past, floor: Milliseconds = 0) -> Onset:
        """Return when the drift began that a detector found with `slice_`; not before `floor`."""
        found = slice_.end - cause.window
        since = max(found - (_WINDOWS_BACK - 1) * cause.window - DAY, slice_.end - LOOK_BACK, floor)
        since = since // HOUR * HOUR
        contrast = self._contrasts.of(name, cause.what, cause.category)
        worth = self._worth(name, cause.what, category=cause.category)
        return onset_of(contrast, past.since(since), self._contrasts.part(name), found, worth)

    def returns(self, flag: Flag, member: Member, past: Past) -> bool:
        """Say whether the rows since a flag's onset look like a member's change that was over, not like the reference.

        A small change is found by its mean at one time and by its shape at another: their rows are counted anew in the
        groups of the member's change, and must be near to its rows, since another finding may well be another fault.
        """
        change = member.change
        if flag.onset is None:
            return False
        contrast = self._contrasts.of(flag.feature, change.what, change.category)
        changed = np.array(change.changed, dtype=np.int64)
        evidence = contrast.evidence(changed, PART)
        if (flag.what, flag.category) == (change.what, change.category):
            return float(flag.onset.rows @ evidence) > 0
        part, slices = self._contrasts.part(flag.feature), past.since(flag.onset.since)
        rows = contrast.count(np.sum([piece.summary.counts[part] for piece in slices], axis=0))
        worth = self._worth(flag.feature, change.what, category=change.category)
        independent = worth(float(rows.sum()), slices[-1].end - slices[0].start)
        return float(rows @ evidence) > 0 and contrast.near(changed, rows, independent)

    def blamed(self, turned: Turn, past: Past) -> Turn:
        """Return what a pane did, with whom each feature of an open incident follows.

        They are judged together, by the rows since the last of them began to drift. Called where a feature joins, or
        becomes another change: between such panes nothing new is known.
        """
        lasting = {
            name: member
            for incident in turned.incidents
            if incident.closed is None
            for name, member in incident.lasting.items()
        }
        drifting = [Drifter(name, member.severity, member.effect) for name, member in lasting.items()]
        follows: Mapping[str, str | None] = {}
        if len(drifting) > 1:
            since = max(member.since for member in lasting.values())
            slices = past.since(since // HOUR * HOUR)
            of_all = [piece for piece in slices if piece.start >= since] or slices[-1:]
            follows = self._blame.follows(drifting, np.sum([piece.summary.counts for piece in of_all], axis=0))
        after = {incident.id: _following(incident, follows) for incident in turned.incidents}

        def renewed(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
            return tuple(after.get(incident.id, incident) for incident in incidents)

        return replace(
            turned,
            incidents=renewed(turned.incidents),
            opened=renewed(turned.opened),
            reopened=renewed(turned.reopened),
        )


def _following(incident: Incident, follows: Mapping[str, str | None]) -> Incident:
    """Return an open incident whose lasting features follow those given; a closed one stays as it is."""
    if incident.closed is not None:
        return incident
    changed = {name: replace(member, follows=follows.get(name)) for name, member in incident.lasting.items()}
    return replace(incident, members={**incident.members, **changed})

"""What is known of a source: what it says that it saw, what of it came, and how much of that is recent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from driftmeter.panes.totals import SourceTotals
from driftmeter.timestamps import HOUR, MINUTE, iso
from driftmeter.types import JSON, Milliseconds

SPAN: Milliseconds = 10 * MINUTE
"""Coverage looks back so far at least, and twice as far at most: a fault shows now, however long all was well."""
SILENCE: Milliseconds = MINUTE
"""A source says something every 15 s; silent for so long, and two panes, it has vanished, or said that it goes."""
REMEMBERED: Milliseconds = HOUR
"""For so long a source that vanished is counted as such; it is listed for a day."""

State = Literal["live", "silent", "closed"]


class RowTally(NamedTuple):
    """Rows of a source since it started: observed and counted as it says, added and late as the store knows."""

    observed: int = 0
    counted: int = 0
    added: int = 0
    late: int = 0

    def since(self, earlier: RowTally) -> RowTally:
        """Return how much each has grown; one that was put back has not."""
        return RowTally(*(max(0, now - then) for now, then in zip(self, earlier, strict=True)))


NOTHING = RowTally()


@dataclass(frozen=True)
class Account:
    """A source as a store keeps it: its tally now, as it was when the span `place` of time began, and the one before.

    `final` says that it owes nothing: it has said that it goes, or its rows are counted as they come.
    """

    totals: SourceTotals = field(default_factory=SourceTotals)
    added: int = 0
    late: int = 0
    final: bool = False
    place: int = 0
    earlier: RowTally = NOTHING
    latest: RowTally = NOTHING

    @property
    def tally(self) -> RowTally:
        """The tally now."""
        return RowTally(self.totals.observed, self.totals.counted, self.added, self.late)

    def write(self, now: Milliseconds, totals: SourceTotals, added: int, late: int, final: bool) -> Account:
        """Return the account after a write at the store's time `now`, which added so many rows."""
        earlier, latest = self.bases(now)
        place = max(self.place, now // SPAN)
        return Account(totals, self.added + added, self.late + late, final, place, earlier, latest)

    @classmethod
    def met(cls, now: Milliseconds, totals: SourceTotals, acknowledged: int) -> Account:
        """Return the account of a source that was not known, though others had been told of so many of its rows: what
        it says of those is none of our matter."""
        if not acknowledged:
            return cls()
        before = totals.observed - totals.counted + acknowledged
        base = RowTally(before, acknowledged, acknowledged, 0)
        return cls(added=acknowledged, place=now // SPAN, earlier=base, latest=base)

    def bases(self, now: Milliseconds) -> tuple[RowTally, RowTally]:
        """Return the tallies at the beginning of the span before the one of `now`, and of that one."""
        passed = now // SPAN - self.place
        if passed <= 0:  # below: the clock was put back
            return self.earlier, self.latest
        return (self.latest, self.tally) if passed == 1 else (self.tally, self.tally)

    def record(self, source: str, seen: Milliseconds, now: Milliseconds) -> SourceRecord:
        """Return what others need to know of it, at the store's time `now`."""
        recent = self.tally.since(self.bases(now)[0])
        return SourceRecord(source, self.totals, self.late, seen, self.added, self.final, recent)


@dataclass(frozen=True)
class SourceRecord:
    """What is known of a source: its own totals, the rows that came, those that were late, when it was last heard of.

    `recent` is the part of it all that belongs to the last SPAN or two.
    """

    source: str
    totals: SourceTotals = field(default_factory=SourceTotals)
    late: int = 0
    seen: Milliseconds = 0
    added: int = 0
    final: bool = False
    recent: RowTally = NOTHING

    @property
    def missing(self) -> int:
        """Rows that it has counted and that never came: those of a live source may be on their way."""
        return max(0, self.totals.counted - self.added)

    def state(self, now: Milliseconds, pane: Milliseconds, returned: Milliseconds = 0) -> State:
        """Say whether it lives, has vanished, or owes nothing; before the store `returned` nobody could be heard."""
        if now - max(self.seen, returned) <= SILENCE + 2 * pane:
            return "live"
        return "closed" if self.final else "silent"

    def __add__(self, other: SourceRecord) -> SourceRecord:
        """Add up two parts of one source."""
        return SourceRecord(
            self.source,
            (self.totals + other.totals).bounded(),
            self.late + other.late,
            max(self.seen, other.seen),
            self.added + other.added,
            self.final and other.final,
            RowTally(*(one + two for one, two in zip(self.recent, other.recent, strict=True))),
        )


@dataclass(frozen=True)
class Sources:
    """The sources of a model that were heard of in the last day, as seen at the store's time `now`.

    `returned` is when the store, or whoever closes panes, last came back from an absence.
    """

    records: Sequence[SourceRecord]
    now: Milliseconds
    pane: Milliseconds
    returned: Milliseconds = 0

    def state(self, each: SourceRecord) -> State:
        """Say whether a source lives, has vanished, or owes nothing."""
        return each.state(self.now, self.pane, self.returned)

    @property
    def coverage(self) -> float | None:
        """The share of the rows that they saw lately which is in the verdicts; None where they saw none.

        Lost is what a source dropped itself, what came late, and what a source that fell silent never sent.
        """
        observed = lost = 0
        for each in self.records:
            recent = each.recent
            observed += recent.observed
            lost += recent.observed - recent.counted + recent.late
            if self.state(each) == "silent":
                lost += min(each.missing, recent.observed)
        return max(0.0, min(1.0, 1 - lost / observed)) if observed else None

    @property
    def silent(self) -> tuple[SourceRecord, ...]:
        """Those that vanished lately: who has looked into it an hour later need not be told again."""
        recent = self.now - REMEMBERED
        return tuple(each for each in self.records if each.seen > recent and self.state(each) == "silent")

    def to_json(self) -> list[JSON]:
        """Plain JSON, by name."""
        return [
            {
                "source": each.source,
                "state": self.state(each),
                "seen": iso(each.seen),
                **each.totals.to_json(),
                "late": each.late,
                "missing": each.missing,
            }
            for each in self.records
        ]

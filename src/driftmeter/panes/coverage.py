"""Coverage: how many of the rows that sources saw lately are in the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from driftmeter.panes.totals import SourceTotals
from driftmeter.timestamps import HOUR, MINUTE, iso
from driftmeter.types import JSON, Milliseconds

SPAN: Milliseconds = 10 * MINUTE
"""Coverage looks back one to two spans, so that a fault shows at once however long a source was well before."""
SILENCE: Milliseconds = MINUTE
"""A live source sends something every 15 s: one that sends nothing for this long and two panes is gone."""
REMEMBERED: Milliseconds = HOUR
"""A source that vanished counts as silent for this long; it is listed for a day."""

State = Literal["live", "silent", "closed"]


class RowTally(NamedTuple):
    """Rows of a source since it started: `observed` and `counted` by its reports, `added` and `late` by the store."""

    observed: int = 0
    counted: int = 0
    added: int = 0
    late: int = 0

    def since(self, earlier: RowTally) -> RowTally:
        """Return by how much each number has grown; 0 where it is smaller than before."""
        return RowTally(*(max(0, now - then) for now, then in zip(self, earlier, strict=True)))


NOTHING = RowTally()


@dataclass(frozen=True)
class Account:
    """A source as a store keeps it: its tally now, and at the beginning of the current span and of the span before.

    `place` is the number of the current span, since the epoch; `latest` is the tally at its beginning, `earlier` that
    at the beginning of the span before. `final` says that no rows are outstanding: the source has stopped, or its rows
    are counted as they arrive.
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
        """Return the account after a write at the store's time `now` that brought `added` rows, and `late` ones."""
        earlier, latest = self.bases(now)
        place = max(self.place, now // SPAN)
        return Account(totals, self.added + added, self.late + late, final, place, earlier, latest)

    @classmethod
    def first_seen(cls, now: Milliseconds, totals: SourceTotals, acknowledged: int) -> Account:
        """Return the account of a source that the store has not seen before.

        `acknowledged` of its rows were accepted elsewhere earlier; those rows are not counted here.
        """
        if not acknowledged:
            return cls()
        before = totals.observed - totals.counted + acknowledged
        base = RowTally(before, acknowledged, acknowledged, 0)
        return cls(added=acknowledged, place=now // SPAN, earlier=base, latest=base)

    def bases(self, now: Milliseconds) -> tuple[RowTally, RowTally]:
        """Return the tallies at the beginning of the span before the current one, and of the current one."""
        passed = now // SPAN - self.place
        if passed <= 0:  # below 0 where the clock was put back
            return self.earlier, self.latest
        return (self.latest, self.tally) if passed == 1 else (self.tally, self.tally)

    def record(self, source: str, seen: Milliseconds, now: Milliseconds) -> SourceRecord:
        """Return the record of the source at the store's time `now`; it was last heard of at `seen`."""
        recent = self.tally.since(self.bases(now)[0])
        return SourceRecord(source, self.totals, self.late, seen, self.added, self.final, recent)


@dataclass(frozen=True)
class SourceRecord:
    """A source as it is shown: its own totals, the rows that arrived, those that were late, when it was last heard of.

    `recent` is its tally of the last one to two spans.
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
        """Rows that the source has counted and the store has not received; those of a live source may be on the way."""
        return max(0, self.totals.counted - self.added)

    def state(self, now: Milliseconds, pane: Milliseconds, returned: Milliseconds = 0) -> State:
        """Return whether the source is live, silent or closed; silence before the store `returned` does not count."""
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
    """The sources of a model that were heard of in the last day, at the store's time `now`.

    `pane` is the length of a pane; `returned` is when the store, or the process that closes panes, last came back after
    an absence.
    """

    records: Sequence[SourceRecord]
    now: Milliseconds
    pane: Milliseconds
    returned: Milliseconds = 0

    def state(self, record: SourceRecord) -> State:
        """Return whether a source is live, silent or closed."""
        return record.state(self.now, self.pane, self.returned)

    @property
    def coverage(self) -> float | None:
        """The share of the rows seen lately that is in the verdicts, 0 to 1; None where no rows were seen.

        Rows are lost that a source dropped, that came late, or that a silent source never sent.
        """
        observed = lost = 0
        for record in self.records:
            recent = record.recent
            observed += recent.observed
            lost += recent.observed - recent.counted + recent.late
            if self.state(record) == "silent":
                lost += min(record.missing, recent.observed)
        return max(0.0, min(1.0, 1 - lost / observed)) if observed else None

    @property
    def silent(self) -> tuple[SourceRecord, ...]:
        """The sources that vanished within the last hour."""
        oldest = self.now - REMEMBERED
        return tuple(record for record in self.records if record.seen > oldest and self.state(record) == "silent")

    def to_json(self) -> list[JSON]:
        """Return the sources as plain JSON, in the order of the records."""
        return [
            {
                "source": record.source,
                "state": self.state(record),
                "seen": iso(record.seen),
                **record.totals.to_json(),
                "late": record.late,
                "missing": record.missing,
            }
            for record in self.records
        ]

"""Panes: slices of event time per source; how they close, how old ones are merged, how windows add them up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from driftmeter.counts.summary import Summary
from driftmeter.errors import InputError
from driftmeter.timestamps import DAY, HOUR, MINUTE
from driftmeter.types import JSON, Milliseconds

MAX_AHEAD: Milliseconds = 60_000
"""A timestamp further ahead of the server than this is a broken clock, not an event."""
SOURCE_IDLE: Milliseconds = 600_000
"""A source silent for so long no longer holds the watermark back."""

_SHORTEST_ABSENCE: Milliseconds = 5_000
"""Servers close panes once a second: a gap above this is no slow round."""

# (older than, merged into slices of): what a window or a chart of that age can still resolve
LADDER: tuple[tuple[Milliseconds, Milliseconds], ...] = ((HOUR, 5 * MINUTE), (DAY, HOUR))
RETENTION: Milliseconds = 90 * DAY

MOST_ROWS = 2**53
"""Totals stay within what every JSON reader can tell apart."""
MOST_REASONS = 32
LONGEST_REASON = 64


@dataclass(frozen=True)
class Timing:
    """How a model's event time is cut: length of a pane and allowed lateness, both in milliseconds."""

    pane: Milliseconds = 10_000
    lateness: Milliseconds = 10_000

    def __post_init__(self) -> None:
        """Refuse lengths that make no sense."""
        if not 100 <= self.pane <= DAY:
            raise InputError("pane", "0.1 s to 1 day", f"{self.pane / 1000} s")
        if not 0 <= self.lateness <= 7 * DAY:
            raise InputError("lateness", "0 s to 7 days", f"{self.lateness / 1000} s")

    def pane_start(self, timestamp: Milliseconds) -> Milliseconds:
        """Return the start of the pane that holds a time: a multiple of the length since the epoch."""
        return timestamp // self.pane * self.pane


@dataclass(frozen=True)
class Totals:
    """What a source has seen since it started: rows observed, counted, and dropped by reason, and of the counted ones
    the values that could not be read, by column."""

    observed: int = 0
    counted: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Totals) -> Totals:
        """Add up two sources, or two parts of one."""
        return Totals(
            self.observed + other.observed,
            self.counted + other.counted,
            add_up(self.dropped, other.dropped),
            add_up(self.unreadable, other.unreadable),
        )

    def bounded(self) -> Totals:
        """Return totals that `from_json` takes: sums of some that it took may be larger, or have more reasons."""
        observed = min(MOST_ROWS, self.observed)
        return Totals(observed, min(observed, self.counted), _bounded(self.dropped), _bounded(self.unreadable))

    def followed_by(self, said: Totals) -> Totals:
        """Return what holds after the source said this and then that: what was overtaken on its way takes nothing
        back."""
        return said if said.observed >= self.observed else self

    def dropped_since(self, earlier: Totals) -> dict[str, int]:
        """Return by how much each reason has grown since an earlier state of the same source."""
        return _growth(self.dropped, earlier.dropped)

    def unreadable_since(self, earlier: Totals) -> dict[str, int]:
        """Return by how much each column's unreadable values have grown since then, likewise."""
        return _growth(self.unreadable, earlier.unreadable)

    def to_json(self) -> JSON:
        """Plain JSON."""
        return {
            "observed": self.observed,
            "counted": self.counted,
            "dropped": dict(sorted(self.dropped.items())),
            # only where they say something: most sources never have any
            **({"unreadable": dict(sorted(self.unreadable.items()))} if self.unreadable else {}),
        }

    @classmethod
    def from_json(cls, data: JSON) -> Totals:
        """Read what `to_json` wrote; raises ValueError on what no source can have seen."""
        dropped, unreadable = data["dropped"], data.get("unreadable", {})
        for named in (dropped, unreadable):
            if len(named) > MOST_REASONS or any(len(name) > LONGEST_REASON for name in named):
                raise ValueError(f"expected at most {MOST_REASONS} reasons of at most {LONGEST_REASON} characters")
        totals = cls(
            int(data["observed"]),
            int(data["counted"]),
            {str(reason): int(rows) for reason, rows in dropped.items()},
            {str(name): int(values) for name, values in unreadable.items()},
        )
        every = (totals.observed, totals.counted, *totals.dropped.values(), *totals.unreadable.values())
        if min(every) < 0 or max(every) > MOST_ROWS:
            raise ValueError("expected totals of at least 0 and at most 2**53")
        if totals.counted > totals.observed:
            raise ValueError("expected no more rows counted than observed")
        return totals


def add_up(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return the sums of what two counts have under each name."""
    sums = dict(one)
    for name, count in other.items():
        sums[name] = sums.get(name, 0) + count
    return sums


def _growth(now: Mapping[str, int], earlier: Mapping[str, int]) -> dict[str, int]:
    growth = {name: count - earlier.get(name, 0) for name, count in now.items()}
    return {name: count for name, count in growth.items() if count > 0}


def _bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts under a bounded number of names, of bounded length: the last ones by name are together."""
    bounded: dict[str, int] = {}
    for place, (name, count) in enumerate(sorted(counts.items())):
        fits = len(counts) <= MOST_REASONS or place < MOST_REASONS - 1
        short = name[:LONGEST_REASON] if fits else "other"
        bounded[short] = min(MOST_ROWS, bounded.get(short, 0) + count)
    return bounded


@dataclass(frozen=True)
class Pane:
    """What one source has counted so far in one slice of event time.

    Cumulative: a higher `sequence` replaces a lower one of the same source. `watermark` is set by sources
    that read a log: no earlier row of theirs will come. Live sources leave it None. `final` says that the source
    has sent all that it counted, and goes; `acknowledged` how many of its rows in other panes were acknowledged
    before, which a store that hears of the source for the first time has no part in.
    """

    digest: str
    start: Milliseconds
    length: Milliseconds
    source: str
    sequence: int
    summary: Summary
    totals: Totals = field(default_factory=Totals)
    watermark: Milliseconds | None = None
    final: bool = False
    acknowledged: int = 0

    @property
    def end(self) -> Milliseconds:
        """The first moment after the pane."""
        return self.start + self.length


@dataclass(frozen=True)
class Slice:
    """A closed slice of event time over all sources: one frozen pane, or several merged."""

    start: Milliseconds
    length: Milliseconds
    summary: Summary

    @property
    def end(self) -> Milliseconds:
        """The first moment after the slice."""
        return self.start + self.length


@dataclass(frozen=True)
class Window:
    """A sum of closed slices that end together at `end`."""

    start: Milliseconds
    end: Milliseconds
    slices: int
    summary: Summary


@dataclass(frozen=True)
class WindowSetting:
    """The judging window: the latest slices that hold at least `rows` rows, or `length` ms if that is more."""

    length: Milliseconds = 5 * MINUTE
    rows: int = 1000

    def __post_init__(self) -> None:
        """Refuse an empty window."""
        if self.length < 0 or self.rows < 0 or not (self.length or self.rows):
            raise InputError("window", "a length or a number of rows above 0", f"{self.length} ms, {self.rows} rows")

    def select(self, slices: Sequence[Slice], bins: int) -> Window:
        """Add up the latest of some closed slices, ascending by end; they must reach back far enough.

        Empty time costs nothing and changes nothing: the window ends with the last slice.
        """
        end = slices[-1].end if slices else 0
        first, rows = len(slices), 0
        for position in range(len(slices) - 1, -1, -1):
            enough = self.reached(rows, slices[position].start, end)
            if enough and first < len(slices):  # the newest slice always counts, however long it is
                break
            first, rows = position, rows + slices[position].summary.rows
        chosen = slices[first:]
        start = min((each.start for each in chosen), default=0)
        return Window(start, end, len(chosen), Summary.sum((each.summary for each in chosen), bins))

    def reached(self, rows: int, oldest_start: Milliseconds, end: Milliseconds) -> bool:
        """Say whether slices back to `oldest_start` that hold `rows` rows are enough for `select`."""
        return rows >= self.rows and oldest_start < end - self.length


def together(slices: Iterable[Slice]) -> Iterator[Slice]:
    """Give slices that come ascending by end; those that end together as one."""
    for end, group in groupby(slices, key=lambda each: each.end):
        parts = list(group)
        start = min(part.start for part in parts)
        summary = Summary.sum((part.summary for part in parts), parts[0].summary.counts.size)
        yield Slice(start, end - start, summary)


def due(start: Milliseconds, end: Milliseconds) -> tuple[tuple[Milliseconds, Milliseconds], ...]:
    """Return the merges that fall due as the fold goes from `start` to `end`: (slices ending by, new length).

    Depends on event time alone, so that every replica merges the same slices at the same point of the fold.
    """
    return tuple(
        ((end - age) // length * length, length)
        for age, length in LADDER
        if (end - age) // length > (start - age) // length
    )


def merge(slices: Iterable[Slice], length: Milliseconds) -> list[Slice]:
    """Merge slices into longer ones aligned to `length`; what is that long already stays."""
    ordered = sorted(slices, key=lambda each: (each.start, each.length))
    merged: list[Slice] = []
    for start, group in groupby(ordered, key=lambda each: each.start // length * length):
        parts = list(group)
        reach = max(length, *(part.end - start for part in parts))
        merged.append(Slice(start, reach, Summary.sum((p.summary for p in parts), parts[0].summary.counts.size)))
    return merged


def next_watermark(
    now: Milliseconds,
    timing: Timing,
    frozen: Milliseconds,
    live: bool,
    logs: Iterable[Milliseconds],
    halted_until: Milliseconds = 0,
) -> Milliseconds:
    """Return a model's new watermark; it never goes back.

    `live` says that a source without a watermark of its own was heard of lately, `logs` are the watermarks of
    the sources that read a log. Live time stands still until `halted_until`: after the store was away,
    sources first catch up. A log that is behind the watermark does not hold live time back, since all its rows
    are late anyway; other logs wait for it. And no log can close what is still ahead.
    """
    candidates = [mark for mark in logs if mark >= frozen or not live]
    if live:
        candidates.append(now - timing.lateness if now >= halted_until else frozen)
    return max(frozen, min(min(candidates, default=frozen), now))


def pulse(
    now: Milliseconds, beat: Milliseconds, halted: Milliseconds, lateness: Milliseconds
) -> tuple[Milliseconds, Milliseconds]:
    """Return when somebody last closed panes, and until when live time stands still after an absence.

    Silence for longer than any round takes: nobody could write, so the sources have catching up to do. Times that lie
    too far ahead are from before the clock was put back.
    """
    if now - beat > max(2 * lateness, _SHORTEST_ABSENCE):
        return beat, now + lateness
    return beat, halted if halted <= now + lateness else 0


def live_after(now: Milliseconds, timing: Timing) -> Milliseconds:
    """Return since when a live source must have been heard of to close panes: one that falls silent leaves some behind,
    and they close in their own time."""
    return now - SOURCE_IDLE - timing.pane - timing.lateness

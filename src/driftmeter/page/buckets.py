"""Buckets: equal steps of event time, on which charts over time are drawn."""

from __future__ import annotations

from dataclasses import dataclass

from driftmeter.panes.retention import LADDER
from driftmeter.timestamps import DAY, HOUR, MINUTE, iso
from driftmeter.types import JSON, Milliseconds

_SECOND = 1000
_STEPS = tuple(
    number * unit
    for unit, numbers in (
        (_SECOND, (1, 2, 5, 10, 15, 30)),
        (MINUTE, (1, 2, 5, 10, 15, 30)),
        (HOUR, (1, 2, 3, 6, 12)),
        (DAY, (1, 2, 5, 10)),
    )
    for number in numbers
)
"""Lengths of buckets; each begins at a multiple of its length."""
FINEST: Milliseconds = 10 * _SECOND
"""The store keeps one verdict for each such step of the last hour."""


@dataclass(frozen=True)
class Buckets:
    """`number` buckets of `step` ms from `start` on. A slice that ends with a bucket belongs to that bucket.

    >>> buckets = Buckets.covering(0, DAY, 96)
    >>> buckets.step // MINUTE, buckets.number, buckets.place(DAY), buckets.place(DAY + 1)
    (15, 96, 95, None)
    """

    start: Milliseconds
    step: Milliseconds
    number: int

    @classmethod
    def covering(
        cls, start: Milliseconds, end: Milliseconds, most: int, *, newest: Milliseconds | None = None
    ) -> Buckets:
        """Return at most `most` buckets from `start` to `end`, the last of which holds `end`.

        The first begins up to a step before or after `start`. None is shorter than what a store keeps of times as old
        as `start`, at the event time `newest`.
        """
        end = max(end, start + 1)
        least = kept_step(start + 1, end if newest is None else newest)
        days = -(-(end - start) // (most * DAY)) * DAY
        step = next((step for step in _STEPS if step >= least and step * most >= end - start), days)
        return cls.last(end, step, min(most, (end - 1) // step - start // step + 1))

    @classmethod
    def last(cls, end: Milliseconds, step: Milliseconds, number: int) -> Buckets:
        """Return so many buckets, the last of which holds the time `end`."""
        last = (max(end, 1) - 1) // step
        return cls((last - number + 1) * step, step, number)

    @property
    def end(self) -> Milliseconds:
        """Where the last bucket ends."""
        return self.start + self.number * self.step

    def place(self, time: Milliseconds) -> int | None:
        """Return the number of the bucket that a slice which ends at `time` belongs to; None outside of all."""
        place = (time - 1 - self.start) // self.step
        return place if 0 <= place < self.number else None

    def to_json(self) -> JSON:
        """Return where the buckets begin and how long each is."""
        return {"start": iso(max(self.start, 0)), "step_seconds": self.step / 1000}


def kept_step(time: Milliseconds, newest: Milliseconds) -> Milliseconds:
    """Return how far apart a store keeps verdicts and slices of what ends at a time, at the event time `newest`.

    >>> [kept_step(2 * DAY - age, 2 * DAY) // 1000 for age in (0, HOUR - 1, HOUR, DAY)]
    [10, 10, 300, 3600]
    """
    step = FINEST
    for age, length in LADDER:
        if time <= (newest - age) // length * length:
            step = max(step, length)
    return step

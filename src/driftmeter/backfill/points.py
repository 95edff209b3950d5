"""Points: after which panes a store has to hear of the fold, so that it ends with what a fold of each pane ends with.

A store thins its verdicts as they age: `panes.retention` says how. A verdict that will be gone when the history is
folded need not be made, which is nearly all of a year of panes of 10 s.
"""

from __future__ import annotations

from driftmeter.panes.retention import RETENTION
from driftmeter.timestamps import DAY, HOUR, MINUTE
from driftmeter.types import Milliseconds

_FIVE: Milliseconds = 5 * MINUTE


def is_point(end: Milliseconds, following: Milliseconds | None, last: Milliseconds) -> bool:
    """Say whether the verdict at `end` may be kept once all is folded, up to `last`; or whether a day ends there.

    `following` is the end of the next pane with rows, None where there is none. All panes of the last hour are points,
    then the last ones of 5 minutes for a day, of an hour for 90 days, and of a day before that.

    >>> last = 200 * DAY
    >>> [is_point(last - age, last - age + 10_000, last) for age in (HOUR, DAY - 10_000, 2 * DAY - 10_000)]
    [True, False, False]
    >>> is_point(last - 2 * DAY - 10_000, last - 2 * DAY, last)
    True
    """
    if following is None or end >= last - HOUR - _FIVE:
        return True
    age = last - end
    length = _FIVE if age <= DAY + HOUR else HOUR if age <= RETENTION + DAY else DAY
    return end // length != following // length

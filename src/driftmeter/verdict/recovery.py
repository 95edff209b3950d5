"""When a change is over: on evidence that the rows look like the reference again, never on silence.

Rows are counted in the groups of a contrast (contrast.py), with p the reference's shares and q′ the shares half way to
those of the changed rows. Each pane adds its rows to the excursion, which begins anew while they look changed:

    S       = −Σ_g x_g ℓ′_g · n_eff / n                  over the rows of the excursion; at S ≤ 0 they join the changed
                                                         rows, from which q′ is renewed, and it is empty again
    over      if S ≥ h, after a day of event time at least, and the excursion does not lean to the change's side
    another   if S ≥ h, and the detector alarms in a window within the excursion: a third state, in the same incident
    e^h     = 100 × the panes of a year

While the change lasts, at half its size or more, e^S has an expectation of at most 1 for each pane from which on it is
added up, so that S reaches h after e^h panes on average at least (Lorden 1971, Theorem 2): by mistake once in a hundred
years. Half, because q is estimated from rows that were found for being extreme: the truth lies between p and what they
show, and may be as far from q as from p. That holds for rows that are independent, or worth n_eff; for the tilts and
mixtures of the contrast, not for any change. How soon a change is over is a matter of its size alone: with k nats a row
between p and q′, after h / k rows or so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Literal

import numpy as np

from driftmeter.timestamps import DAY
from driftmeter.types import Counts, Milliseconds
from driftmeter.verdict.contrast import Contrast

Outcome = Literal["lasting", "over", "another"]
PART = 0.5
"""The size of a change, as a part of what its rows show, at which it still counts as lasting."""
SHORTEST: Milliseconds = DAY
"""A change is not over before its rows have looked like the reference for this long."""
YEARS = 100
"""A lasting change is taken for over once in so many years."""
LEANING = 2.0
"""In standard deviations: so far beyond the tolerance an excursion leans to the change's side and is not over yet."""
_HINT = 3.0
"""From this S on, e³ = 20 times as likely, a change is said to begin to look like the reference."""
_YEAR: Milliseconds = 365 * DAY

Worth = Callable[[float, Milliseconds], float]
"""How many independent rows some rows are worth that came in some time."""


@dataclass(frozen=True)
class LastingChange:
    """A lasting change, as counts. `what` and `category` name it as in `Cause`.

    `changed` (groups,) are rows of the change, `back` (groups,) those of the excursion, which began at `since` by the
    clock of incidents. `returning` says that the excursion begins to look like the reference.
    """

    what: str
    category: bool
    changed: tuple[int, ...]
    back: tuple[int, ...]
    since: Milliseconds
    returning: bool = False

    @classmethod
    def of(cls, what: str, category: bool, changed: Counts, clock: Milliseconds) -> LastingChange:
        """Begin without an excursion."""
        return cls(what, category, tuple(changed.tolist()), (0,) * len(changed), clock)

    @classmethod
    def load(cls, data: list[object]) -> LastingChange:
        """Read the values of the fields, as JSON has them."""
        what, category, changed, back, since, returning = data
        return cls(what, category, tuple(changed), tuple(back), since, returning)  # type: ignore[arg-type]  # as written

    def with_rows(self, rows: Counts) -> LastingChange:
        """Return the change with more rows in its excursion."""
        return replace(self, back=tuple((np.array(self.back, dtype=np.int64) + rows).tolist()))


def threshold(pace: Milliseconds) -> float:
    """Return h, where a pane stands for `pace` ms of event time.

    >>> round(threshold(3_600_000), 1), round(threshold(10_000), 1)
    (13.7, 19.6)
    """
    return log(YEARS * max(_YEAR / max(pace, 1), 1))


def after_pane(
    change: LastingChange,
    contrast: Contrast,
    clock: Milliseconds,
    *,
    worth: Worth,
    least: float,
    tolerance: float,
    reference_rows: int,
    alarming: Callable[[Milliseconds], bool],
    explained: bool = False,
) -> tuple[LastingChange, Outcome]:
    """Return a change after a complete pane, and what has become of it.

    `least` is h, `tolerance` ε in standard deviations. `alarming` says whether the detector alarms in a window that
    ends now and is no longer than some time. What the change came from is over if it is `explained`: an excursion
    without alarms is then enough.
    """
    back, changed = np.array(change.back, dtype=np.int64), np.array(change.changed, dtype=np.int64)
    evidence = contrast.evidence(changed, PART)
    rows = int(back.sum())
    raw = -float(back @ evidence)
    if raw <= 0:
        empty = (0,) * len(change.back)
        merged = tuple((changed + back).tolist())
        return replace(change, changed=merged, back=empty, since=clock, returning=False), "lasting"
    passed = clock - change.since
    independent = worth(rows, passed)
    sure = raw * independent / rows
    change = replace(change, returning=sure >= _HINT)
    if sure < least and (not explained or alarming(passed)):
        return change, "lasting"
    if sure >= least and alarming(passed):
        return LastingChange.of(change.what, change.category, back, clock), "another"
    noise = sqrt(1 / independent + 1 / max(reference_rows, 1))
    if passed < SHORTEST or contrast.leaning(evidence, back) - tolerance > LEANING * noise:
        return change, "lasting"
    return replace(change, back=(), returning=False), "over"

"""What the evaluator remembers of one model from one look to the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftmeter.panes.coverage import SourceRecord, Sources
from driftmeter.server.watch.placement import LeaseState
from driftmeter.server.watch.view import ModelView

_COUNT_EVERY = 5.0
"""Least seconds between counts of a model's sources."""
_COUNT_SHARE = 100
"""How many times as long as a count the pause after it is, at least: there may be thousands of sources."""
_SHOWN_UNHELD = 10.0
"""Seconds for which a verdict counts as fresh although no server holds the lease: the next one takes it."""


@dataclass
class Watched:
    """A model's view, and when to look again. All times are by the monotonic clock, in seconds.

    `silent` are the names of the sources that had vanished at the last count, None before the first count.
    `failure_logged` is when a failure was last logged, None while the model can be evaluated.
    """

    view: ModelView | None = None
    due: float = float("-inf")
    lease: LeaseState = field(default_factory=LeaseState)
    held: float | None = None
    sources_due: float = float("-inf")
    silent: frozenset[str] | None = None
    failure_logged: float | None = None

    def fresh(self, *, held: bool, now: float) -> bool:
        """Remember whether some server holds the lease now; return whether the verdict is kept up to date.

        >>> watched = Watched()
        >>> watched.fresh(held=True, now=0.0), watched.fresh(held=False, now=9.0), watched.fresh(held=False, now=10.0)
        (True, True, False)
        """
        if held or self.held is None:
            self.held = now
        return now - self.held < _SHOWN_UNHELD

    def newly_silent(self, sources: Sources) -> list[SourceRecord]:
        """Remember which sources are silent; return those that were not at the last count, by name."""
        silent = {source.source: source for source in sources.silent}
        before, self.silent = self.silent, frozenset(silent)
        return [] if before is None else [silent[name] for name in sorted(silent.keys() - before)]

    def counted(self, begin: float, end: float) -> None:
        """Set when to count the sources again after a count that took from `begin` to `end`."""
        self.sources_due = end + max(_COUNT_EVERY, _COUNT_SHARE * (end - begin))

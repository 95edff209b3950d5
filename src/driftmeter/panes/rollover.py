"""Rollover: how a model goes from one profile to the next, once most of its traffic is counted by the new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

PANES = 3
"""Panes in a row of which a profile must hold most rows before it becomes the active one."""


@dataclass(frozen=True)
class Rollover:
    """The profiles of a model, by digest: until a new one takes over, both are judged side by side.

    The verdict by `active` counts; servers count rows by `newest`. `leader` is another profile than the active one: the
    one that held most rows in each of the last `streak` panes, or "".

    >>> rollover = Rollover("old", "old").registered("new", idle=False)
    >>> for _ in range(PANES):
    ...     rollover = rollover.closed({"old": 10, "new": 90})
    >>> rollover
    Rollover(active='new', newest='new', leader='', streak=0)
    """

    active: str
    newest: str
    leader: str = ""
    streak: int = 0

    def registered(self, digest: str, *, idle: bool) -> Rollover:
        """Return the rollover after a profile was registered, for the first time or again.

        Where the active profile is `idle`, which means that it never had rows, the new one is active at once.
        """
        if digest == self.newest:
            return self
        return Rollover(digest if idle else self.active, digest)

    def closed(self, rows: Mapping[str, int]) -> Rollover:
        """Return the rollover after a closed pane; `rows` maps each profile to its rows in it, 0 rows change nothing.

        A profile that holds most rows for PANES panes in a row becomes active. That may be an older one, since model
        servers that bring their own profile may be rolled back. Then `newest` changes too, unless it is a profile that
        was registered and has not taken over yet.
        """
        total = sum(rows.values())
        if not total:
            return self
        leader = next((digest for digest, held in rows.items() if 2 * held > total), "")
        if leader in ("", self.active):
            return replace(self, leader="", streak=0)
        streak = self.streak + 1 if leader == self.leader else 1
        if streak < PANES:
            return replace(self, leader=leader, streak=streak)
        return Rollover(leader, leader if self.newest == self.active else self.newest)

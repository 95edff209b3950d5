"""How a model goes from one profile to the next: both are judged side by side until the newer one holds the traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

PANES = 3
"""So many panes in a row the newer profile must hold most rows of to become the active one."""


@dataclass(frozen=True)
class Rollover:
    """The profile whose verdict counts, the one that rows are counted by, and who is on its way: the profile that held
    most rows of the last `streak` panes."""

    active: str
    newest: str
    leader: str = ""
    streak: int = 0

    def registered(self, digest: str, *, idle: bool) -> Rollover:
        """Take a profile that comes new, or again; where the active one is `idle`, never having had rows, there is
        nothing to wait for."""
        if digest == self.newest:
            return self
        return Rollover(digest if idle else self.active, digest)

    def closed(self, rows: Mapping[str, int]) -> Rollover:
        """Take a closed pane's rows by profile; a pane without rows says nothing.

        Whichever profile holds most rows for long enough becomes the active one, an older one too: model servers that
        bring their own profile may be rolled back. A newest that was overtaken is the newest no more; one that is still
        on its way stays.
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

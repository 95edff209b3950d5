"""How a model goes from one profile to the next: both are judged side by side until the newer one holds the traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

PANES = 3
"""So many panes in a row the newer profile must hold most rows of to become the active one."""


@dataclass(frozen=True)
class Standing:
    """The profile whose verdict counts, the one that rows are counted by, and for how many panes that held most."""

    active: str
    newest: str
    streak: int = 0

    def registered(self, digest: str, *, idle: bool) -> Standing:
        """Take a profile that comes new, or again; where the active one is `idle`, never having had rows, there is
        nothing to wait for."""
        if digest == self.newest:
            return self
        return Standing(digest if idle else self.active, digest)

    def closed(self, rows: Mapping[str, int]) -> Standing:
        """Take a closed pane's rows by profile; a pane without rows says nothing."""
        total = sum(rows.values())
        if self.active == self.newest or not total:
            return self
        streak = self.streak + 1 if 2 * rows.get(self.newest, 0) > total else 0
        return Standing(self.newest, self.newest) if streak >= PANES else replace(self, streak=streak)

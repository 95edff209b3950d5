"""Which server folds which model: each one once, spread over those that are there.

Every model has one server that comes first, by the hash of both names among those that are there (rendezvous hashing,
Thaler and Ravishankar 1998), and it takes the lease. All this only saves work: two that fold one model do the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from hashlib import blake2b

from driftmeter.errors import DriftmeterError
from driftmeter.store import Store
from driftmeter.store.protocol import ModelRecord
from driftmeter.types import Milliseconds

ATTEND_EVERY = 2.0
"""Seconds from one sign of life to the next."""
ATTENDANCE: Milliseconds = 6_000
_PASSED_ON = 30.0
"""Seconds for which a server leaves a model that it could not advance to others."""

_log = logging.getLogger(__name__)


class Placement:
    """What one server folds. For one thread."""

    def __init__(self, store: Store, name: str, stopwatch: Callable[[], float]) -> None:
        """Go by the name of `name`, which no other server has."""
        self._store, self.name, self._stopwatch = store, name, stopwatch
        self._there = [name]
        self._attended = float("-inf")
        self._leased: dict[str, float] = {}
        self._free: dict[str, float] = {}
        self._passed_on: dict[str, float] = {}

    def attend(self) -> None:
        """Say that this server is there, and see who else is; raises StoreError."""
        now = self._stopwatch()
        if now - self._attended >= ATTEND_EVERY:
            self._there = self._store.attend(self.name, ATTENDANCE)
            self._attended = now

    def ours(self, record: ModelRecord, period: float) -> bool:
        """Say whether to fold a model now that is looked at every `period` seconds; raises StoreError."""
        model, now = record.model, self._stopwatch()
        if now < self._passed_on.get(model, now):
            return False
        length = max(4 * period, 2.0)
        if record.holder == self.name:
            # one that came later may be first now: what we have runs out, and goes over without a gap
            if self._first(model) and now - self._leased.get(model, float("-inf")) > 0.6 * length:
                return self._take(model, length, now)
            return True
        if record.holder is not None:
            self._free.pop(model, None)
            return False
        # who is first may have died a moment ago, and still count as there
        self._free[model] = self._free.get(model, 0) + 1
        return (self._first(model) or self._free[model] > 2) and self._take(model, length, now)

    def _take(self, model: str, length: float, now: float) -> bool:
        self._free.pop(model, None)
        self._leased[model] = now
        return self._store.lease(model, self.name, round(1000 * length))

    def _first(self, model: str) -> bool:
        return max(self._there, key=lambda name: _weight(name, model)) == self.name

    def pass_on(self, model: str) -> None:
        """Leave a model to others for a while, if there are any: here it cannot be folded."""
        if len(self._there) == 1:
            return
        self._passed_on[model] = self._stopwatch() + _PASSED_ON
        if self._leased.pop(model, None) is not None:
            with suppress(DriftmeterError):
                self._store.lease(model, self.name, 0)

    def keep(self, models: Collection[str]) -> None:
        """Forget all other models: they were deleted."""
        for kept in (self._leased, self._free, self._passed_on):
            for model in [model for model in kept if model not in models]:
                del kept[model]

    def leave(self) -> None:
        """Give everything up; what cannot be given up runs out."""
        try:
            for record in self._store.models():
                if record.holder == self.name:
                    self._store.lease(record.model, self.name, 0)
            self._store.attend(self.name, 0)
        except DriftmeterError as error:
            _log.info("the leases run out by themselves: %s", error)


def _weight(name: str, model: str) -> bytes:
    return blake2b(f"{name}\0{model}".encode(), digest_size=8).digest()

"""Which server folds which model: each model once, spread over the servers that are alive.

For every model one server comes first, by the hash of both names (rendezvous hashing, Thaler and Ravishankar 1998), and
that server takes the lease. The lease only saves work: two servers that fold the same model get the same verdict.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal

from driftmeter.engine.engine import Engine
from driftmeter.errors import DriftmeterError
from driftmeter.store.records import ModelRecord
from driftmeter.types import Milliseconds

HEARTBEAT_EVERY = 2.0
"""Seconds from one heartbeat to the next."""
HEARTBEAT: Milliseconds = 6_000
"""How long a server counts as alive after a heartbeat."""
_PASSED_ON = 30.0
"""Seconds for which a server leaves a model that it could not fold to others."""
_RENEW_AFTER = 0.6
"""Share of a lease's length after which it is renewed."""
_FREE_LOOKS = 2
"""Looks in a row without a holder after which any server takes the lease: the first one may have died just now, and
still count as alive."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeaseState:
    """What one server remembers of the lease on one model; times are by its stopwatch, in seconds.

    `taken` is when it last asked for the lease, None if it never did or gave it up. `free_looks` counts the looks in
    a row that found no holder. Until `passed_on_until` it leaves the model to others.
    """

    taken: float | None = None
    free_looks: int = 0
    passed_on_until: float = float("-inf")


Decision = Literal["leave", "fold", "take"]
"""Leave a model to others, fold it under the lease that is held, or take (or renew) the lease to fold it."""


def decide(
    state: LeaseState, record: ModelRecord, *, name: str, servers: Iterable[str], length: float, now: float
) -> tuple[Decision, LeaseState]:
    """Decide what the server `name` does with a model at `now`, where leases are `length` seconds long.

    `servers` are all that are alive. Returns the decision and what to remember if it could be carried out.
    """
    if now < state.passed_on_until:
        return "leave", state
    taken = LeaseState(now, 0, state.passed_on_until)
    if record.holder == name:
        # a server that came later may be first now: then this lease runs out, and goes over without a gap
        renew = state.taken is None or now - state.taken > _RENEW_AFTER * length
        return ("take", taken) if renew and first(servers, record.model) == name else ("fold", state)
    if record.holder is not None:
        return "leave", replace(state, free_looks=0)
    if state.free_looks >= _FREE_LOOKS or first(servers, record.model) == name:
        return "take", taken
    return "leave", replace(state, free_looks=state.free_looks + 1)


def first(servers: Iterable[str], model: str) -> str:
    """Return the server that comes first for a model.

    >>> first(["a", "b"], "shop"), first(["a", "b"], "fraud")
    ('b', 'a')
    """
    return max(servers, key=lambda name: blake2b(f"{name}\0{model}".encode(), digest_size=8).digest())


class Placement:
    """Asks for leases on behalf of one server, and knows which other servers are alive. For one thread."""

    def __init__(self, engine: Engine, name: str, stopwatch: Callable[[], float]) -> None:
        """Act for the server `name`; no other server has that name."""
        self._engine, self.name, self._stopwatch = engine, name, stopwatch
        self._servers = [name]
        self._heartbeat_at = float("-inf")

    def heartbeat(self) -> None:
        """Send a heartbeat every HEARTBEAT_EVERY seconds, and learn which servers are alive; raises StoreError."""
        now = self._stopwatch()
        if now - self._heartbeat_at >= HEARTBEAT_EVERY:
            self._servers = self._engine.heartbeat(self.name, HEARTBEAT)
            self._heartbeat_at = now

    def ours(self, state: LeaseState, record: ModelRecord, period: float) -> tuple[bool, LeaseState]:
        """Decide whether to fold a model now, which is looked at every `period` seconds, and what to remember.

        Takes or renews the lease if that is due. Raises StoreError.
        """
        length = max(4 * period, 2.0)
        decision, state = decide(
            state, record, name=self.name, servers=self._servers, length=length, now=self._stopwatch()
        )
        if decision == "take":
            return self._engine.lease(record.model, self.name, round(1000 * length)), state
        return decision == "fold", state

    def pass_on(self, state: LeaseState, model: str) -> LeaseState:
        """Leave a model that cannot be folded here to other servers for a while, if there are any."""
        if len(self._servers) == 1:
            return state
        if state.taken is not None:
            with suppress(DriftmeterError):
                self._engine.lease(model, self.name, 0)
        return LeaseState(None, state.free_looks, self._stopwatch() + _PASSED_ON)

    def leave(self) -> None:
        """Give up all leases, and say that this server is gone; leases that cannot be given up run out."""
        try:
            for record in self._engine.models():
                if record.holder == self.name:
                    self._engine.lease(record.model, self.name, 0)
            self._engine.heartbeat(self.name, 0)
        except DriftmeterError as error:
            _log.info("the leases run out by themselves: %s", error)

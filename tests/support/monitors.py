"""Monitors of a test, and the tier that they report to: fixtures of several rooms are made of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from driftmeter.client import Monitor
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.tier import Tier

MakeMonitor = Callable[..., Monitor]
"""Makes a monitor of a profile or None, with options of `Monitor`."""


@contextmanager
def running_tier(*profiles: Profile, timing: Timing | None = None) -> Iterator[Tier]:
    """Run a tier that knows the profiles; panes are of 10 s unless the timing says otherwise."""
    tier = Tier(timing or Timing(10_000, 10_000))
    for profile in profiles:
        tier.register(profile)
    try:
        yield tier
    finally:
        tier.stop()


@contextmanager
def monitors_of(tier: Tier, **always: Any) -> Iterator[MakeMonitor]:
    """Yield a function that makes monitors of the model `m` which report to the tier every 50 ms; close them."""
    made: list[Monitor] = []

    def make(profile: Any = None, **options: Any) -> Monitor:
        chosen = {"url": tier.url, "model": "m", "interval": 0.05, "source": "test", **always, **options}
        made.append(Monitor(chosen.pop("url"), profile=profile, **chosen))
        return made[-1]

    yield make
    for monitor in made:
        monitor.close(0.5)

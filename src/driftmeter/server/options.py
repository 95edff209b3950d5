"""The options of a metric server; the command line reads them from flags and from `DRIFTMETER_*`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.settings.model import ModelSettings


@dataclass(frozen=True)
class Settings:
    """Where to listen, which store to use, and how much to take at once.

    `model` holds the settings of models without settings of their own; `models` holds settings by model, which those
    models get at the start, or with their first profile. `max_body` bounds one request in bytes, also after
    decompression. `max_waiting` bounds the writes that wait for the store, and `max_in_flight` the bytes of all
    bodies held at once; above either, requests are refused with 503. A shutdown waits `drain` seconds for requests
    that are under way, and a start `patience` seconds for the store. `notify` are the apprise URLs that notices of
    incidents go to; `url` is where people reach the server, for the links in these notices.
    """

    host: str = "127.0.0.1"
    port: int = 8001
    store: str = field(default="memory://", repr=False)  # it may hold a password
    profiles: tuple[Path, ...] = ()
    timing: Timing = field(default_factory=Timing)
    model: ModelSettings = field(default_factory=ModelSettings)
    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    max_body: int = 50_000_000
    max_waiting: int = 10_000
    max_in_flight: int = 512_000_000
    drain: float = 10.0
    patience: float = 60.0
    notify: tuple[str, ...] = field(default=(), repr=False)  # they hold passwords
    url: str | None = None

    def __post_init__(self) -> None:
        """Refuse options that cannot work."""
        if not 0 <= self.port <= 65_535:
            raise InputError("port", "0 to 65535", str(self.port))
        for name in ("max_body", "max_waiting", "max_in_flight"):
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", str(getattr(self, name)))
        if self.drain < 0:
            raise InputError("drain", "at least 0 s", str(self.drain))

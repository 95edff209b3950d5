"""What a metric server can be told. The command line reads it from flags and `DRIFTMETER_*`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.settings.model import ModelSettings


@dataclass(frozen=True)
class Settings:
    """Where to listen, where to keep things, and how much to take at once.

    `model` are the settings of models that have none of their own; `models` are given to those that they name.
    `max_body` bounds a request in bytes, also after gzip; `max_waiting` the writes that may wait for the
    store before further ones are told to come again, `max_in_flight` the bytes of all bodies held at once.
    `drain` is how many seconds a shutdown waits for requests that are under way, `patience` how many a start waits for
    the store. `notify` are apprise URLs that hear
    of incidents, `url` is where people reach the server, for the links in what they are told.
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
        """Refuse what cannot work."""
        if not 0 <= self.port <= 65_535:
            raise InputError("port", "0 to 65535", str(self.port))
        for name in ("max_body", "max_waiting", "max_in_flight"):
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", str(getattr(self, name)))
        if self.drain < 0:
            raise InputError("drain", "at least 0 s", str(self.drain))

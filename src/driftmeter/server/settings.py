"""What a metric server can be told. The command line reads it from flags and `DRIFTMETER_*`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from driftmeter.errors import InputError
from driftmeter.panes import Timing
from driftmeter.verdict import JudgeSettings


@dataclass(frozen=True)
class Settings:
    """Where to listen, where to keep things, and how much to take at once.

    `max_body` bounds a request in bytes, also after gzip; `max_waiting` the writes that may wait for the
    store before further ones are told to come again, `max_in_flight` the bytes of all bodies held at once.
    `drain` is how many seconds a shutdown waits for requests that are under way.
    """

    host: str = "127.0.0.1"
    port: int = 8001
    store: str = "memory://"
    profiles: tuple[Path, ...] = ()
    timing: Timing = field(default_factory=Timing)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    max_body: int = 50_000_000
    max_waiting: int = 10_000
    max_in_flight: int = 512_000_000
    drain: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 0 <= self.port <= 65_535:
            raise InputError("port", "0 to 65535", str(self.port))
        for name in ("max_body", "max_waiting", "max_in_flight"):
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", str(getattr(self, name)))
        if self.drain < 0:
            raise InputError("drain", "at least 0 s", str(self.drain))

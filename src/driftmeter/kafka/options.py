"""The options of a consumer, and the settings of librdkafka that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from driftmeter.errors import InputError
from driftmeter.kafka.forms import FormOptions
from driftmeter.types import Milliseconds

Protocol = Literal["classic", "consumer"]
TAKEOVER: Mapping[str, Milliseconds] = {"classic": 6_000, "consumer": 45_000}
"""How long the partitions of a killed member stay idle: of `classic` the session timeout set here, of `consumer`
the brokers' default, which no client can change."""
_OURS = frozenset([
    *("group.id", "group.protocol", "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset"),
    *("enable.partition.eof", "partition.assignment.strategy"),
])  # fmt: skip
"""What the consumer must set itself: its panes rest on these."""
_COMMON = ("bootstrap.servers", "client.", "security.", "sasl.", "ssl.", "enable.ssl", "socket.", "broker.", "debug",
           "metadata.", "reconnect.", "retry.", "https.", "api.", "connections.", "topic.metadata.")  # fmt: skip
"""Beginnings of the settings that a producer and an admin client get too."""
_WITHOUT_VALUE = ("password", "secret", "key.pem", "token", "sasl.jaas", "oauthbearer.config")


@dataclass(frozen=True, kw_only=True)
class ConsumeOptions:
    """What to consume, and how.

    `settings` are those of librdkafka. `begin` says where a partition begins that the group has committed nothing of.
    `idle_after` is the seconds without a record after which a partition that is read to its end is idle.
    """

    brokers: str
    topics: tuple[str, ...]
    group: str
    protocol: Protocol = "classic"
    settings: Mapping[str, str] = field(default_factory=dict)
    begin: Literal["earliest", "latest"] = "earliest"
    form: FormOptions = field(default_factory=FormOptions)
    dead_letters: str | None = None
    until_end: bool = False
    allow_compacted: bool = False
    idle_after: float = 5.0
    interval: float = 1.0
    """Seconds between two reports."""
    commit_every: float = 5.0
    """Seconds between two commits."""
    batch: int = 10_000
    """Most records that are read at once."""

    def __post_init__(self) -> None:
        """Raise InputError on options that cannot be."""
        if not self.topics:
            raise InputError("--topic", "a topic", "none")
        for name in self.settings:
            if name in _OURS:
                raise InputError("--set", f"settings other than {name}, which driftmeter sets itself", name)
        if self.dead_letters in self.topics:
            raise InputError("--dead-letter", "another topic than those that are consumed", str(self.dead_letters))

    def consumer_settings(self) -> dict[str, object]:
        """Return the settings of the consumer."""
        of_protocol: dict[str, object] = (
            {"session.timeout.ms": TAKEOVER["classic"], "heartbeat.interval.ms": 2_000,
             "partition.assignment.strategy": "cooperative-sticky"}
            if self.protocol == "classic"
            else {}
        )  # fmt: skip
        return {
            "bootstrap.servers": self.brokers,
            **of_protocol,
            **self.settings,
            "group.id": self.group,
            "group.protocol": self.protocol,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",  # the others skip records in silence
            "enable.partition.eof": True,
        }

    def client_settings(self) -> dict[str, object]:
        """Return the settings by which a producer or an admin client reaches the same brokers."""
        common = {name: value for name, value in self.settings.items() if name.startswith(_COMMON)}
        return {"bootstrap.servers": self.brokers, **common}

    def takeover(self) -> Milliseconds:
        """Return how long the partitions of a killed member stay idle."""
        chosen = self.settings.get("session.timeout.ms") if self.protocol == "classic" else None
        return int(chosen) if chosen is not None and chosen.isdecimal() else TAKEOVER[self.protocol]


def shown(settings: Mapping[str, str]) -> str:
    """Return settings for a log, without the values of those that are secrets.

    >>> shown({"sasl.username": "drift", "sasl.password": "hunter2"})
    'sasl.username=drift, sasl.password=…'
    """
    return ", ".join(
        f"{name}={'…' if any(part in name for part in _WITHOUT_VALUE) else value}" for name, value in settings.items()
    )

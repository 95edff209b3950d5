"""Topics on a real broker, what is written to them, and members of `driftmeter consume` as processes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftmeter.engine.engine import Engine
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.store.sqlite.store import SQLiteStore, host_clock
from driftmeter.types import Milliseconds
from tests.support.clocks import SetClock
from tests.support.kafka_broker import KafkaBroker
from tests.support.metric_server import metric_server

_NUMBERS = itertools.count(1)


def make_topic(broker: KafkaBroker, partitions: int = 3, **settings: str) -> str:
    """Make a topic of a new name; `settings` are its own, with `_` for `.`."""
    from confluent_kafka.admin import AdminClient, NewTopic

    name = f"rows-{next(_NUMBERS)}"
    config = {key.replace("_", "."): value for key, value in settings.items()}
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(60)
    return name


def produce(
    broker: KafkaBroker,
    topic: str,
    values: Iterable[bytes | None],
    *,
    partitions: int = 3,
    keys: Iterable[bytes] | None = None,
    headers: Iterable[list[tuple[str, bytes]]] | None = None,
    times: Iterable[int] | None = None,
    **settings: Any,
) -> None:
    """Write values to the partitions in turn, and wait until all are there."""
    from confluent_kafka import Producer

    producer = Producer({
        "bootstrap.servers": broker.address, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000,
        "compression.type": "lz4", **settings,
    })  # fmt: skip
    failed: list[Any] = []

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            failed.append(error)

    nothing: Iterable[Any] = itertools.repeat(None)
    given = zip(values, keys or nothing, headers or nothing, times or nothing, strict=False)
    for number, (value, key, header, time) in enumerate(given):
        more = {name: one for name, one in (("headers", header), ("timestamp", time)) if one is not None}
        while True:
            try:
                producer.produce(topic, value, key, partition=number % partitions, on_delivery=delivered, **more)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0
    assert not failed, failed[0]


@dataclass
class KafkaTier:
    """A metric server on a clock that the test sets."""

    url: str
    engine: Engine
    clock: SetClock
    profile: Profile
    store: str

    def settle(self) -> None:
        """Fold all that is closed."""
        while self.engine.advance("flights"):
            pass

    def history(self) -> list[tuple[Milliseconds, bytes]]:
        """Return all verdicts that are kept."""
        self.settle()
        return self.engine.store.history("flights", self.profile.digest, 0, 2**50)

    def rows(self) -> int:
        """Return the rows of all closed panes."""
        self.settle()
        return sum(rows for _, _, rows in self.engine.store.slice_rows("flights", self.profile.digest, 0, 2**50))

    def counted(self) -> int:
        """Return the rows that sources say they have counted."""
        return sum(source.totals.counted for source in self.engine.store.sources("flights"))

    def late(self) -> int:
        """Return the rows that came late, by what sources dropped and by what the store refused."""
        return sum(
            source.totals.dropped.get("late", 0) + source.late for source in self.engine.store.sources("flights")
        )


@contextmanager
def kafka_tier(folder: Path, profile: Profile, timing: Timing, now: Milliseconds | None) -> Iterator[KafkaTier]:
    """Serve a model from a new store; without `now` by the host's clock."""
    clock, path = SetClock(now or 0), folder / f"store-{next(_NUMBERS)}.sqlite"
    engine = Engine(SQLiteStore(path, clock=host_clock if now is None else clock), timing=timing)
    engine.register(profile)
    with metric_server(engine) as url:
        yield KafkaTier(url, engine, clock, profile, f"sqlite:///{path}")
    engine.store.close()


class Member:
    """A member of a group: one process of `driftmeter consume`."""

    def __init__(self, broker: KafkaBroker, topics: Sequence[str], tier: KafkaTier, log: Path, *options: str) -> None:
        """Start it."""
        self._log = log
        sink = () if "--store" in options else ("--target", tier.url)
        named = [part for topic in topics for part in ("--topic", topic)]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "driftmeter", "--debug", "consume", "--brokers", broker.address),
                    *named,
                    *("--model", "flights", *sink, *options),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def wait(self, seconds: float = 200.0) -> str:
        """Wait for a good end, and return what it wrote."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it goes on: {self.written()[-3000:]}") from None
        assert code == 0, self.written()[-3000:]
        return self.written()

    def written(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def end(self) -> None:
        """End it if it runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

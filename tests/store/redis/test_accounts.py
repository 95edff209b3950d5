"""commit.lua keeps accounts of sources by the same rules as panes.coverage.Account: random writes to both agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from driftmeter.panes.coverage import SPAN, Account
from driftmeter.panes.totals import SourceTotals
from driftmeter.store.records import PutPane, Receipt, Write
from driftmeter.store.redis.local_sums import SEPARATOR
from driftmeter.store.redis.replies import read_account, read_hash
from driftmeter.store.redis.store import RedisStore
from driftmeter.store.sqlite.store import SQLiteStore
from driftmeter.store.sqlite.transaction import read_account as read_sqlite_account
from driftmeter.types import Milliseconds
from tests.store.samples import START, TIMING, batch, pane
from tests.support.clocks import SetClock
from tests.support.redis_server import shared_server

STEPS = (0, 1, 1000, SPAN - 1, SPAN, SPAN + 1, 3 * SPAN, -1000, -SPAN)
"""By how much time passes between two writes; clocks are set back, too."""


@dataclass(frozen=True)
class Step:
    """Some time, then a write, or the freezing of what is due."""

    passes: Milliseconds
    write: Write | None


@st.composite
def panes(draw: st.DrawFn) -> PutPane:
    """Draw a pane around START, with totals that need not be higher than those of the pane before."""
    observed = draw(st.integers(0, 50))
    counted = draw(st.integers(0, observed))
    dropped = draw(st.dictionaries(st.sampled_from(["queue full", "no profile"]), st.integers(0, 9), max_size=2))
    source = draw(st.sampled_from(["one", "two", "log"]))
    drawn = pane(
        draw(st.integers(0, 9)),
        at=draw(st.sampled_from([-1000, 0, 1000, 60_000])),
        source=source,
        sequence=draw(st.integers(0, 4)),
        totals=SourceTotals(observed, counted, dropped),
        watermark=draw(st.sampled_from([START, START + 5000])) if source == "log" else None,
    )
    acknowledged = draw(st.sampled_from([0, 0, counted, counted // 2]))
    return replace(drawn, pane=replace(drawn.pane, final=draw(st.booleans()), acknowledged=acknowledged))


@st.composite
def batches(draw: st.DrawFn) -> Write:
    return batch(draw(st.integers(0, 9)), at=draw(st.sampled_from([0, 1000, 60_000])))


steps = st.lists(st.builds(Step, st.sampled_from(STEPS), st.none() | panes() | batches()), min_size=1, max_size=12)


@dataclass
class Twins:
    """A store in Redis and one in memory, by the same clock."""

    redis: RedisStore
    memory: SQLiteStore
    raw: Redis
    clock: SetClock
    model: int = 0

    def begin(self) -> None:
        """Begin with an empty model."""
        self.clock.now = START
        for store in (self.redis, self.memory):
            if self.model:
                store.delete("m")
            store.register("m", "d", b"{}", TIMING)
        self.model += 1

    def redis_accounts(self) -> dict[str, tuple[Milliseconds, Account]]:
        """Return when each source was last heard of, and its account, as Redis holds it."""
        values = read_hash(self.raw.hgetall("driftmeter:{m}:sources"))
        return {name.decode().partition(SEPARATOR)[0]: read_account(value) for name, value in values.items()}

    def python_accounts(self) -> dict[str, tuple[Milliseconds, Account]]:
        """Return the same from the store in memory, which uses Account itself."""
        rows = self.memory._db.rows("SELECT source, at, totals, late FROM sources WHERE model = 'm'")
        return {source: (at, read_sqlite_account(text, late)) for source, at, text, late in rows}


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    server = shared_server()
    server.ask("FLUSHALL")
    clock = SetClock(START)
    with (
        closing(RedisStore(server.url, clock=clock)) as shared,
        closing(SQLiteStore(None, clock=clock)) as memory,
        closing(Redis.from_url(server.url)) as raw,
    ):
        yield Twins(shared, memory, raw, clock)


EARLIER = pane(3, totals=SourceTotals(3, 3), source="one")
LAST = replace(EARLIER, pane=replace(EARLIER.pane, final=True))
LATER = pane(5, sequence=1, totals=SourceTotals(9, 9), source="one")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(steps)
@example([Step(0, LAST), Step(0, EARLIER)])
@example([Step(0, LAST), Step(0, LATER), Step(0, EARLIER)])
@example([Step(0, replace(LATER, pane=replace(LATER.pane, acknowledged=4))), Step(SPAN, LATER)])
@example([Step(0, EARLIER), Step(SPAN, LATER), Step(-SPAN, EARLIER), Step(3 * SPAN, batch(4)), Step(SPAN, batch(1))])
@example([Step(0, EARLIER), Step(3000, None), Step(0, LATER), Step(0, LATER), Step(0, batch(2))])
def test_redis_and_python_keep_the_same_accounts(twins: Twins, drawn: list[Step]) -> None:
    twins.begin()
    for step in drawn:
        twins.clock.now += step.passes
        if step.write is None:
            assert twins.redis.freeze("m") == twins.memory.freeze("m")
            continue
        (of_redis,), (of_python,) = twins.redis.commit([step.write]), twins.memory.commit([step.write])
        assert isinstance(of_redis, Receipt)
        assert of_redis == of_python
        assert twins.redis_accounts() == twins.python_accounts()
    assert twins.redis.sources("m") == twins.memory.sources("m")


def test_accounts_hold_the_largest_totals_that_a_source_can_say(twins: Twins) -> None:
    twins.begin()
    largest = SourceTotals(2**53, 2**53, {"queue full": 2**53})
    for number in range(2):
        for store in (twins.redis, twins.memory):
            store.commit([pane(2**40, sequence=number, totals=largest)])
        twins.clock.now += SPAN
        assert twins.redis_accounts() == twins.python_accounts()

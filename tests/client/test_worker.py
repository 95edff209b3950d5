"""What an idle or leaving source says, by a clock that only tests move and with no network in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from driftmeter.client.buffer import Buffer
from driftmeter.client.transport import Answer, AwayError
from driftmeter.client.worker import FAREWELL, HEARTBEAT, Worker
from driftmeter.counts.summary import Summary
from driftmeter.panes.timing import Timing
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from tests.client.conftest import ROW, make_profile
from tests.client.test_monitor import directly, refuse_panes
from tests.client.tier import Tier

START = 1_700_000_000.0


class Line:
    """A clock, and a transport that hands requests to the tier's own function while it is `up`."""

    def __init__(self, tier: Tier) -> None:
        self.time, self.up = 100.0, True
        self.timeouts: list[float] = []
        self._tier = tier
        tier.now = lambda: int((START + self.time) * 1000)  # type: ignore[method-assign]

    def clock(self) -> float:
        return self.time

    def __call__(self, method: str, path: str, body: bytes | None, content_type: str, timeout: float) -> Answer:
        self.timeouts.append(timeout)
        if not self.up:
            raise AwayError("cut")
        status, headers, answer = self._tier.answer(method, path, body or b"")
        self._tier.log.append((method, path, status))
        return Answer(status, {name.lower(): value for name, value in headers}, answer, self.time, self.time)

    def close(self) -> None:
        pass


@pytest.fixture
def line(tier: Tier) -> Line:
    return Line(tier)


Make = Callable[..., Worker]


@pytest.fixture
def worker_of(line: Line) -> Make:
    def make(profile: Profile | None = None) -> Worker:
        buffer = Buffer(1_000)
        buffer.limit = 1_000
        return Worker(
            buffer, line, model="m", profile=profile, source="s", max_bytes=1_000_000, timeout=3.0, clock=line.clock
        )

    return make


def observe(worker: Worker, rows: int = 1) -> None:
    worker.buffer.rows.extend((dict(ROW), None, None, worker.clock()) for _ in range(rows))
    worker.exchange()


def test_an_idle_source_says_every_fifteen_seconds_that_it_lives(
    tier: Tier, line: Line, profile: Profile, worker_of: Make
) -> None:
    worker = worker_of(profile)
    observe(worker, 3)
    for beats in range(4):
        assert len(tier.received) == 1 + beats
        line.time += HEARTBEAT - 0.1
        worker.exchange()
        assert len(tier.received) == 1 + beats
        line.time += 0.1
        worker.exchange()
    last = tier.received[-1]
    assert (last.summary, last.totals, last.sequence) == (Summary.zero(profile.bins), SourceTotals(3, 3), 5)
    assert (last.final, last.acknowledged) == (False, 3)
    assert last.start <= tier.now() < last.end
    assert tier.summary(profile) == directly(profile, [ROW] * 3)


def test_rows_that_flow_say_it_themselves(tier: Tier, line: Line, profile: Profile, worker_of: Make) -> None:
    worker = worker_of(profile)
    for _ in range(20):
        observe(worker)
        line.time += HEARTBEAT - 1
    assert [pane.summary.rows for pane in tier.received] == [1] * 20


def test_a_source_that_saw_nothing_is_not_known(tier: Tier, line: Line, profile: Profile, worker_of: Make) -> None:
    worker = worker_of(profile)
    for _ in range(5):
        worker.exchange()
        line.time += HEARTBEAT
    worker.say_goodbye()
    assert tier.received == []


def test_a_source_whose_panes_were_all_refused_is_not_known(
    tier: Tier, line: Line, profile: Profile, worker_of: Make
) -> None:
    worker = worker_of(profile)
    tier.refuse = refuse_panes(422)
    observe(worker)
    tier.refuse = lambda method, path: None
    line.time += HEARTBEAT
    worker.exchange()
    assert worker.settled
    worker.say_goodbye()
    assert tier.received == []


def test_a_heartbeat_in_a_pane_with_rows_keeps_them(tier: Tier, line: Line, profile: Profile, worker_of: Make) -> None:
    tier.timing = Timing(3_600_000, 2_000)
    worker = worker_of(profile)
    observe(worker, 3)
    line.time += HEARTBEAT
    worker.exchange()
    observe(worker, 2)
    assert [pane.summary.rows for pane in tier.received] == [3, 3, 5]
    assert tier.summary(profile) == directly(profile, [ROW] * 5)


def test_a_heartbeat_that_fails_is_a_failure_that_leaves_nothing_unsettled(
    tier: Tier, line: Line, profile: Profile, worker_of: Make
) -> None:
    worker = worker_of(profile)
    observe(worker)
    line.time += HEARTBEAT
    line.up = False
    for _ in range(2):
        with pytest.raises(AwayError):
            worker.exchange()
        assert worker.settled
    line.up = True
    worker.exchange()
    worker.exchange()
    assert len(tier.received) == 2


@pytest.mark.parametrize("status", [404, 422])
def test_a_heartbeat_that_is_refused_costs_no_row_and_is_not_repeated_at_once(
    tier: Tier, line: Line, profile: Profile, worker_of: Make, status: int
) -> None:
    tier.timing = Timing(3_600_000, 2_000)
    worker = worker_of(profile)
    observe(worker, 3)
    tier.refuse = refuse_panes(status)
    line.time += HEARTBEAT
    for _ in range(3):
        worker.exchange()
    assert tier.asked("PUT", "/panes/") == 2
    tier.refuse = lambda method, path: None
    observe(worker, 2)
    assert worker.stats()["dropped"] == 0
    assert tier.summary(profile).rows == 5


def test_an_idle_source_does_not_bring_a_deleted_model_back(
    tier: Tier, line: Line, profile: Profile, worker_of: Make
) -> None:
    worker = worker_of(profile)
    observe(worker)
    tier.profiles.clear()
    tier.active = None
    for _ in range(3):
        line.time += HEARTBEAT
        worker.exchange()
    worker.say_goodbye()
    assert tier.profiles == {}
    observe(worker)
    assert tier.active == profile.digest


def test_a_model_that_was_made_again_is_told_what_an_earlier_one_acknowledged(
    tier: Tier, line: Line, profile: Profile, worker_of: Make
) -> None:
    worker = worker_of(profile)
    observe(worker, 3)
    line.time += 60
    tier.profiles.clear()
    tier.received.clear()
    observe(worker, 2)
    [pane] = tier.received
    assert (pane.acknowledged, pane.summary.rows, pane.totals) == (3, 2, SourceTotals(5, 5))


def test_an_idle_source_learns_of_a_new_profile(tier: Tier, line: Line, profile: Profile, worker_of: Make) -> None:
    newer, worker = make_profile(1), worker_of()
    tier.register(profile)
    observe(worker)
    tier.register(newer)
    line.time += HEARTBEAT
    worker.exchange()
    observe(worker)
    assert tier.summary(newer) == directly(newer, [ROW])


def test_a_source_that_is_closing_says_goodbye_and_not_that_it_lives(
    tier: Tier, line: Line, profile: Profile, worker_of: Make
) -> None:
    worker = worker_of(profile)
    observe(worker, 3)
    line.time += HEARTBEAT
    worker.deadline = line.time + 5
    worker.exchange()
    assert len(tier.received) == 1
    worker.say_goodbye()
    [_, goodbye] = tier.received
    assert (goodbye.final, goodbye.sequence, goodbye.totals) == (True, 2, SourceTotals(3, 3))
    assert worker.settled
    assert tier.summary(profile) == directly(profile, [ROW] * 3)


@pytest.mark.parametrize(("left", "wait"), [(None, FAREWELL), (5.0, FAREWELL), (0.5, 0.5)])
def test_a_goodbye_waits_no_longer_than_a_second_nor_than_it_may(
    line: Line, profile: Profile, worker_of: Make, left: float | None, wait: float
) -> None:
    worker = worker_of(profile)
    observe(worker)
    worker.deadline = None if left is None else line.time + left
    line.up = False
    worker.say_goodbye()
    assert line.timeouts[-1] == pytest.approx(wait)
    assert worker.settled


# --- what cannot be read


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_what_cannot_be_read_is_said_once_a_minute_by_field(
    line: Line, profile: Profile, worker_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    worker = worker_of(profile)
    for second in range(130):
        worker.buffer.rows.append(({**ROW, "age": "x" * 1_000}, 0.5, None, line.time))
        if second == 10:
            worker.buffer.rows.append((dict(ROW), 0.5, "soon", line.time))
        worker.exchange()
        line.time += 1
    age = f"field 'age': expected a number, got text ('{'x' * 40}')"
    time = "field 'timestamp': expected seconds since the epoch or ISO 8601, got text ('soon')"
    assert said(caplog) == [
        f"model 'm': cannot be read: {age} (1 so far)",
        f"model 'm': cannot be read: {time} (1 so far); {age} (61 so far)",
        f"model 'm': cannot be read: {age} (121 so far)",
    ]
    assert worker.unreadable()["age"]["count"] == worker.stats()["unreadable_values"] == 130


def test_each_field_has_its_own_count_whatever_else_is_wrong_beside_it(
    line: Line, profile: Profile, worker_of: Make
) -> None:
    worker = worker_of(profile)
    rows = [({0: 1.5}, None)] * 3 + [(ROW, "soon")] * 4 + [({**ROW, "age": "old"}, None)] * 5
    worker.buffer.rows.extend((dict(row), 0.5, at, line.time) for row, at in rows)
    worker.buffer.refuse("values by column", "a list")
    worker.exchange()
    assert {field: kept["count"] for field, kept in worker.unreadable().items()} == {"": 4, "timestamp": 4, "age": 5}
    stats = worker.stats()
    assert (stats["counted"], stats["dropped_invalid"], stats["unreadable_values"]) == (5, 8, 5)


def test_a_field_that_no_warning_has_named_yet_is_named_at_the_end(
    line: Line, profile: Profile, worker_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    worker = worker_of(profile)
    for name in ("age", "amount", "age"):
        worker.buffer.rows.append(({**ROW, name: "old"}, 0.5, None, line.time))
        worker.exchange()
    assert len(said(caplog)) == 1
    worker.last_words()
    worker.last_words()
    assert len(said(caplog)) == 2
    assert "field 'amount'" in said(caplog)[1]


def test_a_column_that_never_comes_is_missed_once_beside_those_that_nobody_knows(
    line: Line, profile: Profile, worker_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    worker = worker_of(profile)
    row = {"age": 41.5, "amont": 20.0, "city": "Ulm", "member": True}
    for _ in range(4):
        worker.buffer.rows.extend((dict(row), None, None, line.time) for _ in range(50))
        worker.exchange()
        line.time += 100
    assert said(caplog) == [
        "model 'm': none of the first 100 rows had the columns 'amount', 'score'; columns came that the profile does "
        "not know, such as 'amont'"
    ]


def test_nothing_is_said_where_all_is_well(
    line: Line, profile: Profile, worker_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    worker = worker_of(profile)
    worker.buffer.rows.extend(({**ROW, "city": None, "shoe": 42}, 0.5, None, line.time) for _ in range(300))
    worker.exchange()
    worker.last_words()
    assert said(caplog) == []
    assert worker.unreadable() == {}

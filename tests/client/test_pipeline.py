"""What becomes of rows before they are in panes: bounds, losses, and warnings about unreadable values."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from driftmeter.client.buffer import Buffer, Raw
from driftmeter.client.intake import Intake
from driftmeter.client.pipeline import CHUNK
from driftmeter.client.transport import AwayError
from driftmeter.client.typed_batch import TypedBatch
from driftmeter.counts.compiled import KIND
from driftmeter.counts.summary import Summary
from driftmeter.panes.totals import SourceTotals
from driftmeter.profile.profile import Profile
from driftmeter.types import Milliseconds
from tests.client.rig import START, Rig
from tests.client.samples import ROW, make_profile
from tests.client.tier import refuse_nothing, refuse_panes


@pytest.fixture
def rig(profile: Profile) -> Rig:
    return Rig(profile)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_timestamps_far_ahead_are_dropped_and_reported(rig: Rig) -> None:
    for ahead in (30, 60, 61, 120):
        rig.observe(timestamp=START / 1000 + ahead)
    rig.exchange()
    assert rig.worker.stats()["dropped_future"] == 2
    [(_, totals)] = rig.tier.totals.values()
    assert totals == SourceTotals(4, 2, {"future": 2})


def test_rows_before_the_first_contact_are_kept_typed_and_within_their_bound(profile: Profile) -> None:
    rig = Rig(profile, max_rows=300)
    for room in (200, 100, 0):
        rig.observe(100)
        rig.worker.pipeline.drain()
        assert (len(rig.buffer), rig.buffer.limit) == (0, room)
    assert rig.worker.stats()["waiting"] == 300
    rig.exchange()
    [(_, totals)] = rig.tier.totals.values()
    assert totals == SourceTotals(300, 300)
    assert rig.buffer.limit == 300


def test_what_the_buffer_dropped_is_reported(rig: Rig) -> None:
    rig.observe(50)
    for _ in range(30):
        rig.buffer.full.add()
    rig.exchange()
    stats = rig.worker.stats()
    assert (stats["observed"], stats["counted"], stats["dropped_buffer_full"]) == (80, 50, 30)
    [(_, totals)] = rig.tier.totals.values()
    assert totals == SourceTotals(80, 50, {"buffer_full": 30})


def test_too_many_panes_push_out_the_oldest(rig: Rig, profile: Profile) -> None:
    rig.report()
    rig.tier.refuse = refuse_panes(503)
    for back in range(1_000, 0, -1):
        rig.observe(timestamp=START / 1000 - 2 * back)
        if not back % 100:
            with pytest.raises(AwayError):
                rig.exchange()
    rig.worker.pipeline.drain()
    stats = rig.worker.stats()
    assert stats["dropped_panes_full"] > 500
    assert stats["panes"] * 8 * profile.bins <= 750_000
    rig.tier.refuse = refuse_nothing
    rig.exchange()
    assert rig.tier.summary(profile).rows + stats["dropped_panes_full"] == 1_001
    assert START - 2_000 in rig.tier.by_start(profile)


def test_rows_are_counted_live_before_the_buffer_is_empty(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    if KIND == "plain":
        pytest.skip("the plain counter uses the buffer alone")
    rig.exchange()
    rig.worker.pipeline.switch(Intake(make_profile(1)))
    assert rig.buffer.live is None
    take, live = Buffer.take, list[bool]()

    def taking(buffer: Buffer, most: int) -> list[Raw]:
        live.append(rig.buffer.live is not None)
        return take(buffer, most)

    monkeypatch.setattr(Buffer, "take", taking)
    rig.observe(2 * CHUNK)
    rig.worker.pipeline.drain()
    assert live == [True, True]


def test_rows_are_collected_without_waiting_for_other_threads(rig: Rig) -> None:
    rig.report()
    rig.worker.pipeline.drain()
    live = rig.buffer.live
    if live is None:
        pytest.skip("the plain counter collects nothing")
    with rig.worker.pipeline.locked_ledger():
        live.count(ROW, None)
        waiting = threading.Thread(target=rig.worker.pipeline.collect, daemon=True)
        waiting.start()
        waiting.join(5.0)
        assert not waiting.is_alive()
        assert live.rows == 1
    rig.worker.pipeline.collect()
    assert live.rows == 0


def test_a_batch_that_cannot_be_counted_is_booked_once(
    rig: Rig, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, failures = Intake.count, iter([True, True])

    def failing(*args: Any) -> Iterator[tuple[Milliseconds | None, Summary]]:
        parts = list(count(*args))
        yield parts[0]
        if next(failures, False):
            raise RuntimeError("in the middle")
        yield from parts[1:]

    monkeypatch.setattr(Intake, "count", failing)
    monkeypatch.setattr(Intake, "count_live", lambda *args: None)
    rig.exchange()
    for _ in range(2):
        for back in (0, 20):
            rig.observe(timestamp=START / 1000 - back)
        with pytest.raises(RuntimeError):
            rig.exchange()
    for back in (0, 20):
        rig.observe(timestamp=START / 1000 - back)
    rig.exchange()
    stats = rig.worker.stats()
    assert (stats["observed"], stats["counted"], stats["dropped_invalid"]) == (6, 2, 4)
    assert rig.tier.summary(profile).rows == 2


def test_rows_that_waited_for_the_profile_are_counted_by_the_compiled_counter(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    if KIND == "plain":
        pytest.skip("the plain counter reads all rows")
    read, plainly = Intake.read, list[Raw]()

    def reading(intake: Intake, raw: Sequence[Raw]) -> TypedBatch:
        plainly.extend(raw)
        return read(intake, raw)

    monkeypatch.setattr(Intake, "read", reading)
    rig.observe(3, age="old")
    rig.observe(timestamp=START / 1000 - 1)
    rig.observe(timestamp=START / 1000 + 61)
    rig.observe(timestamp="soon")
    nameless: Any = {0: 1.5}
    rig.buffer.rows.append((nameless, 0.5, None, rig.local()))
    rig.exchange()
    assert [row[0] for row in plainly] == [ROW, {0: 1.5, "score": 0.5}]
    stats = rig.worker.stats()
    assert (stats["counted"], stats["dropped_future"], stats["dropped_invalid"]) == (4, 1, 2)
    assert stats["unreadable_values"] == 3


# --- what cannot be read


def test_unreadable_values_are_logged_once_a_minute_by_field(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    for second in range(130):
        rig.observe(age="x" * 1_000)
        if second == 10:
            rig.observe(timestamp="soon")
        rig.exchange()
        rig.wait(1)
    age = f"field 'age': expected a number, got text ('{'x' * 40}')"
    time = "field 'timestamp': expected seconds since the epoch or ISO 8601, got text ('soon')"
    assert [message for message in warnings(caplog) if "none of the first" not in message] == [
        f"model 'm': cannot be read: {age} (1 so far)",
        f"model 'm': cannot be read: {time} (1 so far); {age} (61 so far)",
        f"model 'm': cannot be read: {age} (121 so far)",
    ]
    assert rig.worker.pipeline.unreadable()["age"]["count"] == rig.worker.stats()["unreadable_values"] == 130


def test_each_field_has_its_own_count_whatever_else_is_wrong_beside_it(rig: Rig) -> None:
    nameless: Any = {0: 1.5}
    rig.buffer.rows.extend((dict(nameless), 0.5, None, rig.local()) for _ in range(3))
    rig.observe(4, timestamp="soon")
    rig.observe(5, age="old")
    rig.buffer.count_invalid("values by column", "a list")
    rig.exchange()
    unreadable = rig.worker.pipeline.unreadable()
    assert {field: kept["count"] for field, kept in unreadable.items()} == {"": 4, "timestamp": 4, "age": 5}
    stats = rig.worker.stats()
    assert (stats["counted"], stats["dropped_invalid"], stats["unreadable_values"]) == (5, 8, 5)


@pytest.mark.parametrize("live", [False, True])
def test_values_of_rows_from_the_future_are_not_looked_at(rig: Rig, live: bool) -> None:
    if live:
        rig.exchange()
        if KIND == "plain":
            pytest.skip("the plain counter counts no row in the call")
    for ahead in (0, 61):
        if live:
            assert rig.buffer.live is not None
            rig.buffer.live.count_value({**ROW, "age": "old"}, None, START + ahead * 1_000)
        else:
            rig.observe(timestamp=START / 1000 + ahead, age="old")
    rig.exchange()
    stats = rig.worker.stats()
    assert (stats["counted"], stats["dropped_future"], stats["unreadable_values"]) == (1, 1, 1)
    assert {name: kept["count"] for name, kept in rig.worker.pipeline.unreadable().items()} == {
        "age": 1,
        "timestamp": 1,
    }


def test_a_field_that_no_warning_has_named_yet_is_named_at_the_end(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("age", "amount", "age"):
        changed: dict[str, Any] = {name: "old"}
        rig.report(**changed)
    assert len(warnings(caplog)) == 1
    rig.worker.pipeline.warn_of_unnamed_fields()
    rig.worker.pipeline.warn_of_unnamed_fields()
    assert len(warnings(caplog)) == 2
    assert "field 'amount'" in warnings(caplog)[1]


def test_a_column_that_never_comes_is_missed_once_beside_those_that_are_not_known(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    row: dict[str, object] = {"age": 41.5, "amont": 20.0, "city": "Ulm", "member": True}
    for _ in range(4):
        rig.buffer.rows.extend((dict(row), None, None, rig.local()) for _ in range(50))
        rig.exchange()
        rig.wait(100)
    assert warnings(caplog) == [
        "model 'm': none of the first 100 rows had the columns 'amount', 'score'; columns came that the profile does "
        "not know, such as 'amont'"
    ]


def test_nothing_is_logged_where_all_is_well(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.buffer.rows.extend(({**ROW, "city": None, "shoe": 42}, 0.5, None, rig.local()) for _ in range(300))
    rig.exchange()
    rig.worker.pipeline.warn_of_unnamed_fields()
    assert warnings(caplog) == []
    assert rig.worker.pipeline.unreadable() == {}

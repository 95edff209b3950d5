from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from driftmeter.client.ledger import LEAST_PANES, REASONS, Ledger
from driftmeter.counts.summary import Summary
from driftmeter.panes.pane import Pane, PaneKey
from driftmeter.panes.totals import SourceTotals

BINS = 4
PANE = 1_000


def key(number: int, digest: str = "d") -> PaneKey:
    return PaneKey(number * PANE, PANE, digest)


def rows(count: int) -> Summary:
    return Summary(count, np.array([count, 0, 0, count], dtype=np.int64))


def test_unreadable_values_of_counted_rows_are_in_the_totals_and_those_of_dropped_ones_are_not() -> None:
    ledger = Ledger("s", budget=8_000)
    ledger.add(key(1), rows(3), {"age": 2})
    ledger.add(key(1), rows(3), {"age": 1, "city": 3})
    ledger.forget(10 * PANE)
    pane = ledger.pane(key(1))
    assert pane is not None
    assert pane.totals == ledger.totals == SourceTotals(6, 6, {}, {"age": 3, "city": 3})
    ledger.acknowledge(pane)
    ledger.forget(10 * PANE)
    ledger.add(key(1), rows(3), {"age": 3})
    assert ledger.totals == SourceTotals(9, 6, {"late": 3}, {"age": 3, "city": 3})


def test_unreadable_columns_are_so_many_that_a_server_takes_them_and_keep_their_places() -> None:
    ledger = Ledger("s", budget=8_000)
    for number in range(100, 0, -1):
        ledger.add(key(1), rows(1), {f"{number:03}{'-' * 100}": 1, "last": 1})
    totals = ledger.totals
    assert SourceTotals.from_json(totals.to_json()) == totals
    assert (len(totals.unreadable), sum(totals.unreadable.values())) == (32, 200)
    assert (totals.unreadable["last"], totals.unreadable["other"], totals.unreadable["100" + "-" * 61]) == (100, 70, 1)


class Books(RuleBasedStateMachine):
    """A ledger, and a server that keeps the highest sequence: whatever is lost, reordered or sent twice."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger("s", budget=8_000)
        self.given = self.seen = 0
        self.sent: list[Pane] = []
        self.server: dict[PaneKey, Pane] = {}

    @rule(number=st.integers(1, 12), count=st.integers(0, 5), digest=st.sampled_from("de"))
    def add(self, number: int, count: int, digest: str) -> None:
        self.ledger.add(key(number, digest), rows(count))
        self.given += count

    @rule(reason=st.sampled_from(REASONS), count=st.integers(1, 3))
    def drop(self, reason: str, count: int) -> None:
        self.ledger.drop(reason, count)
        self.given += count

    @rule()
    def carry_losses(self) -> None:
        self.ledger.carry_losses(key(12), BINS)

    @precondition(lambda self: self.ledger.unsent())
    @rule(data=st.data(), lost=st.booleans(), answered=st.booleans())
    def send(self, data: st.DataObject, lost: bool, answered: bool) -> None:
        pane = self.ledger.pane(data.draw(st.sampled_from(self.ledger.unsent())))
        assert pane is not None
        if not lost:
            self.receive(pane)
            if answered:
                self.ledger.acknowledge(pane)

    @rule(number=st.integers(1, 12), lost=st.booleans(), answered=st.booleans())
    def heartbeat(self, number: int, lost: bool, answered: bool) -> None:
        waiting = self.ledger.unsent()
        pane = self.ledger.heartbeat(key(number), BINS)
        assert self.ledger.unsent() == waiting
        if pane is not None and not lost:
            assert all(pane.sequence > earlier.sequence for earlier in self.sent)
            self.receive(pane)
            if answered:
                self.ledger.acknowledge(pane)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        pane = data.draw(st.sampled_from(self.sent))
        self.receive(pane)
        self.ledger.acknowledge(pane)

    @precondition(lambda self: self.ledger.unsent())
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        self.ledger.refuse(data.draw(st.sampled_from(self.ledger.unsent())))

    @rule(before=st.integers(1, 14))
    def forget(self, before: int) -> None:
        self.ledger.forget(before * PANE)

    def receive(self, pane: Pane) -> None:
        held = self.server.get(PaneKey(pane.start, pane.length, pane.digest))
        brought = held.summary.rows if held is not None else 0
        assert self.seen <= pane.acknowledged + brought <= pane.totals.counted or pane in self.sent
        self.sent.append(pane)
        at = PaneKey(pane.start, pane.length, pane.digest)
        if at not in self.server or self.server[at].sequence < pane.sequence:
            if at in self.server:
                assert pane.summary.rows >= self.server[at].summary.rows, "a pane began again from zero"
            self.server[at] = pane

    @invariant()
    def every_row_is_counted_or_dropped(self) -> None:
        totals = self.ledger.totals
        assert totals.observed == self.given
        assert totals.observed == totals.counted + sum(totals.dropped.values())

    @invariant()
    def what_is_acknowledged_only_grows_and_the_server_has_it(self) -> None:
        held = sum(pane.summary.rows for pane in self.server.values())
        assert self.seen <= self.ledger.acknowledged <= min(held, self.ledger.counted)
        self.seen = self.ledger.acknowledged

    @invariant()
    def the_server_never_has_more_than_was_given(self) -> None:
        assert sum(pane.summary.rows for pane in self.server.values()) <= self.given

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.ledger) <= max(LEAST_PANES, 8_000 // (8 * BINS + 1_000))
        assert self.ledger.bytes >= 0


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=30))
def test_acknowledged_panes_hold_what_was_added_in_whatever_pieces(pieces: list[tuple[int, int]]) -> None:
    ledger, server = Ledger("s", 100_000), {}
    for number, count in pieces:
        ledger.add(key(number), rows(count))
        for at in ledger.unsent():
            pane = ledger.pane(at)
            assert pane is not None
            server[at] = pane
            ledger.acknowledge(pane)
    for number in range(1, 5):
        expected = sum(count for at, count in pieces if at == number)
        assert (server[key(number)].summary if key(number) in server else rows(0)) == rows(expected)


def test_a_loss_without_rows_travels_with_the_newest_pane() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(5), rows(2))
    first = ledger.pane(key(5))
    assert first is not None
    ledger.acknowledge(first)
    ledger.drop("invalid", 3)
    assert ledger.unsent() == []
    ledger.carry_losses(key(6), BINS)
    assert ledger.unsent() == [key(5)]
    pane = ledger.pane(key(5))
    assert pane is not None
    assert pane.totals == SourceTotals(5, 2, {"invalid": 3})
    assert pane.sequence > first.sequence
    assert pane.summary == first.summary


def test_a_loss_before_any_pane_travels_with_an_empty_one() -> None:
    ledger = Ledger("s", 100_000)
    ledger.drop("future", 1)
    ledger.carry_losses(key(6), BINS)
    pane = ledger.pane(key(6))
    assert pane is not None
    assert pane.summary == Summary.zero(BINS)
    assert pane.totals.dropped == {"future": 1}
    ledger.acknowledge(pane)
    ledger.carry_losses(key(7), BINS)
    assert ledger.unsent() == []


def test_a_refused_pane_is_not_tried_again_and_its_later_rows_are_lost() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(1), rows(4))
    assert ledger.refuse(key(1)) == 4
    ledger.add(key(1), rows(2))
    ledger.carry_losses(key(1), BINS)
    assert ledger.unsent() == []
    assert ledger.totals == SourceTotals(6, 0, {"refused": 6})


def test_the_oldest_pane_makes_room_for_a_newer_one() -> None:
    ledger = Ledger("s", budget=LEAST_PANES * 1_032)
    for number in range(1, LEAST_PANES + 3):
        ledger.add(key(number), rows(1))
    assert [at.start // PANE for at in ledger.unsent()] == list(range(3, LEAST_PANES + 3))
    assert ledger.totals.dropped == {"panes_full": 2}


def test_a_refused_pane_that_makes_room_is_lost_once() -> None:
    ledger = Ledger("s", budget=LEAST_PANES * 1_032)
    ledger.add(key(1), rows(4))
    ledger.refuse(key(1))
    for number in range(2, LEAST_PANES + 3):
        ledger.add(key(number), rows(0))
    assert ledger.totals == SourceTotals(4, 0, {"refused": 4})


def test_a_pane_that_was_let_go_does_not_begin_again_from_zero() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(1), rows(4))
    pane = ledger.pane(key(1))
    assert pane is not None
    ledger.acknowledge(pane)
    ledger.forget(10 * PANE)
    assert len(ledger) == 0
    ledger.add(key(1), rows(1))
    assert ledger.totals.dropped == {"late": 1}


def test_late_rows_are_counted_once_however_often_the_server_repeats_them() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(1), rows(4))
    pane = ledger.pane(key(1))
    assert pane is not None
    for late in (1, 1, 3, 2):
        ledger.acknowledge(pane, late)
    assert ledger.late == 3


def acknowledged(ledger: Ledger, at: PaneKey) -> Pane:
    pane = ledger.pane(at)
    assert pane is not None
    ledger.acknowledge(pane)
    return pane


def test_a_heartbeat_is_an_empty_pane_with_the_totals_and_waits_for_nothing() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(1), rows(4))
    last = acknowledged(ledger, key(1))
    assert ledger.heartbeat(key(3), BINS) == Pane(
        "d", 3 * PANE, PANE, "s", last.sequence + 1, Summary.zero(BINS), SourceTotals(4, 4), acknowledged=4
    )
    assert (ledger.unsent(), len(ledger)) == ([], 1)


def test_a_pane_says_what_was_acknowledged_before_it_of_the_others() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(1), rows(4))
    assert acknowledged(ledger, key(1)).acknowledged == 0
    ledger.add(key(2), rows(3))
    for _ in range(2):  # a pane that is not acknowledged is sent again as it was
        pane = ledger.pane(key(2))
        assert pane is not None
        assert (pane.acknowledged, pane.totals.counted) == (4, 7)
    acknowledged(ledger, key(2))
    ledger.add(key(2), rows(2))
    assert acknowledged(ledger, key(2)).acknowledged == 4  # those in other panes
    ledger.forget(10 * PANE)
    ledger.add(key(20), rows(1))
    assert acknowledged(ledger, key(20)).acknowledged == 9


def test_rows_that_were_given_up_were_never_acknowledged() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(1), rows(4))
    acknowledged(ledger, key(1))
    ledger.add(key(1), rows(2))
    ledger.refuse(key(1))
    ledger.add(key(2), rows(1))
    pane = ledger.pane(key(2))
    assert pane is not None
    assert (pane.acknowledged, pane.totals) == (4, SourceTotals(7, 5, {"refused": 2}))


def test_a_heartbeat_repeats_what_its_pane_holds() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(1), rows(4))
    last = acknowledged(ledger, key(1))
    pane = ledger.heartbeat(key(1), BINS, final=True)
    assert pane is not None
    assert (pane.summary, pane.sequence, pane.final) == (last.summary, last.sequence + 1, True)
    ledger.add(key(1), rows(1))
    ledger.acknowledge(pane)
    assert ledger.unsent() == [key(1)]


def test_a_heartbeat_never_stands_for_a_pane_that_was_let_go() -> None:
    ledger = Ledger("s", 100_000)
    ledger.add(key(3), rows(4))
    acknowledged(ledger, key(3))
    ledger.forget(10 * PANE)
    assert ledger.heartbeat(key(3), BINS) is None
    ledger.add(key(5), rows(2))
    pane = ledger.heartbeat(key(3), BINS)
    assert pane is not None
    assert (pane.start, pane.summary) == (5 * PANE, rows(2))


def test_a_heartbeat_never_stands_for_a_pane_that_was_refused() -> None:
    ledger = Ledger("s", 100_000)
    for number in (1, 2):
        ledger.add(key(number), rows(4))
        acknowledged(ledger, key(number))
    ledger.add(key(2), rows(1))
    ledger.refuse(key(2))
    pane = ledger.heartbeat(key(2), BINS)
    assert pane is not None
    assert (pane.start, pane.summary) == (PANE, rows(4))

from __future__ import annotations

import pytest

from driftmeter.panes.coverage import NOTHING, REMEMBERED, SILENCE, SPAN, Account, RowTally, SourceRecord, Sources
from driftmeter.panes.totals import SourceTotals

NOW = 1_700_000_000_000 // SPAN * SPAN
PANE = 10_000


def totals_of(observed: int, counted: int | None = None) -> SourceTotals:
    counted = observed if counted is None else counted
    return SourceTotals(observed, counted, {"buffer_full": observed - counted} if counted < observed else {})


def wrote(*writes: tuple[int, SourceTotals, int, int]) -> Account:
    """Return an account after writes of (time after NOW, totals, added, late)."""
    account = Account()
    for at, totals, added, late in writes:
        account = account.write(NOW + at, totals, added, late, final=False)
    return account


def coverage(*records: SourceRecord, now: int = NOW) -> float | None:
    return Sources(records, now, PANE).coverage


# --- what is recent


def test_all_that_came_in_the_first_span_is_recent() -> None:
    record = wrote((0, totals_of(10), 10, 0), (5, totals_of(30, 25), 12, 3)).record("s", NOW + 5, NOW + 10)
    assert record.recent == RowTally(30, 25, 22, 3)
    assert (record.totals, record.added, record.late) == (totals_of(30, 25), 22, 3)


def test_what_came_two_spans_ago_is_no_longer_recent() -> None:
    account = wrote((0, totals_of(100), 100, 0), (SPAN, totals_of(150), 50, 0), (2 * SPAN, totals_of(160), 10, 0))
    assert account.record("s", 0, NOW + 2 * SPAN).recent == RowTally(60, 60, 60)
    assert account.record("s", 0, NOW + 3 * SPAN).recent == RowTally(10, 10, 10)
    assert account.record("s", 0, NOW + 4 * SPAN).recent == NOTHING


def test_a_source_that_paused_begins_anew() -> None:
    account = wrote((0, totals_of(100), 100, 0), (7 * SPAN, totals_of(120), 20, 0))
    assert account.record("s", 0, NOW + 7 * SPAN).recent == RowTally(20, 20, 20)


def test_a_clock_that_was_put_back_makes_nothing_negative() -> None:
    account = wrote((5 * SPAN, totals_of(100), 100, 0), (0, totals_of(120), 20, 0))
    assert min(account.record("s", 0, NOW).recent) >= 0


# --- coverage


def record(
    observed: int, counted: int, added: int, late: int = 0, *, seen: int = NOW, final: bool = False
) -> SourceRecord:
    totals = totals_of(observed, counted)
    return SourceRecord("s", totals, late, seen, added, final, RowTally(observed, counted, added, late))


def test_without_rows_there_is_no_coverage() -> None:
    assert coverage() is None
    assert coverage(record(0, 0, 0)) is None


def test_all_that_was_seen_is_covered() -> None:
    assert coverage(record(10, 10, 10), record(5, 5, 5)) == 1.0


def test_what_a_source_dropped_is_lost() -> None:
    assert coverage(record(10, 8, 8)) == pytest.approx(0.8)


def test_what_came_late_is_lost() -> None:
    assert coverage(record(10, 10, 10, late=3)) == pytest.approx(0.7)


def test_what_a_live_source_has_not_sent_yet_is_on_its_way() -> None:
    assert coverage(record(10, 10, 4)) == 1.0


def test_what_a_silent_source_never_sent_is_lost() -> None:
    gone = record(10, 10, 4, seen=NOW - SILENCE - 2 * PANE - 1)
    assert coverage(gone, record(10, 10, 10)) == pytest.approx(0.7)


def test_a_fault_of_now_shows_however_long_all_was_well() -> None:
    account = wrote((0, totals_of(10**9), 10**9, 0), (5 * SPAN, totals_of(10**9 + 100, 10**9), 0, 0))
    assert coverage(account.record("s", NOW + 5 * SPAN, NOW + 5 * SPAN), now=NOW + 5 * SPAN) == 0.0


def test_coverage_stays_a_share_whatever_sources_say() -> None:
    assert coverage(record(1, 1, 1, late=50)) == 0.0
    assert coverage(SourceRecord("s", totals_of(5), 0, NOW, 0, False, RowTally(5, 90, 0, 0))) == 1.0


# --- who vanished


@pytest.mark.parametrize(
    ("silence", "final", "state"),
    [
        (0, False, "live"),
        (SILENCE + 2 * PANE, False, "live"),
        (SILENCE + 2 * PANE + 1, False, "silent"),
        (10**6, True, "closed"),
    ],
)
def test_a_source_is_live_silent_or_closed(silence: int, final: bool, state: str) -> None:
    assert record(1, 1, 1, seen=NOW - silence, final=final).state(NOW, PANE) == state


def test_a_source_that_vanished_is_named_with_what_is_missing_of_it() -> None:
    sources = Sources([record(10, 9, 4, late=1, seen=NOW - 600_000), record(1, 1, 1)], NOW, PANE)
    assert [record.source for record in sources.silent] == ["s"]
    assert sources.to_json()[0] == {
        "source": "s",
        "state": "silent",
        "seen": "2023-11-14T22:00:00.000Z",
        "observed": 10,
        "counted": 9,
        "dropped": {"buffer_full": 1},
        "late": 1,
        "missing": 5,
    }


def test_a_source_that_vanished_is_counted_for_an_hour_and_listed_on() -> None:
    sources = Sources([record(1, 1, 1, seen=NOW - REMEMBERED), record(1, 1, 1, seen=NOW - REMEMBERED + 1)], NOW, PANE)
    assert len(sources.silent) == 1
    assert [record["state"] for record in sources.to_json()] == ["silent", "silent"]


def test_parts_of_one_source_add_up() -> None:
    both = record(10, 9, 9, late=1, seen=NOW - 5, final=True) + record(5, 5, 4, seen=NOW)
    assert (both.totals.observed, both.added, both.late, both.seen, both.final) == (15, 13, 1, NOW, False)
    assert both.recent == RowTally(15, 14, 13, 1)

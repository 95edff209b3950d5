from __future__ import annotations

from driftmeter.logs.events import LogEvent
from driftmeter.logs.joining import RecordJoiner
from driftmeter.logs.tally import RecordTally
from driftmeter.payloads.table import PayloadTable

ROW = PayloadTable(([1],), ("x",), 1)


def request(key: str | None, time: str | None = None) -> LogEvent:
    return LogEvent(f"request {key}", key, time, features=ROW)


def answer(key: str | None, time: str | None = None) -> LogEvent:
    return LogEvent(f"answer {key}", key, time, predictions=ROW)


def joined(joiner: RecordJoiner, *events: LogEvent) -> list[tuple[str, bool, str | float | None]]:
    made = [one for event in events for one in joiner.add(event)]
    return [(one.where, one.predictions is not None, one.time) for one in (*made, *joiner.rest())]


def test_a_request_and_its_answer_are_joined_in_whichever_order_they_come() -> None:
    joiner = RecordJoiner(RecordTally())
    events = (request("a", "t1"), answer("b", "t3"), answer("a", "t2"), request("b", "t0"))
    assert joined(joiner, *events) == [("request a", True, "t1"), ("request b", True, "t0")]
    assert list(joiner.notes()) == []


def test_a_request_alone_is_a_row_without_a_prediction_and_an_answer_alone_is_none() -> None:
    tally = RecordTally(records=2)
    joiner = RecordJoiner(tally)
    assert joined(joiner, request("a"), answer("b")) == [("request a", False, None)]
    assert list(joiner.notes()) == ["1 requests have no answer in the log: their predictions count as missing"]
    assert list(tally.notes()) == [
        "1 of 2 records are no rows and are left out: 1: an answer without its request (answer b)"
    ]


def test_no_more_events_wait_than_is_allowed_and_the_oldest_goes_first() -> None:
    joiner = RecordJoiner(RecordTally(), most=2)
    events = [request(key) for key in "abc"]
    assert [one.where for event in events for one in joiner.add(event)] == ["request a"]
    assert joined(joiner, answer("b")) == [("request b", True, None), ("request c", False, None)]


def test_a_key_that_comes_again_is_another_request() -> None:
    joiner = RecordJoiner(RecordTally())
    events = (request("a", "t1"), request("a", "t2"), answer("a"))
    assert joined(joiner, *events) == [("request a", False, "t1"), ("request a", True, "t2")]


def test_an_event_without_a_key_waits_for_nothing() -> None:
    joiner = RecordJoiner(RecordTally())
    assert joined(joiner, request(None), answer(None)) == [("request None", False, None)]


def test_no_answer_is_waited_for_where_there_is_no_prediction_to_count() -> None:
    joiner = RecordJoiner(RecordTally(), answers=False)
    assert [one.where for event in (request("a"), answer("a")) for one in joiner.add(event)] == ["request a"]
    assert list(joiner.rest()) == []
    assert list(joiner.notes()) == []

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from driftmeter.counts.summary import Summary
from driftmeter.engine.compiled import Compiled
from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.payloads.table import PayloadTable
from driftmeter.profile.profile import Profile
from driftmeter.server.ingest.calls import (
    Mark,
    correct,
    count_answer,
    count_request,
    key_of,
    needs_of,
)
from driftmeter.server.problems import TooLargeError
from driftmeter.settings.model import ModelSettings

FRAME = pl.DataFrame(
    {
        "age": [float(number % 50) for number in range(400)],
        "income": [float(number % 37) + number % 50 for number in range(400)],
        "city": [["Ulm", "Bonn", "Köln"][number % 3] for number in range(400)],
        "risk": [["low", "high"][number % 7 == 0] for number in range(400)],
    }
)


def compiled_of(frame: pl.DataFrame, prediction: str | None) -> Compiled:
    return Compiled(Profile.fit(frame, model="credit", prediction=prediction), Timing(), ModelSettings())


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compiled_of(FRAME, "risk")


def table(**columns: list[Any]) -> PayloadTable:
    return PayloadTable(tuple(columns.values()), tuple(columns), len(next(iter(columns.values()))))


def counted(compiled: Compiled, rows: list[dict[str, Any]]) -> Summary:
    return compiled.binner.observe(compiled.reader.read_records(rows)[0])


def test_request_and_correction_add_up_to_the_rows_as_they_would_come_at_once(compiled: Compiled) -> None:
    rows: list[dict[str, Any]] = [
        {"age": 31.0, "income": 50.0, "city": "Ulm", "risk": "high"},
        {"age": None, "income": 2.0, "city": "Rom", "risk": "unknown"},
        {"age": 8.0, "income": float("inf"), "city": None, "risk": None},
    ]
    features = {name: [row[name] for row in rows] for name in ("age", "income", "city")}
    request = count_request(table(**features), compiled)
    answer = correct(PayloadTable(([row["risk"] for row in rows],), None, 3), compiled)
    assert (request.rows, request.summary.rows, answer.rows, answer.summary.rows) == (3, 3, 3, 0)
    assert request.summary + answer.summary == counted(compiled, rows)
    assert (request.summary + answer.summary).check(compiled.profile) is None


def test_a_mark_brings_the_correction_back(compiled: Compiled) -> None:
    answer = correct(PayloadTable((["low", "new", ["low"]],), None, 3), compiled)
    half = count_request(table(age=["old", 3.0, 4.0]), compiled)
    mark = Mark.loads(Mark.of_answer(b"identity", "digest", answer).dumps())
    answered = mark.answered(half, compiled.profile.bins)
    assert answered.summary == half.summary + answer.summary
    assert answered.unreadable == {"age": 1, "risk": 1}
    request = Mark("request", b"i", "d", 3, 1_700_000_000_000, 10_000)
    assert Mark.loads(request.dumps()) == request


def test_values_without_names_are_in_the_order_of_the_profile(compiled: Compiled) -> None:
    assert compiled.profile.model_columns == ("age", "income", "city")
    unnamed = count_request(PayloadTable(([31.0], [2.0], ["Ulm"]), None, 1), compiled)
    assert unnamed == count_request(table(city=["Ulm"], age=[31.0], income=[2.0]), compiled)
    with pytest.raises(InputError) as refused:
        count_request(PayloadTable(([31.0], [2.0]), None, 1), compiled)
    assert (refused.value.expected, refused.value.got) == ("3 values a row (age, income, city)", "2")


def test_a_prediction_in_the_request_is_not_counted_twice(compiled: Compiled) -> None:
    with_prediction = count_request(table(age=[31.0], risk=["low"], other=[1]), compiled)
    assert with_prediction.summary == count_request(table(age=[31.0]), compiled).summary
    assert with_prediction.ignored == 2


def test_columns_of_another_model_are_refused(compiled: Compiled) -> None:
    with pytest.raises(InputError) as refused:
        count_request(table(pixel=[1], risk=["low"]), compiled)
    assert refused.value.expected == "some of the columns age, income, city"
    assert refused.value.got == "pixel, risk"


@pytest.mark.parametrize("name", ["y", "risk"])
def test_the_only_column_of_an_answer_is_the_prediction_whatever_it_is_called(compiled: Compiled, name: str) -> None:
    expected = correct(PayloadTable((["low"],), None, 1), compiled)
    assert correct(table(**{name: ["low"]}), compiled) == expected
    assert correct(table(p=[0.5], risk=["low"]), compiled) == expected


@pytest.mark.parametrize(
    "answer", [table(a=[1], b=[2]), PayloadTable(([0.1], [0.9]), None, 1), PayloadTable((), (), 0)]
)
def test_an_answer_of_several_columns_must_name_the_prediction(compiled: Compiled, answer: PayloadTable) -> None:
    with pytest.raises(InputError) as refused:
        correct(answer, compiled)
    assert refused.value.expected.startswith("one prediction a row, or a column 'risk'; of several classes say which")


def test_unreadable_values_are_described_and_counted(compiled: Compiled) -> None:
    half = count_request(table(age=["old", 3.0]), compiled)
    assert (half.unreadable, half.rejected[0].row) == ({"age": 1}, 0)
    assert correct(table(risk=[["low"], "low"]), compiled).unreadable == {"risk": 1}


def test_the_roles_of_a_profile_say_which_halves_it_needs() -> None:
    assert needs_of(compiled_of(FRAME, "risk").profile) == "both"
    assert needs_of(compiled_of(FRAME, None).profile) == "requests"
    alone = compiled_of(FRAME.select("risk"), "risk")
    assert needs_of(alone.profile) == "answers"
    rows = count_answer(table(y=["low", "high"]), alone).summary
    assert rows == counted(alone, [{"risk": "low"}, {"risk": "high"}])


def test_too_many_rows_are_refused(compiled: Compiled) -> None:
    with pytest.raises(TooLargeError):
        count_request(PayloadTable((), (), 100_000_000), compiled)


def test_keys_differ_wherever_their_parts_do_and_no_client_can_send_one() -> None:
    assert key_of("a", "bc") != key_of("ab", "c") != key_of("abc")
    assert key_of("a", b"x") == key_of("a", b"x")
    assert any(character < " " for character in key_of("a"))

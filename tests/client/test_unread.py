from __future__ import annotations

import re

from driftmeter.client.unread import Unread
from driftmeter.data.rejected import Rejected


def rejected(field: str, got: str = "text ('old')", expected: str = "a number") -> Rejected:
    return Rejected(0, field, expected, got)


def test_values_are_counted_by_field_with_what_came_last() -> None:
    unread = Unread()
    unread.note(rejected("age"), 3)
    unread.note(rejected("age", "a list"), 2)
    assert unread.to_json() == {"age": {"count": 5, "expected": "a number", "got": "a list"}}


def test_a_sentence_has_field_expected_got_and_count() -> None:
    unread = Unread()
    unread.note(rejected("age"), 1_200)
    unread.note(rejected("", "list", "values by column"), 1)
    assert unread.say() == (
        "cannot be read: field 'age': expected a number, got text ('old') (1,200 so far); "
        "rows: expected values by column, got list (1 so far)"
    )


def test_what_was_said_is_said_again_only_where_there_is_more_of_it() -> None:
    unread = Unread()
    assert not unread.unsaid
    unread.note(rejected("age"), 1)
    assert unread.unsaid
    assert unread.unnamed
    unread.say()
    assert not unread.unsaid
    assert not unread.unnamed
    unread.note(rejected("age"), 1)
    assert unread.unsaid
    assert not unread.unnamed
    assert "(2 so far)" in unread.say()


def test_fields_that_were_never_said_come_first_and_those_beyond_five_next_time() -> None:
    unread = Unread()
    unread.note(rejected("first"), 1)
    unread.say()
    unread.note(rejected("first"), 1_000)
    for number in range(7):
        unread.note(rejected(f"f{number}"), 10 - number)
    one, other = unread.say(), unread.say()
    assert re.findall(r"field '(\w+)'", one) == ["f0", "f1", "f2", "f3", "f4"]
    assert one.endswith("; 3 more fields, see Monitor.unreadable()")
    assert re.findall(r"field '(\w+)'", other) == ["f5", "f6", "first"]
    assert not unread.unsaid


def test_nothing_is_no_field() -> None:
    unread = Unread()
    unread.note(rejected("age"), 0)
    assert not unread.unnamed
    assert unread.to_json() == {}


def test_a_long_name_is_cut() -> None:
    unread = Unread()
    unread.note(rejected("x" * 1_000), 1)
    assert len(unread.say()) < 150

from __future__ import annotations

import re

from driftmeter.client.unreadable import UnreadableFields
from driftmeter.data.rejected import Rejected


def rejected(field: str, got: str = "text ('old')", expected: str = "a number") -> Rejected:
    return Rejected(0, field, expected, got)


def test_values_are_counted_by_field_with_what_came_last() -> None:
    fields = UnreadableFields()
    fields.add(rejected("age"), 3)
    fields.add(rejected("age", "a list"), 2)
    assert fields.to_json() == {"age": {"count": 5, "expected": "a number", "got": "a list"}}


def test_a_sentence_has_field_expected_got_and_count() -> None:
    fields = UnreadableFields()
    fields.add(rejected("age"), 1_200)
    fields.add(rejected("", "list", "values by column"), 1)
    assert fields.sentence() == (
        "cannot be read: field 'age': expected a number, got text ('old') (1,200 so far); "
        "rows: expected values by column, got list (1 so far)"
    )


def test_what_was_said_is_said_again_only_where_there_is_more_of_it() -> None:
    fields = UnreadableFields()
    assert not fields.has_unlogged
    fields.add(rejected("age"), 1)
    assert fields.has_unlogged
    assert fields.has_unnamed
    fields.sentence()
    assert not fields.has_unlogged
    assert not fields.has_unnamed
    fields.add(rejected("age"), 1)
    assert fields.has_unlogged
    assert not fields.has_unnamed
    assert "(2 so far)" in fields.sentence()


def test_fields_that_were_never_said_come_first_and_those_beyond_five_next_time() -> None:
    fields = UnreadableFields()
    fields.add(rejected("first"), 1)
    fields.sentence()
    fields.add(rejected("first"), 1_000)
    for number in range(7):
        fields.add(rejected(f"f{number}"), 10 - number)
    one, other = fields.sentence(), fields.sentence()
    assert re.findall(r"field '(\w+)'", one) == ["f0", "f1", "f2", "f3", "f4"]
    assert one.endswith("; 3 more fields, see Monitor.unreadable()")
    assert re.findall(r"field '(\w+)'", other) == ["f5", "f6", "first"]
    assert not fields.has_unlogged


def test_nothing_is_no_field() -> None:
    fields = UnreadableFields()
    fields.add(rejected("age"), 0)
    assert not fields.has_unnamed
    assert fields.to_json() == {}


def test_a_long_name_is_cut() -> None:
    fields = UnreadableFields()
    fields.add(rejected("x" * 1_000), 1)
    assert len(fields.sentence()) < 150

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from driftmeter.errors import InputError
from driftmeter.server.problems import ParameterError
from driftmeter.server.routes.parameters import read_query


class Query(Struct, rename={"start": "from"}):
    start: Annotated[str, Meta(description="A text that must come.")]
    limit: Annotated[int, Meta(ge=1, le=3_000, description="A number.")] = 500
    nan: Annotated[Literal["null"] | None, Meta(description="A word.")] = None


def test_a_query_is_read_into_its_struct_and_the_rest_is_ignored() -> None:
    assert read_query({"from": "0", "limit": "7", "nan": "null", "other": "x"}, Query) == Query("0", 7, "null")
    assert read_query({"from": ""}, Query) == Query("", 500, None)


@pytest.mark.parametrize(
    ("text", "number"), [("+5", 5), (" 5 ", 5), ("1_000", 1_000), ("005", 5), ("5.00", 5), ("\u20096", 6)]
)
def test_integers_are_read_as_people_write_them(text: str, number: int) -> None:
    assert read_query({"from": "", "limit": text}, Query).limit == number


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0", "Input should be greater than or equal to 1"),
        ("-0", "Input should be greater than or equal to 1"),
        ("3001", "Input should be less than or equal to 3000"),
        ("9" * 30, "Input should be less than or equal to 3000"),
        ("9" * 5_000, "Unable to parse input string as an integer, exceeded maximum size"),
        *[
            (text, "Input should be a valid integer, unable to parse string as an integer")
            for text in ("", "abc", "1.5", "5.", ".5", "1e2", "0x10", "1__0", "_1", "--5", "1 0", "\u0663")
        ],
    ],
)
def test_an_integer_that_cannot_be_is_refused_by_its_parameter(text: str, sentence: str) -> None:
    with pytest.raises(ParameterError) as caught:
        read_query({"from": "", "limit": text}, Query)
    assert (str(caught.value), caught.value.where) == (f"query limit: {sentence}", "query limit")
    assert caught.value.got == text[:60]


def test_a_parameter_that_must_come_is_missed() -> None:
    with pytest.raises(ParameterError, match="query from: Field required"):
        read_query({"limit": "5"}, Query)


def test_a_word_that_is_none_of_a_literal_is_unreadable() -> None:
    with pytest.raises(InputError, match="nan: expected null, got maybe"):
        read_query({"from": "", "nan": "maybe"}, Query)

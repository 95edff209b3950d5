from __future__ import annotations

import pytest

from driftmeter.data.written_numbers import written_numbers


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        (["€1,234.50", "€12", "-€7.25"], "money"),
        (["$1,234", "$ 5.5", "($300)", "12"], "money"),
        (["1.234,50 €", "7 €", "NA"], "money"),
        (["USD 5", "USD 1,000"], "money"),
        (["37%", "3.5 %", "-1%"], "percent"),
        (["1,234", "12", "2,345,678.9"], "numbers with commas between thousands"),
        (["1,5", "12", "3,25"], "numbers with decimal commas"),
        (["1.234,5", "12,0"], "numbers with decimal commas"),
    ],
)
def test_numbers_that_are_written_for_people_are_told_as_what_they_are(texts: list[str], what: str) -> None:
    told = written_numbers(texts)
    assert told is not None
    assert told.startswith(f"{what} as text, such as {texts[0]!r}: write ")
    assert told.endswith("to have it monitored as a number")


@pytest.mark.parametrize(
    "texts", [["1", "2.5"], ["a", "b"], ["37% off", "none"], ["1,2,3", "4,5"], ["$", "€"], ["NA", ""], [], ["12 km"]]
)
def test_other_texts_are_not(texts: list[str]) -> None:
    assert written_numbers(texts) is None

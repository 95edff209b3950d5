"""The sentences: each says one thing, in the words that users and tests hold on to."""

from __future__ import annotations

import re

import pytest

from driftmeter.detectors import Cause
from driftmeter.timestamps import HOUR
from driftmeter.verdict import sentences
from driftmeter.verdict.figures import span
from driftmeter.verdict.findings import finding


def cause(what: str, value: float = 0.5, reference: float = 0.0, *, category: bool = False) -> Cause:
    return Cause(what, category, value, reference, 6 * HOUR, 12_345)


OVER = "over 12,345 rows in 6 h"
CAUSES = {
    ("mean", 0.5): f"Rose by 0.50 standard deviations of the ranks, {OVER}.",
    ("mean", -0.5): f"Fell by 0.50 standard deviations of the ranks, {OVER}.",
    ("spread", 0.5): f"The spread of the values rose, {OVER}.",
    ("spread", -0.5): f"The spread of the values fell, {OVER}.",
    ("skew", 0.5): f"The skew of the values rose, {OVER}.",
    ("tails", -0.5): f"The tails of the values fell, {OVER}.",
    ("bins", 7.25): f"The shares of the bins changed (7.2 times as much as by chance), {OVER}.",
    ("stuck", 0.9): f"One value rose to 90.0 % of the rows, {OVER}; in no such window of the reference had one value",
    ("missing", 0.0512): f"Missing values rose from 0 % to 5.1 % of the rows, {OVER}.",
    ("not finite", 0.5): "Infinite values rose from 0 % to 50.0 % of the rows",
    ("unseen", 0.5): "Categories never seen before rose from 0 % to 50.0 % of the rows",
    ("below", 0.5): "Values below the reference's range rose from 0 % to 50.0 % of the rows",
    ("above", 0.5): "Values above the reference's range rose from",
    ("far below", 0.5): "Values far below the reference's range rose from",
    ("far above", 0.5): "Values far above the reference's range rose from",
    ("unreadable", 0.5): "Unreadable values, none of the feature's kind, rose from",
    ("other", 0.5): "Rare categories rose from",
    ("other 3 of 64", 0.5): "One group of rare categories (3 of 64) rose from",
}
CATEGORIES = [
    "São Paulo",
    "below",
    "above",
    "far above",
    "missing",
    "unreadable",
    "unseen",
    "unseen 3 of 64",
    "other",
    "other 3 of 64",
    "not finite",
    "mean",
    "spread",
    "bins",
    "stuck",
]


def is_one_sentence(text: str) -> bool:
    """Say whether it begins as a sentence does, ends with a full stop, and has no other end of one within."""
    return bool(re.fullmatch(r"[A-Z0-9].*\.", text)) and not re.search(r"[.!?] +[A-Z]|\.\.|\s{2}|\n", text)


@pytest.mark.parametrize(("what", "value"), CAUSES)
def test_each_cause_is_one_plain_sentence(what: str, value: float) -> None:
    sample = cause(what, value)
    assert sentences.drifting(sample).startswith(CAUSES[what, value])
    for sentence in (
        sentences.drifting(sample),
        sentences.pending(sample),
        sentences.within_tolerance(sample),
    ):
        assert is_one_sentence(sentence), sentence


@pytest.mark.parametrize("name", CATEGORIES)
def test_a_category_is_explained_as_one_whatever_it_is_called(name: str) -> None:
    sample = cause(name, category=True)
    told = f"ategory {name!r} rose from 0 % to 50.0 % of the rows, over 12,345 rows in 6 h"
    assert sentences.drifting(sample) == f"C{told}."
    assert sentences.pending(sample) == f"Not sure enough yet: c{told}."
    assert sentences.within_tolerance(sample) == sentences.within_tolerance(None)


@pytest.mark.parametrize(("what", "value"), CAUSES)
def test_what_is_not_sure_yet_says_so_and_what_it_is(what: str, value: float) -> None:
    sample = cause(what, value)
    assert sentences.pending(sample) == f"Not sure enough yet: {finding(sample)}."


def test_what_has_moved_within_tolerance_says_both() -> None:
    assert sentences.within_tolerance(cause("mean", 0.08)).startswith(
        "It has moved for sure, by less than the tolerance: rose by 0.08 standard deviations of the ranks"
    )


@pytest.mark.parametrize(
    "sentence",
    [
        sentences.drifting(None),
        sentences.pending(None),
        sentences.within_tolerance(None),
        sentences.NOTHING_WRONG,
        sentences.insufficient(None),
        sentences.insufficient(1.2345),
        sentences.too_few_days(691_200_000),
        sentences.too_few_rows(150, 200),
    ],
)
def test_what_has_no_cause_is_one_sentence_too(sentence: str) -> None:
    assert is_one_sentence(sentence), sentence


def test_too_little_to_judge_names_what_could_be_seen_by_now() -> None:
    assert "more than 1.2 standard deviations" in sentences.insufficient(1.2345)
    assert sentences.insufficient(None) == "Too few rows so far to judge anything."


def test_without_a_calibration_it_says_how_to_make_one() -> None:
    assert "--time COLUMN" in sentences.NO_ORDER_OF_TIME
    assert "--independent" in sentences.NO_ORDER_OF_TIME


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (500, "0.5 s"),
        (119_999, "120 s"),
        (120_000, "2 min"),
        (2 * HOUR, "2 h"),
        (47 * HOUR, "47 h"),
        (60 * HOUR, "2.5 days"),
    ],
)
def test_a_length_of_time_is_written_in_the_unit_that_suits_it(length: int, text: str) -> None:
    assert span(length) == text


def test_names_of_categories_are_cut_in_sentences_however_long_they_are() -> None:
    text = sentences.drifting(cause("x" * 100_000, category=True))
    assert text == f"Category '{'x' * 39}…' rose from 0 % to 50.0 % of the rows, {OVER}."

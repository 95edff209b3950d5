"""The sentences: each says one thing, in the words that users and tests hold on to."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from driftmeter.detectors import Cause
from driftmeter.drift import FeatureScores
from driftmeter.settings.model import ModelSettings
from driftmeter.timestamps import HOUR
from driftmeter.verdict import sentences

SCORES = FeatureScores({}, 1.5e-9, 0.3123, 0.26, {}, 1000)


def cause(what: str, value: float = 0.5, reference: float = 0.0, *, category: bool = False) -> Cause:
    return Cause(what, category, value, reference, 6 * HOUR, 12_345)


CAUSES = {
    ("mean", 0.5): "Values are 0.50 standard deviations higher than the reference, over 12,345 rows in 6 h.",
    ("mean", -0.5): "Values are 0.50 standard deviations lower than the reference, over 12,345 rows in 6 h.",
    ("spread", 0.5): "Values are more spread out than the reference's",
    ("spread", -0.5): "Values are less spread out than the reference's",
    ("skew", 0.5): "Values are skewed otherwise than the reference's",
    ("skew", -0.5): "Values are skewed otherwise than the reference's",
    ("tails", 0.5): "Values are of another shape than the reference's",
    ("tails", -0.5): "Values are of another shape than the reference's",
    ("bins", 7.25): "The distribution has another shape (7.2 times what chance gives), over",
    ("stuck", 0.9): "One value has 90% of the rows, over 12,345 rows in 6 h; in no such window of the reference",
    ("missing", 0.0512): "5.1 % of the rows against 0 % in the reference are missing, over 12,345 rows in 6 h.",
    ("not finite", 0.5): "50.0 % of the rows against 0 % in the reference are not finite, over",
    ("unseen", 0.5): "50.0 % of the rows against 0 % in the reference are in a category never seen before, over",
    ("below", 0.5): "50.0 % of the rows against 0 % in the reference are below the reference's range, over",
    ("above", 0.5): "50.0 % of the rows against 0 % in the reference are above the reference's range, over",
    ("far below", 0.5): "50.0 % of the rows against 0 % in the reference are far below the reference's range, over",
    ("far above", 0.5): "50.0 % of the rows against 0 % in the reference are far above the reference's range, over",
    (
        "unreadable",
        0.5,
    ): "50.0 % of the rows against 0 % in the reference are unreadable, no value of the feature's kind, over",
    ("other", 0.5): "50.0 % of the rows against 0 % in the reference are in rare categories, over",
    (
        "other 3 of 64",
        0.5,
    ): "50.0 % of the rows against 0 % in the reference are in one group of rare categories (3 of 64), over",
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
    told = f"ategory {name!r} has 50.0 % of the rows against 0 % in the reference, over 12,345 rows in 6 h"
    assert sentences.drifting(sample) == f"C{told}."
    assert sentences.pending(sample) == f"Not sure enough yet: c{told}."
    assert sentences.within_tolerance(sample) == sentences.within_tolerance(None)


@pytest.mark.parametrize(("what", "value"), CAUSES)
def test_what_is_not_sure_yet_says_so_and_what_it_is(what: str, value: float) -> None:
    sample = cause(what, value)
    assert sentences.pending(sample) == f"Not sure enough yet: {sentences.finding(sample)}."


def test_what_has_moved_within_tolerance_says_both() -> None:
    assert sentences.within_tolerance(cause("mean", 0.08)).startswith(
        "It has moved for sure, by less than the tolerance: values are 0.08 standard deviations higher"
    )


@pytest.mark.parametrize(
    "sentence",
    [
        sentences.drifting(None),
        sentences.pending(None),
        sentences.within_tolerance(None),
        sentences.NOTHING_WRONG,
        sentences.QUIET_AGAIN,
        sentences.insufficient(None),
        sentences.insufficient(1.2345),
        sentences.too_few_days(691_200_000),
        sentences.of_window("insufficient", SCORES, 150, ModelSettings()),
        sentences.of_window("drifting", SCORES, 1500, ModelSettings()),
        sentences.of_window("ok", SCORES, 1500, ModelSettings()),
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


def test_a_window_by_itself_names_its_size_and_its_chance() -> None:
    assert sentences.of_window("insufficient", SCORES, 150, ModelSettings()) == (
        "150 rows are too few to judge; 200 are needed."
    )
    assert sentences.of_window("drifting", SCORES, 1500, ModelSettings()) == (
        "The window differs beyond chance and tolerance: effect 0.31, p-value 1.5e-09."
    )


RATES = {
    ("missing", 0.0, 0.05): "5 % of the rows are missing against 0 % in the reference",
    ("missing", 0.25, 0.0): "0 % of the rows are missing against 25.0 % in the reference",
    ("unreadable", 0.0, 0.4): "40.0 % of the rows are unreadable, no value of the feature's kind, against 0 % in the",
    ("unseen", 0.01, 0.2): "20.0 % of the values are in a category never seen before against 1 % in the reference",
    ("out_of_range", 0.0, 0.0123): "1.2 % of the values are out of the reference's range or not finite against 0 %",
}


@pytest.mark.parametrize(("name", "before", "now"), RATES)
def test_a_window_by_itself_names_the_share_that_has_changed(name: str, before: float, now: float) -> None:
    rates = {"missing": (0.0, 0.001), "unreadable": (0.0, 0.0), name: (before, now)}
    sentence = sentences.of_window("drifting", replace(SCORES, rates=rates), 1500, ModelSettings())
    assert sentence.startswith(f"The window differs beyond chance and tolerance: {RATES[name, before, now]}")
    assert sentence.endswith("; effect 0.31, p-value 1.5e-09.")
    assert is_one_sentence(sentence)


def test_of_several_shares_the_one_that_has_changed_most_is_named_and_small_ones_are_not() -> None:
    rates = {"missing": (0.0, 0.02), "unreadable": (0.0, 0.05)}
    sentence = sentences.of_window("drifting", replace(SCORES, rates=rates, vanished=0.03), 1500, ModelSettings())
    assert "5 % of the rows are unreadable" in sentence
    assert "missing" not in sentence
    gone = sentences.of_window("drifting", replace(SCORES, rates=rates, vanished=0.3), 1500, ModelSettings())
    assert "categories that held 30.0 % of the reference are gone; effect" in gone
    small = replace(SCORES, rates={"missing": (0.0, 0.001), "unseen": (0.3, 0.1)})
    assert sentences.of_window("drifting", small, 1500, ModelSettings()) == (
        "The window differs beyond chance and tolerance: effect 0.31, p-value 1.5e-09."
    )


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
    assert sentences.span(length) == text

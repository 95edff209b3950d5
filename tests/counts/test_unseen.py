from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.counts import unseen
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.counts.unseen import (
    LONGEST_TEXT,
    MOST_OF_FEATURE,
    MOST_TEXTS,
    NO_TEXTS,
    UnseenTexts,
    is_sampled,
    shown_text,
)
from driftmeter.data.columns import Dictionary
from driftmeter.profile.category_grid import hash64
from driftmeter.profile.profile import Profile

PROFILE = Profile.fit(
    pl.DataFrame({"city": ["Ulm", "Bonn"] * 50, "code": [1, 2] * 50, "age": range(100)}),
    model="m",
    kinds={"code": "categorical"},
)
cells = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("uvwxyz")), max_size=60)
"""Features and texts of unseen categories, one for each row that has one."""


@pytest.fixture(autouse=True, scope="module")
def _few_texts() -> Any:
    """Keep so few texts that the laws meet the bounds: two of a feature, five in all."""
    before = unseen.MOST_OF_FEATURE, unseen.MOST_TEXTS
    unseen.MOST_OF_FEATURE, unseen.MOST_TEXTS = 2, 5
    yield
    unseen.MOST_OF_FEATURE, unseen.MOST_TEXTS = before


def sample(rows: list[tuple[str, str]]) -> UnseenTexts:
    """Return the sample of rows, each added by itself."""
    return UnseenTexts.sum(UnseenTexts.of({name: {text: 1}}) for name, text in rows)


def bytes_of(texts: UnseenTexts) -> str:
    return json.dumps(texts.to_json())


@given(cells, cells)
def test_samples_add_in_either_order(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    assert bytes_of(sample(one) + sample(other)) == bytes_of(sample(other) + sample(one))
    assert sample(one) + NO_TEXTS == sample(one) == NO_TEXTS + sample(one)


@given(cells, cells, cells)
def test_samples_add_in_any_grouping(
    first: list[tuple[str, str]], second: list[tuple[str, str]], third: list[tuple[str, str]]
) -> None:
    one, two, three = sample(first), sample(second), sample(third)
    assert (
        bytes_of((one + two) + three) == bytes_of(one + (two + three)) == bytes_of(UnseenTexts.sum([three, one, two]))
    )


@given(cells, st.lists(st.integers(0, 60), max_size=5), st.randoms(use_true_random=False))
def test_any_split_and_order_of_the_rows_gives_the_sample_of_all_with_whole_counts(
    rows: list[tuple[str, str]], places: list[int], chance: random.Random
) -> None:
    shuffled = chance.sample(rows, len(rows))
    edges = [0, *sorted(min(place, len(rows)) for place in places), len(rows)]
    parts = [sample(shuffled[low:high]) for low, high in itertools.pairwise(edges)]
    merged = UnseenTexts.sum(parts)
    totals = Counter(rows)
    assert all(totals[name, text] == count for name, texts in merged.counts.items() for text, count in texts.items())
    # what is kept, worked out from all rows at once: features take turns, each with its smallest hashes
    turns = [
        (turn, hash64(text), text, name)
        for name in "abcde"
        for turn, text in enumerate(sorted({text for one, text in rows if one == name}, key=hash64)[:2])
    ]
    kept = {(name, text) for _, _, text, name in sorted(turns)[:5]}
    assert {(name, text) for name, texts in merged.counts.items() for text in texts} == kept


def test_the_bounds_hold_for_any_number_of_texts() -> None:
    unseen.MOST_OF_FEATURE, unseen.MOST_TEXTS = MOST_OF_FEATURE, MOST_TEXTS
    try:
        texts = {f"f{feature}": {f"text {number}": 1 for number in range(100)} for feature in range(100)}
        kept = UnseenTexts.of(texts)
        assert sum(map(len, kept.counts.values())) == MOST_TEXTS == len(kept.counts)  # one of each, as far as they go
        assert len(UnseenTexts.of({"f": texts["f1"]}).counts["f"]) == MOST_OF_FEATURE
    finally:
        unseen.MOST_OF_FEATURE, unseen.MOST_TEXTS = 2, 5


@pytest.mark.parametrize(
    "category",
    ["\x1b[31mred", "a\nb", "\u202egnp.exe", "x\u200by", "\ud800", "\x00", "\U000e0041", "\ufeffa", "\u2028"],
)
def test_a_hidden_character_is_shown_as_a_replacement(category: str) -> None:
    shown = shown_text(category)
    assert "\ufffd" in shown
    shown.encode()
    assert shown.isprintable()
    assert shown_text(shown) == shown


@pytest.mark.parametrize("category", ["", "Köln, Süd", "東京", "<b>&amp;</b>", "[red]x[/red]", "👩‍🚀"[:1]])
def test_a_plain_text_is_shown_as_it_is(category: str) -> None:
    assert shown_text(category) == category


@given(st.text())
def test_a_shown_text_is_short_and_shows_as_itself(category: str) -> None:
    shown = shown_text(category * 40)
    assert len(shown) <= LONGEST_TEXT
    assert shown_text(shown) == shown


@pytest.mark.parametrize("data", [[], {"a": []}, {"a": {"x": 0}}, {"a": {"x": True}}, {"a": {"x": 2**54}}, {"a": None}])
def test_what_is_no_sample_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        UnseenTexts.from_json(data)


def test_foreign_texts_are_cut_and_cleaned() -> None:
    texts = {"a": {"x\x00": 1, "x\x01": 2, "y" * 1000: 3}, "b": {}}
    read = UnseenTexts.from_json(texts)
    assert read.counts == {"a": {"x\ufffd": 3, "y" * (LONGEST_TEXT - 1) + "…": 3}}
    assert UnseenTexts.from_json(json.loads(bytes_of(read))) == read


def test_rows_count_the_texts_that_the_reference_did_not_hold() -> None:
    reader, binner = Reader(PROFILE), Binner(PROFILE)
    records: list[Any] = [
        {"city": "Rom"},
        {"city": "Ulm", "code": 7.0},
        5,
        {"city": "Rom"},
        {"city": None},
        {"city": []},
    ]
    rows, _, _ = reader.read_records(records)
    assert binner.observe(rows).unseen.counts == {"city": {"Rom": 2}, "code": {"7": 1}}
    assert binner.observe(rows.take(np.array([2, 0]))).unseen.counts == {"city": {"Rom": 2}}
    assert binner.observe(rows.between(1, 3)).unseen.counts == {"city": {"Rom": 1}, "code": {"7": 1}}
    assert binner.observe(rows.between(3, 5)).unseen is NO_TEXTS
    assert type(rows).join([rows.between(0, 2), rows.between(2, 5)]).unseen.sample() == rows.unseen.sample()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "column",
    [
        ["Rom", "Ulm", "Rom", None],
        np.array(["Rom", "Ulm", "Rom", None], object),
        Dictionary(np.array([0, 1, 0, -1]), ("Rom", "Ulm")),
        [np.array(["Rom"]), b"Ulm", b"Rom", float("nan")],
    ],
)
def test_every_form_of_a_column_gives_the_same_sample(column: Any) -> None:
    rows, _, _ = Reader(PROFILE).read_columns({"city": column})
    assert Binner(PROFILE).observe(rows).unseen.counts == {"city": {"Rom": 2}}


def test_a_reader_can_be_told_to_keep_no_texts() -> None:
    rows, _, _ = Reader(PROFILE, unseen_texts=False).read_records([{"city": "Rom"}])
    assert rows.unseen is None
    assert Binner(PROFILE).observe(rows).unseen is NO_TEXTS


def test_rows_without_unseen_categories_keep_nothing() -> None:
    rows, _, _ = Reader(PROFILE).read_records([{"city": "Ulm", "code": 1, "age": 7}, {"city": None}])
    assert rows.unseen is None


def test_columns_of_mostly_new_values_are_not_sampled() -> None:
    names = [f"person {row}" for row in range(60)] + ["Ulm"] * 940
    profile = Profile.fit(pl.DataFrame({"few": ["Ulm", "Bonn"] * 500, "name": names}), model="m")
    assert [is_sampled(feature) for feature in profile.features] == [True, False]
    rows, _, _ = Reader(profile).read_records([{"few": "x", "name": "somebody"}])
    assert Binner(profile).observe(rows).unseen.counts == {"few": {"x": 1}}


def test_texts_that_are_not_of_the_counts_are_refused() -> None:
    reader, binner = Reader(PROFILE), Binner(PROFILE)
    summary = binner.observe(reader.read_records([{"city": "Rom"}])[0])
    assert summary.check(PROFILE) is None
    assert (summary + summary).check(PROFILE) is None
    for counts, expected in (
        ({"city": {"Rom": 2}}, "at most 1 rows of unseen texts in 'city', got 2"),
        ({"age": {"x": 1}}, "got some of 'age'"),
        ({"town": {"x": 1}}, "got some of 'town'"),
    ):
        assert expected in (Summary(1, summary.counts, UnseenTexts.of(counts)).check(PROFILE) or "")
    assert summary.without_texts().unseen is NO_TEXTS

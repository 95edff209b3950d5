from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.data.identifiers import NAMED, NUMBERED, is_called_identifier
from driftmeter.profile.profile import Profile

CHANCE = np.random.default_rng(3)
N = 1_000


def left_out(values: Any, name: str = "c", **options: Any) -> str | None:
    frame = pl.DataFrame({"x": CHANCE.normal(size=len(values)), name: values})
    why = Profile.fit(frame, model="m", **options).left_out.get(name)
    return None if why is None else why.partition(";")[0]


ROWS = np.arange(N)


@pytest.mark.parametrize(
    "values",
    [ROWS, 7 + ROWS, 10 * ROWS, ROWS[::-1], CHANCE.permutation(ROWS), CHANCE.permutation(2 * N)[:N], -ROWS],
    ids=["rows", "later", "in tens", "descending", "shuffled", "half of them", "negative"],
)
def test_row_numbers_are_left_out_in_whatever_order(values: Any) -> None:
    assert left_out(values) == NUMBERED


def test_row_numbers_that_are_missing_here_and_there_are_still_some() -> None:
    assert left_out([None if row % 50 == 0 else row for row in range(N)]) == NUMBERED
    assert left_out(np.where(ROWS % 50 == 0, np.nan, ROWS)) == NUMBERED  # what pandas makes of them


@pytest.mark.parametrize("name", ["id", "user_id", "CustomerID", "order no", "policyNumber", "PassengerId"])
def test_scattered_integers_are_identifiers_if_they_are_called_so(name: str) -> None:
    ids = CHANCE.choice(10**9, N, replace=False)
    assert left_out(ids, name) == NAMED
    assert left_out(ids, "revenue") is None
    assert left_out(ids % 50, name) is None  # a code that comes again and again is a feature


@pytest.mark.parametrize("name", ["paid", "humid", "grid", "number_of_rooms", "keyword_hits", "covid", "", "7"])
def test_other_words_are_no_identifiers(name: str) -> None:
    assert not is_called_identifier(name)


@pytest.mark.parametrize(
    "values",
    [
        np.sort(CHANCE.lognormal(10, 1, N)),
        np.linspace(0, 1, N),
        CHANCE.lognormal(10, 1, N).round(2),
        CHANCE.lognormal(14, 2, N).astype(int),
        np.sort(CHANCE.lognormal(14, 2, N).astype(int)),
        CHANCE.integers(0, 2 * N, N),
        ROWS.astype(float),
        ROWS[:20],
    ],
    ids=["sorted", "grid", "amounts", "populations", "sorted populations", "drawn", "floats", "few"],
)
def test_measurements_stay_though_nearly_all_differ(values: Any) -> None:
    assert left_out(values) is None


def test_an_identifier_that_is_included_is_monitored_and_explains_nothing() -> None:
    noise = CHANCE.normal(size=N)
    frame = pl.DataFrame({"row": ROWS, "x": ROWS / 100 + noise, "y": noise})
    assert Profile.fit(frame, model="m").left_out["row"] == f"{NUMBERED}; --include row monitors it"
    profile = Profile.fit(frame, model="m", include=["row"])
    assert [feature.name for feature in profile.features][:3] == ["row", "x", "y"]
    assert profile.residuals is None or "row" not in profile.residuals.columns

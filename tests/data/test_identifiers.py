from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.data.clocks import RowTimes
from driftmeter.data.identifiers import NAMED, NUMBERED, PASSING, are_passing_values, is_called_identifier
from driftmeter.profile.profile import Profile
from driftmeter.timestamps import DAY

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


LINES = 6_000
AT = 1_700_006_400 + np.sort(CHANCE.integers(0, 300 * DAY // 1000, LINES))  # 300 days
ORDER = np.repeat(np.arange(LINES), CHANCE.geometric(0.4, LINES))[:LINES]  # of 2.5 rows on average


def in_time(values: Any, name: str = "c", at: Any = AT, **options: Any) -> str | None:
    frame = pl.DataFrame({"at": at, "x": CHANCE.normal(size=len(at)), name: values})
    why = Profile.fit(frame, model="m", time="at", independent=True, **options).left_out.get(name)
    return None if why is None else why.partition(";")[0]


def texts(numbers: Any) -> list[str]:
    """Return numbers as texts in which there is no order."""
    return [f"{int(number) * 7_919 % 1_000_003:06x}" for number in numbers]


def mixed(numbers: Any, by: float) -> Any:
    """Return numbers whose rows are mixed with those of neighbours, by so many rows."""
    return numbers[np.argsort(np.arange(len(numbers)) + CHANCE.normal(size=len(numbers)) * by)]


IDS: dict[str, list[str | None]] = {
    "orders": [*texts(ORDER)],
    "orders of neighbours at once": [*texts(mixed(ORDER, 10))],
    "sessions of twenty": [*texts(mixed(np.arange(LINES) // 20, 10))],
    "orders, and guests": [None if row % 3 else text for row, text in enumerate(texts(ORDER))],
    "orders, and a word for none": ["guest" if chance < 0.3 else text for chance, text in zip(
        CHANCE.random(LINES), texts(ORDER), strict=True)],
}  # fmt: skip


@pytest.mark.parametrize("name", IDS)
def test_texts_that_never_return_are_left_out_by_the_time_of_their_rows(name: str) -> None:
    assert in_time(IDS[name]) == PASSING
    shuffled = CHANCE.permutation(LINES)
    assert in_time([IDS[name][row] for row in shuffled], at=AT[shuffled]) == PASSING
    assert in_time(IDS[name], include=["c"]) is None
    assert in_time(IDS[name], at=CHANCE.permutation(AT)) is None  # they come again at any time
    assert left_out(IDS[name]) is None  # no time is known


def test_an_identifier_that_is_included_says_what_it_looks_like() -> None:
    frame = pl.DataFrame({"at": AT, "x": AT % 7, "id": texts(ORDER)})
    left_out = Profile.fit(frame, model="m", time="at").left_out
    assert left_out["id"] == "looks like an identifier: its values do not return; --include id monitors it"
    assert PASSING in Profile.fit(frame, model="m", time="at", independent=True, include=["id"]).notes["id"]


def test_dates_are_enough_to_see_that_none_returns() -> None:
    assert in_time(texts(ORDER), at=AT // 86_400 * 86_400) == PASSING


def test_integers_that_never_return_are_identifiers_if_they_are_called_so() -> None:
    scattered = ORDER * 7_919 % 1_000_003
    assert in_time(scattered, "order_id") == PASSING
    assert in_time(np.where(ROWS.repeat(6) % 50 == 0, np.nan, scattered), "order_id") == PASSING
    assert in_time(scattered, "cents") is None  # the amount of an order is that of all its rows
    assert in_time(scattered + 0.5, "order_id") is None
    assert in_time(CHANCE.permutation(scattered), "order_id") is None


POPULAR = CHANCE.zipf(1.3, LINES) % 5_000
HALF = LINES // 2
RETURNING = {
    "zip codes": texts(CHANCE.integers(0, 400, LINES)),
    "users": texts(CHANCE.integers(0, 2_500, LINES)),
    "products": texts(POPULAR),
    "users with sessions": texts(CHANCE.integers(0, 1_000, LINES)[ORDER]),
    "customers of whom one in ten returns": texts(
        np.where(ORDER % 10 == 0, CHANCE.integers(0, 100, LINES)[ORDER], ORDER)
    ),
    "searches, many of which are repeated at once only": texts(np.where(ORDER % 4 == 0, 1_000_000 + POPULAR, ORDER)),
    "a few words, and others once": texts(
        np.where(CHANCE.random(LINES) < 0.5, 1_000_000 + CHANCE.integers(0, 10, LINES), ORDER)
    ),
    "long sessions, and users": texts(
        np.where(CHANCE.random(LINES) < 0.1, 1_000_000 + CHANCE.integers(0, 300, LINES), np.arange(LINES) // 60)
    ),
    "products that are sold for a month": texts(np.arange(LINES) // 100 * 100 + CHANCE.integers(0, 600, LINES)),
    "places of a region, then of another": texts(
        np.concatenate([CHANCE.integers(0, 500, HALF), CHANCE.integers(500, 999, HALF)])
    ),
    "versions": [f"1.{row // 300}" for row in range(LINES)],
    "nightly versions": [f"1.0.{row // 50}" for row in range(LINES)],
    "campaigns": [f"campaign {row // 40}" for row in range(LINES)],
    "free text": [f"words {row}" if row % 10 else "good" for row in range(LINES)],
    "hours": [f"{hour}h" for hour in AT // 3_600 % 168],
    "prices with decimal commas": [f"{order // 7 % 990},{order % 7}5" for order in ORDER],
}


@pytest.mark.parametrize("name", RETURNING)
def test_categories_that_return_or_have_many_rows_stay(name: str) -> None:
    assert in_time(RETURNING[name]) is None


def test_numbers_without_an_identifiers_name_stay_though_none_returns() -> None:
    waves = np.sin(np.arange(LINES) / 900)
    assert in_time(waves) is None
    assert in_time(np.repeat(CHANCE.lognormal(10, 1, LINES), 2)[:LINES].astype(int), "amount") is None
    assert in_time(np.repeat(CHANCE.lognormal(10, 1, LINES), 2)[:LINES].astype(int), "duration_ms") is None


def test_a_hundred_values_of_several_rows_and_more_than_twenty_times_are_needed() -> None:
    order = RowTimes(AT * 1000)
    few = np.where(ORDER < 80, ORDER, 10_000 + np.arange(LINES))
    assert not are_passing_values(np.unique(few, return_inverse=True)[1], order)
    assert are_passing_values(ORDER, order)
    assert not are_passing_values(ORDER, None)
    assert not are_passing_values(ORDER, RowTimes(np.full(LINES, -1)))  # no time is known
    assert not are_passing_values(ORDER, RowTimes(np.arange(LINES) // 350 * DAY))  # 18 days
    assert not are_passing_values(ORDER, RowTimes(np.maximum(np.arange(LINES), LINES // 2) * 1000))  # half at one time


def test_rows_spread_by_chance_keep_coming_as_long_as_expected() -> None:
    for size in (2, 3, 10):
        lasting = RowTimes(np.arange(LINES)).lasting(CHANCE.permutation(np.arange(LINES) // size))
        assert lasting is not None
        assert lasting[1].mean() == pytest.approx(1, abs=0.05)

from __future__ import annotations

import datetime as dt
import re
import uuid
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftmeter.data.columns import Source, as_frame, column_of
from driftmeter.data.kinds import kind_of, placeholders_note, placeholders_of
from driftmeter.errors import ProfileError
from driftmeter.profile.profile import Profile
from driftmeter.report import compare

N = 600
CHANCE = np.random.default_rng(1)
PRICES = CHANCE.uniform(10, 20, N)
TEXTS = [f"{price:.2f}" for price in PRICES]
LARGE = CHANCE.integers(2**60, 2**62, N)
ENDS = pa.array(range(1, N + 1), pa.int32())
Size = Enum("Size", {"SMALL": "s", "LARGE": "l"})


def frame_of(column: Any) -> Any:
    if isinstance(column, pl.Series):
        return pl.DataFrame({"c": column})
    return pa.table({"c": column}) if isinstance(column, pa.Array) else pd.DataFrame({"c": column})


def objects(values: Any) -> Any:
    return pd.Series(list(values), dtype=object)


def decided(column: Any) -> tuple[str | None, str]:
    return kind_of(Source(as_frame(frame_of(column))["c"]))


@pytest.mark.parametrize(
    "column",
    [
        objects(map(Decimal, TEXTS)),
        objects(Decimal(text) if place % 7 else None for place, text in enumerate(TEXTS)),
        objects(CHANCE.integers(0, 1000, N).tolist()),
        objects(PRICES.astype("f4")),
        objects(Fraction(int(price * 100), 7) for price in PRICES),
        objects(map(np.array, PRICES)),
        pd.arrays.SparseArray(np.where(PRICES > 18, PRICES, 0)),
        pd.arrays.SparseArray(CHANCE.integers(0, 5, N)),
        pd.array(list(map(Decimal, TEXTS)), dtype=pd.ArrowDtype(pa.decimal256(50, 2))),
        pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.RunEndEncodedArray.from_arrays(ENDS, PRICES)]))),
        pa.RunEndEncodedArray.from_arrays(ENDS, PRICES),
        pa.array(list(map(Decimal, TEXTS)), pa.decimal256(50, 2)),
        pl.Series(list(map(Decimal, TEXTS)), dtype=pl.Object),
        pl.Series([place % 300 for place in range(N)], dtype=pl.Int128),
    ],
    ids=lambda column: f"{type(column).__module__.split('.')[0]} {column.dtype if hasattr(column, 'dtype') else ''}",
)
def test_numbers_are_numbers_in_whatever_they_are_wrapped(column: Any) -> None:
    assert decided(column) == ("numeric", "")
    profile = Profile.fit(frame_of(column), model="m", independent=True)
    assert [feature.kind for feature in profile.features] == ["numeric"]
    assert profile.features[0].size > 10
    assert not compare(profile, frame_of(column)).drifting


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (objects([True, None, False] * 200), "boolean"),
        (pd.arrays.SparseArray([True, False] * 300), "boolean"),
        (objects(uuid.UUID(int=1 + place % 4) for place in range(N)), "categorical"),
        (objects([Size.SMALL, Size.LARGE] * 300), "categorical"),
        (objects([b"a", b"b"] * 300), "categorical"),
        (pd.Categorical([1, 2, 3] * 200), "categorical"),
        (pd.cut(PRICES, 4), "categorical"),
        (pa.array([uuid.UUID(int=1).bytes, uuid.UUID(int=2).bytes] * 300, pa.uuid()), "categorical"),
        (TEXTS, "categorical"),
        (["true", "false"] * 290 + ["maybe"] * 20, "categorical"),
        (objects([place if place % 10 else "bad" for place in range(N)]), "categorical"),
    ],
)
def test_categories_and_booleans_are_told_by_their_values(column: Any, kind: str) -> None:
    assert decided(column) == (kind, "")
    profile = Profile.fit(frame_of(column), model="m", independent=True)
    assert not compare(profile, frame_of(column)).drifting


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ([[1, 2]] * N, r"holds lists, such as '\[1, 2\]'"),
        ([{"a": 1}] * N, "holds objects"),
        ([np.zeros(3)] * N, "holds arrays"),
        ([(1, 2)] * N, "holds tuples"),
        ([bytes([255])] * N, "holds bytes that are no text"),
        (np.array([1j] * N), "values of type complex"),
        (pl.Series([[1, 2]] * N), r"of type List\(Int64\)"),
        (pl.Series([{"a": 1}] * N), "of type Struct"),
        (pd.period_range("2024", periods=N), "of type period"),
        (pd.to_timedelta([1] * N, unit="s"), "a length of time"),
        (objects([dt.date(2024, 1, 1)] * N), "a date-time; ask for its hour"),
        (objects([dt.time(8)] * N), "a time of day"),
        (pa.array([None] * N, pa.month_day_nano_interval()), "of type month_day_nano_interval"),
        (pa.array([b"\xff"] * N), "of type binary"),
    ],
)
def test_what_is_not_monitored_is_left_out_and_never_refuses_the_rest(column: Any, reason: str) -> None:
    kind, why = decided(column)
    assert kind is None
    assert re.search(reason, why)
    frame = pd.DataFrame({"x": PRICES}) if not isinstance(column, pl.Series | pa.Array) else None
    if frame is not None:
        frame["c"] = column
        profile = Profile.fit(frame, model="m", independent=True)
        assert [feature.column for feature in profile.features] == ["x"]
        assert profile.left_out == {"c": why}


@pytest.mark.parametrize(
    "column",
    [
        LARGE,
        pd.array([*LARGE.tolist()[1:], None], dtype="Int64"),
        CHANCE.integers(2**63, 2**64 - 1, N, dtype=np.uint64),
        objects(10**30 + place for place in range(N)),
    ],
    ids=["int64", "with a missing one", "uint64", "objects"],
)
def test_large_integers_that_nearly_all_differ_are_identifiers(column: Any) -> None:
    profile = Profile.fit(pd.DataFrame({"x": PRICES, "c": column}), model="m", independent=True)
    assert profile.left_out["c"].startswith("looks like an identifier: nearly every row has another integer beyond")


def test_large_integers_are_quantities_where_they_repeat_or_are_asked_for() -> None:
    assert decided(CHANCE.integers(1, 90, N) * 10**15) == ("numeric", "")
    profile = Profile.fit(pd.DataFrame({"c": LARGE}), model="m", kinds={"c": "numeric"}, independent=True)
    assert profile.features[0].kind == "numeric"


def test_a_few_placeholders_among_numbers_leave_them_numbers_and_are_said() -> None:
    column = ["?"] * 5 + ["unknown"] + ["NA", ""] * 20 + TEXTS
    series = as_frame(pd.DataFrame({"c": column}))["c"]
    assert kind_of(Source(series)) == ("numeric", "")
    assert placeholders_of(column_of(series)) == (6, ("?", "unknown"))
    assert placeholders_note(column_of(series)) == "6 values are no numbers ('?', 'unknown'): unreadable"
    profile = Profile.fit(pd.DataFrame({"c": column}), model="m", independent=True)
    (feature,) = profile.features
    special = feature.grid.special
    assert (feature.kind, feature.counts[special["unreadable"]], feature.counts[special["missing"]]) == (
        "numeric",
        6,
        40,
    )


@pytest.mark.parametrize("odd", ["02556", " 007 "])
def test_codes_with_leading_zeros_are_no_numbers_whatever_stands_among_them(odd: str) -> None:
    assert decided([odd, "?", *TEXTS])[0] == "categorical"


def test_a_twentieth_that_is_no_number_makes_a_column_text() -> None:
    assert decided(["1.5"] * 95 + ["?"] * 5)[0] == "numeric"
    assert decided(["1.5"] * 94 + ["?"] * 6)[0] == "categorical"


def test_placeholders_that_come_before_the_numbers_are_not_lost() -> None:
    profile = Profile.fit(pd.DataFrame({"c": ["?", *TEXTS]}), model="m", kinds={"c": "numeric"}, independent=True)
    assert profile.features[0].counts[profile.features[0].grid.special["unreadable"]] == 1


@pytest.mark.parametrize("kind", ["categorical", "numeric", "boolean", "hour"])
def test_asking_for_a_kind_that_lists_cannot_be_of_is_refused_by_name(kind: str) -> None:
    with pytest.raises(ProfileError, match=r"column 'c': expected .*, got lists"):
        Profile.fit(pd.DataFrame({"c": [[1]] * N}), model="m", kinds={"c": kind})

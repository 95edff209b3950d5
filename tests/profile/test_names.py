from __future__ import annotations

import datetime as dt
import enum
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from driftmeter.client.intake import Intake
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.errors import InputError, ProfileError
from driftmeter.profile.names import MOST_CHARACTERS
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.server.ingest.rows import read_batch

NUMBERS = np.random.default_rng(5).normal(0, 1, (60, 2))


def fit(frame: Any, **options: Any) -> Profile:
    return Profile.fit(frame, model="m", independent=True, residuals=False, **options)


def columns_of(profile: Profile) -> list[str]:
    return [feature.name for feature in profile.features]


@pytest.mark.parametrize(
    "names", [[0, 1], [np.int64(7), np.int8(-8)], [2024, "x"], [np.str_("a"), "b"], pd.CategoricalIndex(["p", "q"])]
)
def test_texts_and_whole_numbers_are_names(names: Any) -> None:
    frame = pd.DataFrame(NUMBERS, columns=names)
    profile = Profile.loads(fit(frame).dumps())
    assert columns_of(profile) == [str(name) for name in names]
    assert not compare(profile, frame).absent
    file = pa.Table.from_pandas(frame, preserve_index=False)
    assert compare(profile, file).verdict == compare(profile, frame).verdict


@pytest.mark.parametrize(
    ("names", "way"),
    [
        (pd.MultiIndex.from_tuples([("age", "mean"), ("age", "std")]), r'\["_"\.join\(map\(str, name\)\)'),
        ([("age", "mean"), "x"], r'\["_"\.join\(map\(str, name\)\)'),
        ([None, "x"], r"columns\.map\(str\)"),
        ([float("nan"), "x"], r"columns\.map\(str\)"),
        ([pd.NaT, "x"], r"columns\.map\(str\)"),
        ([1.5, "x"], r"columns\.map\(str\)"),
        ([True, False], r"columns\.map\(str\)"),
        ([b"age", "x"], r"columns\.map\(str\)"),
        ([dt.date(2024, 1, 1), "x"], r"columns\.map\(str\)"),
        (pd.period_range("2024-01", periods=2, freq="M"), r"columns\.map\(str\)"),
        (pd.IntervalIndex.from_breaks([0, 1, 2]), r"columns\.map\(str\)"),
        ([enum.Enum("Colour", "red").red, "x"], r"columns\.map\(str\)"),  # type: ignore[attr-defined]
    ],
)
def test_any_other_name_is_refused_with_the_way_out(names: Any, way: str) -> None:
    frame = pd.DataFrame(NUMBERS, columns=names)
    with pytest.raises(ProfileError, match=way):
        fit(frame)
    with pytest.raises(InputError, match=way):
        compare(fit(pl.DataFrame({"x": NUMBERS[:, 0]})), frame)


@pytest.mark.parametrize("names", [["a", "a"], [1, 1], [0, "0"]])
def test_one_name_twice_is_refused(names: list[Any]) -> None:
    with pytest.raises(ProfileError, match=rf"one column of each name, got '{names[0]}' 2 times: rename or drop"):
        fit(pd.DataFrame(NUMBERS, columns=names))


def test_columns_are_asked_for_by_the_names_that_the_frame_has() -> None:
    frame = pd.DataFrame(np.column_stack([NUMBERS, NUMBERS, NUMBERS[:, 0].round(), range(60)]))
    asked: dict[str, Any] = {"prediction": 1, "label": 2, "kinds": {4: "categorical"}, "exclude": [3], "time": 5}
    profile = fit(frame, **asked)
    assert [(feature.name, feature.kind, feature.role) for feature in profile.features] == [
        ("0", "numeric", "feature"),
        ("1", "numeric", "prediction"),
        ("4", "categorical", "feature"),
    ]
    assert dict(profile.left_out) == {"2": "the label", "3": "excluded", "5": "the time"}
    assert columns_of(fit(frame, only=[0, 3])) == ["0", "3"]


def test_rows_may_have_whole_numbers_for_keys() -> None:
    profile = fit(pd.DataFrame(NUMBERS))
    reader, binner = Reader(profile), Binner(profile)
    records: list[dict[Any, Any]] = pd.DataFrame(NUMBERS[:20]).to_dict("records")
    texts = [{str(name): value for name, value in record.items()} for record in records]
    wanted = binner.observe(reader.read_records(texts)[0])
    assert binner.observe(Intake(profile).read([(record, None, None, 0.0) for record in records]).rows) == wanted
    for body in ({"rows": records}, {"columns": {place: NUMBERS[:20, place].tolist() for place in range(2)}}):
        batch = read_batch("msgpack", msgspec.msgpack.encode(body), reader, 10**12, most=10**6)
        assert (binner.observe(batch.rows), batch.ignored) == (wanted, 0)


def test_keys_that_are_no_names_are_unknown_columns_and_cost_no_row() -> None:
    profile = fit(pl.DataFrame({"x": NUMBERS[:, 0]}))
    rows, bad, ignored = Reader(profile).read_records([{("a", "b"): 1.0, None: 2.0, "x": 0.5}])  # type: ignore[dict-item]
    assert (len(rows), bad, ignored) == (1, [], 2)


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u00a0"])
def test_a_column_without_a_name_is_left_out_aloud(name: str) -> None:
    profile = fit(pl.DataFrame({name: NUMBERS[:, 0], "x": NUMBERS[:, 1]}))
    assert columns_of(profile) == ["x"]
    assert profile.left_out[name] == "has no name: give it one, should it be a feature"
    with pytest.raises(ProfileError, match="expected a name, got"):
        fit(pl.DataFrame({name: NUMBERS[:, 0]}), include=[name])


def test_the_index_that_pandas_writes_into_parquet_is_no_feature_unless_it_is_asked_for(tmp_path: Any) -> None:
    frame = pd.DataFrame(NUMBERS, columns=["x", "y"]).sample(frac=1, random_state=1)
    frame.to_parquet(tmp_path / "sampled.parquet")
    table = pa.parquet.read_table(tmp_path / "sampled.parquet")
    assert "__index_level_0__" in table.column_names
    profile = fit(table)
    assert columns_of(profile) == ["x", "y"]
    assert profile.left_out["__index_level_0__"].startswith("the index of a pandas frame")
    assert not compare(profile, table).ignored
    assert columns_of(fit(table, only=["x", "__index_level_0__"])) == ["x", "__index_level_0__"]


@pytest.mark.parametrize("name", [".", "..", "x" * (MOST_CHARACTERS + 1)])
def test_names_that_no_address_can_carry_are_refused(name: str) -> None:
    with pytest.raises(ProfileError, match=r"expected a name .*: rename it"):
        fit(pl.DataFrame({name: NUMBERS[:, 0]}))
    with pytest.raises(ProfileError, match=r"model: expected a name .*: rename it"):
        Profile.fit(pl.DataFrame({"x": NUMBERS[:, 0]}), model=name)


def test_half_a_surrogate_pair_is_no_name() -> None:
    frame = pd.DataFrame(NUMBERS, columns=pd.Index(["a\ud800", "x"], dtype=object))
    with pytest.raises(ProfileError, match="UTF-8"):
        fit(frame)


def test_a_column_called_like_a_derived_feature_is_refused_with_the_way_out() -> None:
    start = dt.datetime(2024, 1, 1)
    times = [start + dt.timedelta(minutes=37 * row) for row in range(60)]
    frame = pl.DataFrame({"at": times, "at hour": NUMBERS[:, 0]})
    with pytest.raises(ProfileError, match="'at hour': rename the column of that name, or leave it out"):
        fit(frame, kinds={"at": "hour"})
    assert columns_of(fit(frame, kinds={"at": "hour"}, exclude=["at hour"])) == ["at hour"]
    shaken = NUMBERS[:, 0] + 0.1 * NUMBERS[:, 1]
    related = pl.DataFrame({"temp": NUMBERS[:, 0], "dew": shaken, "temp given the rest": NUMBERS[::-1, 1]})
    with pytest.raises(ProfileError, match="'temp given the rest': rename the column of that name, or leave it out"):
        Profile.fit(related, model="m", independent=True)
    kept = Profile.fit(related, model="m", independent=True, exclude=["temp given the rest"])
    assert [feature.role for feature in kept.features if feature.name == "temp given the rest"] == ["derived"]


def test_names_that_differ_by_capitals_or_blanks_alone_are_different_columns() -> None:
    frame = pl.DataFrame({"a": NUMBERS[:, 0], "A": NUMBERS[:, 1], " a": NUMBERS[:, 0] + 9, "a ": NUMBERS[:, 1] - 9})
    profile = Profile.loads(fit(frame).dumps())
    assert columns_of(profile) == ["a", "A", " a", "a "]
    assert compare(profile, frame).verdict.state != "drifting"

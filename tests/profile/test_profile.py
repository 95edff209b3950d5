from __future__ import annotations

import contextlib
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.data.files import read_table
from driftmeter.errors import ProfileError, ProfileFormatError
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile, _digest

GOLDEN = Path(__file__).parent / "golden" / "profile.json"


@pytest.fixture
def golden_frame() -> pl.DataFrame:
    """A frame whose profile needs no rounding, so that every machine makes the same."""
    return pl.DataFrame(
        {
            "age": [float(value) for value in range(128)],
            "rooms": [1, 2, 3, None] * 32,
            "weight": pl.Series([0.5, 0.25] * 64, dtype=pl.Float32),
            "city": ["Ulm"] * 60 + ["Köln"] * 40 + ["Bonn"] * 27 + [None],
            "member": [True, False, True, True] * 32,
            "score": [value / 128 for value in range(128)],
            "price": [float(value + value % 16) for value in range(128)],
            "bought": [True] * 128,
        }
    )


@pytest.fixture
def golden(golden_frame: pl.DataFrame) -> Profile:
    return Profile.fit(golden_frame, model="flat", prediction="score", label="bought", independent=True)


def test_the_profile_of_a_frame_is_the_golden_one(golden: Profile) -> None:
    assert golden.dumps() + b"\n" == GOLDEN.read_bytes()


def test_the_golden_profile_is_read(golden: Profile) -> None:
    assert Profile.load(GOLDEN) == golden


def test_a_profile_survives_its_file(profile: Profile, tmp_path: Path) -> None:
    profile.dump(tmp_path / "p.json")
    loaded = Profile.load(tmp_path / "p.json")
    assert loaded == profile
    assert loaded.digest == profile.digest
    assert loaded.dumps() == profile.dumps()


def test_a_profile_holds_no_rows_and_stays_small(profile: Profile) -> None:
    assert len(profile.dumps()) < 12_000


@pytest.mark.parametrize(
    "change", ["model", "independent", "left_out", "features", "time", "residuals", "notes", "span"]
)
def test_the_digest_shows_every_change(golden: Profile, change: str) -> None:
    content = golden.to_json()
    content[change] = {
        "model": "house",
        "independent": False,
        "left_out": {},
        "features": content["features"][1:2] + content["features"][:1] + content["features"][2:],
        "time": "when",
        "notes": {"age": ["constant"]},
        "span": [0, 1],
        "residuals": {**content["residuals"], "means": [0.0, 0.0, 0.0, 0.0]},
    }[change]
    with pytest.raises(ProfileFormatError, match="was altered"):
        Profile.loads(json.dumps(content))


def test_one_row_moved_to_another_bin_is_found_out(golden: Profile) -> None:
    content = golden.to_json()
    content["features"][0]["counts"][3] += 1
    content["features"][0]["counts"][4] -= 1
    with pytest.raises(ProfileFormatError, match="was altered"):
        Profile.loads(json.dumps(content))


def test_the_order_and_spacing_of_the_json_do_not_matter(golden: Profile) -> None:
    assert Profile.loads(json.dumps(golden.to_json(), indent=2, sort_keys=True)) == golden


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "got 'list'"),
        (b"{}", "got None"),
        (b'{"format": "other"}', "got 'other'"),
        (b'{"format": "driftmeter-profile", "version": 99}', "expected a profile of version 3, got version 99"),
        (b'{"format": "driftmeter-profile", "version": 3}', "damaged: KeyError"),
    ],
)
def test_what_is_no_profile_is_refused_with_what_came(data: bytes, message: str) -> None:
    with pytest.raises(ProfileFormatError, match=message):
        Profile.loads(data)


def test_a_damaged_profile_is_refused_and_nothing_else_is_raised(golden: Profile) -> None:
    chance = random.Random(3)
    data = golden.dumps()
    for _ in range(400):
        at = chance.randrange(len(data))
        broken = chance.choice([data[:at], data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]])
        if broken != data:
            with pytest.raises(ProfileFormatError):
                Profile.loads(broken)


def signed(content: dict[str, Any]) -> str:
    """Return a profile as somebody would write it who knows how to make a digest."""
    content.pop("digest")
    with contextlib.suppress(ValueError):  # an infinity has none
        content["digest"] = _digest(content)
    return json.dumps(content)


WRONG: list[Any] = [None, "x", [], {}, float("inf"), -1, [[]], [1]]


def wrong(*keys: str, but: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(key, value) for key in keys for value in WRONG if (key, value) not in but]


@pytest.mark.parametrize(
    ("key", "value"),
    wrong(
        *("model", "rows", "features", "left_out", "time", "time_format", "residuals", "notes", "span"),
        but=[
            *[("model", "x"), ("left_out", {}), ("left_out", []), ("time", "x"), ("time", None)],
            *[("time_format", "x"), ("time_format", None), ("notes", {}), ("notes", []), ("span", None)],
        ],
    ),
)
def test_a_profile_with_a_value_of_another_type_is_refused(golden: Profile, key: str, value: Any) -> None:
    with pytest.raises(ProfileFormatError):
        Profile.loads(signed({**golden.to_json(), key: value}))


@pytest.mark.parametrize(
    ("key", "value"),
    wrong("name", "kind", "role", "column", "part", "grid", "counts", but=[("part", None), ("column", "x")]),
)
def test_a_feature_with_a_value_of_another_type_is_refused(golden: Profile, key: str, value: Any) -> None:
    content = golden.to_json()
    content["features"] = [{**feature, key: value} for feature in content["features"]]
    with pytest.raises(ProfileFormatError):
        Profile.loads(signed(content))


@pytest.mark.parametrize(
    "grid",
    [
        {"categories": [1, 2]},
        {"dtype": "text"},
        {"others": "no base64"},
        {"others": "AAAA"},
        {"once": "x"},
        {"categories": ["a"]},
    ],
    ids=str,
)
def test_a_grid_that_is_none_is_refused(golden: Profile, grid: dict[str, Any]) -> None:
    content = golden.to_json()
    city = content["features"][3]
    content["features"][3] = {**city, "grid": {**city["grid"], **grid}}
    with pytest.raises(ProfileFormatError):
        Profile.loads(signed(content))


def test_counts_that_miss_a_row_are_refused_by_feature(golden: Profile) -> None:
    content = golden.to_json()
    content["features"][0]["counts"][3] += 1
    with pytest.raises(ProfileFormatError, match="'age': expected counts of 128 rows"):
        Profile.loads(signed(content))


def test_a_file_that_is_no_profile_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{}")
    with pytest.raises(ProfileFormatError, match=r"p\.json"):
        Profile.load(tmp_path / "p.json")


def feature(name: str) -> Feature:
    return Feature(name, "boolean", "feature", CategoryGrid.boolean(), (1, 0, 0, 0, 0, 0), name)


@pytest.mark.parametrize(
    ("model", "rows", "features", "message"),
    [
        ("", 1, (feature("a"),), "expected a name"),
        ("a/b", 1, (feature("a"),), "expected a name without '/'"),
        ("m", 0, (feature("a"),), "no rows"),
        ("m", 1, (), "no column can be monitored"),
        ("m", 1, (feature("a"), feature("a")), "two features have the name 'a'"),
    ],
)
def test_what_could_never_be_judged_is_refused(
    model: str, rows: int, features: tuple[Feature, ...], message: str
) -> None:
    with pytest.raises(ProfileError, match=message):
        Profile(model, rows, features)


def test_the_parts_of_the_features_cover_the_counts_without_a_gap(profile: Profile) -> None:
    parts = [part for _, part in profile.slices()]
    assert [part.start for part in parts] == [0, *[part.stop for part in parts[:-1]]]
    assert parts[-1].stop == profile.bins
    assert all(feature.size == part.stop - part.start for feature, part in profile.slices())


def test_the_references_own_rows_give_the_counts_of_the_profile(
    frame: pl.DataFrame, profile: Profile, reader: Reader, binner: Binner
) -> None:
    expected = [count for feature in profile.features for count in feature.counts]
    as_records, rejected, _ = reader.read_records(frame.to_dicts())
    as_columns = reader.read_columns(columns_of(as_frame(frame), frame.columns))[0]
    assert not rejected
    assert binner.observe(as_records).counts.tolist() == expected
    assert binner.observe(as_columns).counts.tolist() == expected


def fit(frame: Any) -> Profile:
    return Profile.fit(frame, model="shop", kinds={"code": "categorical", "seen": "hour"})


def test_any_order_of_the_rows_gives_the_same_profile(frame: pl.DataFrame) -> None:
    for seed in range(3):
        assert fit(frame.sample(fraction=1, shuffle=True, seed=seed)).digest == fit(frame).digest


@pytest.fixture
def plain_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without what CSV cannot say: float32, and a text that is empty rather than missing."""
    return frame.drop("weight")


def test_the_same_data_gives_the_same_profile_from_any_library(frame: pl.DataFrame) -> None:
    table = frame.to_arrow()
    for same in (frame.lazy(), table, pd.DataFrame(frame.to_dict(as_series=False)).astype({"weight": "float32"})):
        assert fit(same).digest == fit(frame).digest


def test_the_same_data_gives_the_same_profile_from_any_file(plain_frame: pl.DataFrame, tmp_path: Path) -> None:
    table: pa.Table = plain_frame.to_arrow()
    parquet.write_table(table, tmp_path / "a.parquet")
    csv.write_csv(table, tmp_path / "a.csv")
    expected = fit(plain_frame).digest
    assert [fit(read_table(tmp_path / name)).digest for name in ("a.parquet", "a.csv")] == [expected, expected]


def _bad_profiles() -> dict[str, Any]:
    def category(content: dict[str, Any]) -> dict[str, Any]:
        return next(f for f in content["features"] if f["name"] == "city")

    def scale(content: dict[str, Any], factor: int) -> None:
        content["rows"] *= factor
        for feature in content["features"]:
            feature["counts"] = [count * factor for count in feature["counts"]]

    return {
        "rows beyond 2**53": lambda content: scale(content, 2**50),
        "rows as a float": lambda content: content.update(rows=128.0),
        "rows as text": lambda content: content.update(rows="128"),
        "once beyond the rows": lambda content: category(content)["grid"].update(once=129),
        "once below 0": lambda content: category(content)["grid"].update(once=-1),
        "model": lambda content: content.update(model="\ud800"),
        "name": lambda content: content["features"][0].update(name="\ud800"),
        "column": lambda content: content["features"][0].update(column="\ud800"),
        "category": lambda content: category(content)["grid"]["categories"].__setitem__(0, "\udfff"),
        "left out": lambda content: content.update(left_out={"\ud800": "excluded"}),
        "why left out": lambda content: content.update(left_out={"x": "\ud800"}),
        "why left out is no text": lambda content: content.update(left_out={"x": 3}),
        "time": lambda content: content.update(time="\ud800"),
        "a residual of a category": lambda content: content["residuals"]["columns"].__setitem__(1, "city"),
        "a residual of the prediction": lambda content: content["residuals"]["columns"].__setitem__(1, "score"),
        "a residual of no column": lambda content: content["residuals"]["columns"].__setitem__(1, "x"),
        "residuals in another order": lambda content: content["features"].append(content["features"].pop(-2)),
        "one residual fewer": lambda content: content["features"].pop(),
        "residuals before the rest": lambda content: content["features"].insert(0, content["features"].pop()),
        "a derived feature by another role": lambda content: content["features"][-1].update(role="feature"),
        "no residuals": lambda content: content["residuals"].update(targets=[], coefficients=[]),
        "more residuals than features": lambda content: content.update(features=content["features"][-1:]),
    }


def test_a_profile_without_residuals_has_no_derived_features(golden: Profile) -> None:
    with pytest.raises(ProfileFormatError, match="expected residuals, from which the derived features follow"):
        Profile.loads(signed({**golden.to_json(), "residuals": None}))


@pytest.mark.parametrize("name", _bad_profiles())
def test_what_could_not_be_judged_or_stored_is_no_profile_whatever_its_digest(golden: Profile, name: str) -> None:
    content = golden.to_json()
    content = json.loads(json.dumps(content))
    _bad_profiles()[name](content)
    with pytest.raises(ProfileFormatError):
        Profile.loads(signed(content))


def test_a_profile_of_too_many_bins_is_refused(golden: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    content = signed(golden.to_json())
    monkeypatch.setattr("driftmeter.profile.profile.MOST_BINS", golden.bins)
    assert Profile.loads(content) == golden
    monkeypatch.setattr("driftmeter.profile.profile.MOST_BINS", golden.bins - 1)
    with pytest.raises(ProfileFormatError, match="bins in all features, got"):
        Profile.loads(content)


def test_codes_with_leading_zeros_are_text_from_csv_as_from_parquet(tmp_path: Path) -> None:
    rows = 2_000
    table = pa.table(
        {
            "zip": pa.array([f"{row % 7:05}" for row in range(rows)]),
            "share": pa.array([0.5 * (row % 3) for row in range(rows)]),
            "rooms": pa.array([row % 5 if row % 11 else None for row in range(rows)]),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    csv.write_csv(table, tmp_path / "quoted.csv")
    csv.write_csv(table, tmp_path / "bare.csv", csv.WriteOptions(quoting_style="none"))
    expected = Profile.fit(table, model="m")
    assert [feature.kind for feature in expected.features] == ["categorical", "numeric", "numeric"]
    for name in ("a.parquet", "quoted.csv", "bare.csv"):
        assert Profile.fit(read_table(tmp_path / name), model="m").digest == expected.digest


@pytest.mark.parametrize(
    "notes",
    [{"age": []}, {"age": ["x"] * 9}, {"age": ["x" * 301]}, {"nobody": ["x"]}, {"age": [1]}, {"age": "constant"}],
    ids=["none", "too many", "too long", "of no feature", "no text", "no list"],
)
def test_notes_are_few_short_and_of_features(golden: Profile, notes: Any) -> None:
    with pytest.raises(ProfileFormatError):
        Profile.loads(signed({**golden.to_json(), "notes": notes}))


def test_notes_and_span_survive_the_file(golden: Profile) -> None:
    profile = replace(golden, notes={"age": ("constant", "ü")}, span=(5, 7))
    loaded = Profile.loads(profile.dumps())
    assert loaded == profile
    assert (loaded.notes, loaded.span) == ({"age": ("constant", "ü")}, (5, 7))
    with pytest.raises(ProfileFormatError, match="span"):
        Profile.loads(signed({**golden.to_json(), "span": [7, 5]}))

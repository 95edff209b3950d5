from __future__ import annotations

import base64
import html
import json
import re
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.columns import as_frame, columns_of
from driftmeter.data.files.for_profile import read_data
from driftmeter.drift import Scorer
from driftmeter.errors import InputError
from driftmeter.page.shape import shape_of
from driftmeter.page.texts import printable
from driftmeter.profile.feature import Feature
from driftmeter.profile.profile import Profile
from driftmeter.report import Report, compare
from driftmeter.settings.model import FeatureSettings, ModelSettings
from driftmeter.verdict.figures import percent
from tests.support import orders


@pytest.fixture(scope="module")
def shop() -> Profile:
    return Profile.fit(
        pa.Table.from_pylist(orders.orders(3000, seed=1)),
        model="shop",
        prediction="score",
        label="bezahlt",
        time="bestellt",
        kinds={"bestellt": "hour"},
        exclude=[],
    )


@pytest.fixture(scope="module")
def same() -> pl.DataFrame:
    return pl.DataFrame(orders.orders(2000, seed=2))


@pytest.fixture(scope="module")
def taller() -> pl.DataFrame:
    return pl.DataFrame(orders.orders(2000, seed=3, taller=15))


def names_drifting(report: Report) -> list[str]:
    return [judged.feature for judged in report.verdict.features if judged.drifting]


def test_the_same_orders_do_not_drift_and_taller_ones_do(
    shop: Profile, same: pl.DataFrame, taller: pl.DataFrame
) -> None:
    assert not compare(shop, same).drifting
    report = compare(shop, taller)
    assert report.drifting
    assert names_drifting(report) == ["größe"]
    assert report.rows == 2000


def test_pandas_polars_pyarrow_and_lazy_frames_give_the_same_report(shop: Profile, taller: pl.DataFrame) -> None:
    frames: list[Any] = [taller, taller.lazy(), taller.to_arrow(), pd.DataFrame(taller.to_dict(as_series=False))]
    reports = [compare(shop, frame) for frame in frames]
    assert [report.to_json() for report in reports[1:]] == [reports[0].to_json()] * 3


def test_a_report_counts_as_a_live_window_does(shop: Profile, taller: pl.DataFrame) -> None:
    reader = Reader(shop)
    rows, _, _ = reader.read_columns(columns_of(as_frame(taller), reader.names))
    live = Binner(shop).observe(rows)
    report = compare(shop, taller)
    assert report.verdict.window.summary == live
    assert [feature.scores for feature in report.verdict.features] == Scorer(shop.features).scores(live.counts)


def test_rows_beyond_one_block_are_counted_and_numbered_through(shop: Profile, taller: pl.DataFrame) -> None:
    many = pl.concat([taller] * 60).with_columns(pl.col("größe").cast(pl.String))
    many[110_000, "größe"] = "n.v."
    report = compare(shop, many)
    assert report.rows == 120_000
    assert [value.row for value in report.unreadable.first] == [110_000]
    assert report.unreadable.columns == {"größe": 1}


def test_json_has_the_words_of_a_verdict_and_no_times(shop: Profile, taller: pl.DataFrame) -> None:
    content = json.loads(json.dumps(compare(shop, taller).to_json(), allow_nan=False))
    assert {"model", "state", "rows", "window", "features", "unreadable"} <= set(content)
    assert content["window"]["start"] is None
    assert content["last_drift"] is None
    assert content["incident"] is None
    for feature in content["features"]:
        assert {
            "feature",
            "role",
            "state",
            "drifting",
            "severity",
            "since",
            "effect",
            "p_value",
            "evidence",
            "tests",
        } <= (set(feature))
        assert feature["since"] is None
    assert content["unreadable"] == {"values": 0, "columns": {}, "first": []}


def test_tolerances_and_the_least_rows_hold(shop: Profile, taller: pl.DataFrame) -> None:
    assert compare(shop, taller, settings=ModelSettings(tolerance=10)).verdict.state == "ok"
    assert compare(shop, taller, settings=ModelSettings(min_rows=3000)).verdict.state == "insufficient"
    patient = ModelSettings(features={"größe": FeatureSettings(tolerance=10)})
    assert compare(shop, taller, settings=patient).verdict.state == "ok"


def test_only_the_tests_that_are_named_are_in_a_report(shop: Profile, taller: pl.DataFrame) -> None:
    chosen = ModelSettings(tests=("psi",), features={"größe": FeatureSettings(tests=("ks", "wasserstein"))})
    everything, report = compare(shop, taller).to_json(), compare(shop, taller, settings=chosen).to_json()
    assert {feature["feature"]: list(feature["tests"]) for feature in report["features"]} == {
        feature.name: ["ks", "wasserstein"] if feature.name == "größe" else ["psi"] for feature in shop.features
    }
    assert [feature["p_value"] for feature in report["features"]] == [
        feature["p_value"] for feature in everything["features"]
    ]


def test_text_cells_are_read_one_by_one_and_bad_ones_are_unreadable_and_told_with_their_rows(
    shop: Profile, same: pl.DataFrame
) -> None:
    text = same.with_columns(pl.col("größe").cast(pl.String))
    assert compare(shop, text).verdict == compare(shop, same).verdict
    text[3, "größe"], text[5, "größe"] = "tall", "1_000"
    report = compare(shop, text)
    assert (report.unreadable.values, report.rows) == (2, 2000)
    assert [(value.row, value.field) for value in report.unreadable.first] == [(3, "größe"), (5, "größe")]
    height = next(feature for feature in report.verdict.features if feature.feature == "größe")
    assert height.scores.rates["unreadable"] == (0.0, 0.001)
    assert report.notes == (
        "Column 'größe': 2 of 2,000 values (0.1 %) cannot be read, such as text ('tall') in row 3, "
        "text ('1_000') in row 5.",
    )


def test_of_each_column_three_unreadable_values_are_named_however_many_come_first(
    shop: Profile, same: pl.DataFrame
) -> None:
    text = same.with_columns(
        größe=pl.concat([pl.Series(["?"] * 900), same["größe"][900:].cast(pl.String)]),
        anzahl=pl.col("anzahl").cast(pl.String),
    )
    text[1999, "anzahl"] = "!"
    report = compare(shop, text)
    assert report.unreadable.columns == {"größe": 900, "anzahl": 1}
    assert [(value.row, value.field) for value in report.unreadable.first] == [
        *((row, "größe") for row in range(3)),
        (1999, "anzahl"),
    ]
    assert names_drifting(report) == ["größe"]


def test_a_column_that_is_absent_is_all_missing_and_said(shop: Profile, same: pl.DataFrame) -> None:
    report = compare(shop, same.drop("anzahl"))
    assert report.absent == ("anzahl",)
    anzahl = next(feature for feature in report.verdict.features if feature.feature == "anzahl")
    assert anzahl.scores.rates["missing"] == (0.0, 1.0)
    assert names_drifting(report) == ["anzahl"]
    assert any("anzahl" in note for note in report.notes)


def test_unknown_columns_are_named_and_left_out_ones_are_not(shop: Profile, same: pl.DataFrame) -> None:
    assert compare(shop, same.with_columns(extra=1)).ignored == ("extra",)


def test_a_frame_without_rows_or_known_columns_is_an_error(shop: Profile, same: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="expected rows, got none"):
        compare(shop, same.head(0))
    with pytest.raises(InputError, match=r"expected columns of the profile .*größe.*, got other"):
        compare(shop, pl.DataFrame({"other": [1]}))


def test_csv_and_parquet_of_the_same_rows_give_the_same_verdict(shop: Profile, tmp_path: Path) -> None:
    rows = orders.orders(1500, seed=4)
    from_csv = read_data(orders.write_csv(tmp_path / "o.csv", rows), shop)
    from_parquet = read_data(orders.write_parquet(tmp_path / "o.parquet", rows), shop)
    assert from_csv["plz"].type == pa.string()
    assert compare(shop, from_csv).to_json() == compare(shop, from_parquet).to_json()
    assert csv.read_csv(tmp_path / "o.csv")["plz"].type == pa.int64()


# --- the page


def documents_of(page: str) -> dict[str, Any]:
    """The documents of a saved page, by the last part of their paths."""
    packed = re.search(r'id="documents">([^<]*)<', page)
    assert packed is not None
    documents = json.loads(zlib.decompress(base64.b64decode(packed[1])))
    return {path.partition("/shop/")[2]: document for path, document in documents.items()}


def test_the_page_fetches_nothing_and_allows_nothing(shop: Profile, taller: pl.DataFrame) -> None:
    page = compare(shop, taller).to_html()
    frame = re.sub(r"(?s)<(script|style)[^>]*>.*?</\1>", "", page)
    assert re.findall(r'(?:src|href)="(?!data:)', frame) == []
    assert "url(" not in re.sub(r"url\(data:", "", page)
    assert "default-src 'none'" in frame
    assert "unsafe" not in frame


def test_the_page_has_a_view_of_each_feature_with_its_verdict(shop: Profile, taller: pl.DataFrame) -> None:
    report = compare(shop, taller)
    documents = documents_of(report.to_html())
    shown = documents["overview"]["features"]
    assert shown[0]["feature"] == "größe"
    assert sorted(one["feature"] for one in shown) == sorted(feature.name for feature in shop.features)
    for judged in report.to_json()["features"]:
        view = documents[f"features/{quote(judged['feature'])}"]
        assert {key: view[key] for key in judged} == judged
        shape = view["shape"]
        assert (shape["reference_rows"], shape["now_rows"]) == (3000, 2000)


def test_the_page_says_what_each_test_measures(shop: Profile, same: pl.DataFrame) -> None:
    page = compare(shop, same, settings=ModelSettings(tests=("psi", "ks"))).to_html()
    scores = documents_of(page)["features/gr%C3%B6%C3%9Fe"]["scores"]
    assert {"psi", "ks"} <= {score["test"] for score in scores}
    assert all(score["what"] for score in scores)


def test_names_are_escaped_wherever_they_stand() -> None:
    nasty = "<script>alert('&\"')</script>\x1b[31m\x00"
    frame = pl.DataFrame({nasty: ["<b>", "&amp;", nasty, None] * 100, "n": range(400)})
    profile = Profile.fit(frame, model=nasty.replace("/", "|"))
    page = compare(profile, frame.with_columns(pl.lit("<i>").alias(nasty))).to_html()
    assert page.count("<script") == 3  # the documents, the import map, and the start of the page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert "\x00" not in page


def test_half_a_surrogate_pair_can_be_written() -> None:
    assert printable("a\ud800b").encode() == b"a?b"


def test_notes_stand_on_the_page(shop: Profile, same: pl.DataFrame) -> None:
    report = compare(shop, same.drop("anzahl"))
    page = report.to_html()
    assert documents_of(page)["overview"]["notes"] == list(report.notes)
    assert html.escape(report.notes[0]) in page


def feature_of(values: list[Any], **kinds: str) -> Feature:
    return Profile.fit(pl.DataFrame({"x": values}), model="m", kinds=kinds).features[0]


@pytest.mark.parametrize(
    "values",
    [[1.0] * 50, [None, None, 1.0], [-1e300, 0.0, 1e300], list(range(1000)), [0.0] * 900 + list(range(100))],
)
def test_any_number_has_a_shape(values: list[Any]) -> None:
    feature = feature_of([None if value is None else float(value) for value in values])
    for counts in (feature.counts, [1] * feature.size, [0] * feature.size):
        shape = shape_of(feature, np.array(counts))
        assert shape["now_rows"] == sum(counts)
        json.dumps(shape, allow_nan=False)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (1.0, "100.0 %"), (0.0004, "0.04 %"), (1e-9, "1e-07 %"), (0.123, "12.3 %")]
)
def test_shares_are_written_in_per_cent(share: float, text: str) -> None:
    assert percent(share) == text


def test_the_report_names_new_categories_and_is_safe_whatever_they_hold(shop: Profile, same: pl.DataFrame) -> None:
    odd = "<script>\x1b[31m" + "x" * 200
    new = [odd if row % 10 == 0 else city for row, city in enumerate(same["ville"])]
    report = compare(shop, same.with_columns(ville=pl.Series(new)))
    (ville,) = [feature for feature in report.verdict.features if feature.feature == "ville"]
    assert "rose from 0 % to 10.0 % of the rows ('<script>\\x1b[31mxxx" in ville.why
    assert "x" * 60 not in ville.why
    page = report.to_html()
    assert "<script>\\x1b" not in page
    assert "&lt;script&gt;\\x1b" in page
    assert documents_of(page)["features/ville"]["shape"]["new"] == [{"name": odd, "rows": 200}]
    without = compare(shop, same.with_columns(ville=pl.Series(new)), settings=ModelSettings(unseen_texts=False))
    (ville,) = [feature for feature in without.verdict.features if feature.feature == "ville"]
    assert "rose from 0 % to 10.0 % of the rows, over" in ville.why
    assert "&lt;script" not in without.to_html()

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from driftmeter.demo.data import CATEGORICAL, FEATURES, NUMERIC, Row, reference_profile

DEMO = files("driftmeter.demo")


def test_the_sample_and_the_model_are_small_enough_to_ship() -> None:
    assert len(DEMO.joinpath("flights.parquet").read_bytes()) <= 3_000_000
    assert len(DEMO.joinpath("model.onnx").read_bytes()) <= 1_000_000


def test_the_reference_has_the_features_the_time_and_the_prediction(reference: pa.Table) -> None:
    assert reference.column_names == [*FEATURES, "scheduled", "prediction"]
    assert len(reference) == 40_000
    assert reference.schema.field("scheduled").type == pa.timestamp("ms", tz="UTC")


def test_the_held_out_rows_also_have_the_label(held_out: pa.Table) -> None:
    assert held_out.column_names == [*FEATURES, "scheduled", "late", "prediction"]
    assert len(held_out) == 25_000
    assert 0.2 < pc.mean(held_out["late"].cast(pa.float64())).as_py() < 0.3


def test_both_parts_cover_the_year(reference: pa.Table, held_out: pa.Table) -> None:
    for part in (reference, held_out):
        months = pc.month(pc.assume_timezone(pc.local_timestamp(part["scheduled"]), "UTC"))
        assert set(months.to_pylist()) == set(range(1, 13))


def test_no_flight_is_in_both_parts(reference: pa.Table, held_out: pa.Table) -> None:
    # A flight is told by its time, airports and carrier; the few twins differ in their delay.
    key = ["scheduled", "origin", "dest", "carrier", "dep_delay", "prediction"]
    both = reference.select(key).join(held_out.select(key), keys=key, join_type="inner")
    assert len(both) == 0


def test_missing_values_are_those_of_the_source(reference: pa.Table) -> None:
    missing = {name: reference[name].null_count / len(reference) for name in FEATURES}
    assert 0.7 < missing["wind_gust"] < 0.8
    assert 0.05 < missing["plane_year"] < 0.2
    assert missing["carrier"] == missing["distance"] == missing["dep_delay"] == 0
    assert not any(np.isnan(reference[name].drop_null().to_numpy()).any() for name in NUMERIC)


@pytest.mark.parametrize("name", [*NUMERIC, "prediction"])
def test_a_number_is_distributed_alike_in_reference_and_held_out(
    name: str, reference: pa.Table, held_out: pa.Table
) -> None:
    present = [part[name].drop_null().to_numpy() for part in (reference, held_out)]
    assert ks_2samp(*present).pvalue > 0.001
    missing = [[part[name].null_count, len(part) - part[name].null_count] for part in (reference, held_out)]
    if missing[0][0]:
        assert chi2_contingency(missing).pvalue > 0.001


@pytest.mark.parametrize("name", CATEGORICAL)
def test_a_category_is_as_frequent_in_reference_as_in_held_out(
    name: str, reference: pa.Table, held_out: pa.Table
) -> None:
    counts = [
        {entry["values"]: entry["counts"] for entry in pc.value_counts(part[name]).to_pylist()}
        for part in (reference, held_out)
    ]
    frequent = [value for value, count in counts[0].items() if count >= 20]
    table = [[part.get(value, 0) for value in frequent] for part in counts]
    assert chi2_contingency(table).pvalue > 0.001


def test_a_row_has_every_feature_and_none_for_missing(rows: list[Row]) -> None:
    assert len(rows) == 25_000
    assert all(tuple(row) == FEATURES for row in rows)
    assert any(row["wind_gust"] is None for row in rows)


def test_the_profile_sees_fourteen_numbers_and_four_categories() -> None:
    profile = reference_profile()
    kinds = {feature.name: feature.kind for feature in profile.features if feature.role == "feature"}
    assert {name for name, kind in kinds.items() if kind == "numeric"} == set(NUMERIC)
    assert {name for name, kind in kinds.items() if kind == "categorical"} == set(CATEGORICAL)
    assert [feature.name for feature in profile.features if feature.role == "prediction"] == ["prediction"]
    assert profile.model == "flights"
    assert profile.rows == 40_000


def test_the_profile_is_the_same_every_time() -> None:
    assert reference_profile().digest == reference_profile().digest

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import rankdata

from driftmeter.demo.data import FEATURES, Row
from driftmeter.demo.predictor import Predictor


def auc(late: np.ndarray, scores: np.ndarray) -> float:
    """The area under the ROC curve, by ranks."""
    positive = int(late.sum())
    ranks = rankdata(scores)[late].sum() - positive * (positive + 1) / 2
    return float(ranks / (positive * (len(late) - positive)))


def test_predictions_are_probabilities(predictor: Predictor, held_out: pa.Table) -> None:
    predictions = predictor.predict_table(held_out)
    assert predictions.shape == (25_000,)
    assert np.isfinite(predictions).all()
    assert predictions.min() >= 0
    assert predictions.max() <= 1


def test_held_out_flights_are_told_apart(predictor: Predictor, held_out: pa.Table) -> None:
    arrived = held_out.filter(held_out["late"].is_valid())
    late = arrived["late"].to_numpy().astype(bool)
    assert auc(late, predictor.predict_table(arrived)) > 0.9


def test_the_sample_holds_what_the_model_answers(predictor: Predictor, reference: pa.Table, held_out: pa.Table) -> None:
    for part in (reference, held_out):
        stored = part["prediction"].to_numpy()
        # Another processor may add the trees in another order; the last bits are its own.
        np.testing.assert_allclose(predictor.predict_table(part), stored, atol=1e-6)


def test_rows_one_by_one_together_and_as_a_table_get_the_same_answers(
    predictor: Predictor, rows: list[Row], held_out: pa.Table
) -> None:
    one_by_one = [predictor.predict([row])[0] for row in rows[:500]]
    assert one_by_one == predictor.predict(rows[:500])
    assert one_by_one == predictor.predict_table(held_out.slice(0, 500)).tolist()


def test_no_rows_get_no_answers(predictor: Predictor, held_out: pa.Table) -> None:
    assert predictor.predict([]) == []
    assert len(predictor.predict_table(held_out.slice(0, 0))) == 0


def test_an_absent_feature_is_as_good_as_null(predictor: Predictor, rows: list[Row]) -> None:
    for name in FEATURES:
        absent = {key: value for key, value in rows[0].items() if key != name}
        assert predictor.predict([absent]) == predictor.predict([{**absent, name: None}])


def test_an_unknown_category_is_scored_as_missing(predictor: Predictor, rows: list[Row]) -> None:
    assert predictor.predict([{**rows[0], "carrier": "ZZ"}]) == predictor.predict([{**rows[0], "carrier": None}])


def test_a_table_without_a_column_is_scored_as_missing(predictor: Predictor, held_out: pa.Table) -> None:
    head = held_out.slice(0, 50)
    without = head.drop_columns(["temp", "carrier"])
    rows = [{**row, "temp": None, "carrier": None} for row in head.to_pylist()]
    assert predictor.predict_table(without).tolist() == predictor.predict(rows)


def test_other_columns_are_ignored(predictor: Predictor, rows: list[Row]) -> None:
    assert predictor.predict([{**rows[0], "gate": "B12"}]) == predictor.predict([rows[0]])


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1e300, float("nan"), 10**30])
def test_extreme_numbers_get_a_finite_answer(predictor: Predictor, rows: list[Row], value: float) -> None:
    [prediction] = predictor.predict([{**rows[0], "dep_delay": value}])
    assert 0 <= prediction <= 1


def test_a_longer_delay_makes_a_late_arrival_more_likely(predictor: Predictor, rows: list[Row]) -> None:
    early, late = predictor.predict([{**rows[0], "dep_delay": -5}, {**rows[0], "dep_delay": 90}])
    assert early < 0.5 < late


def test_the_model_names_its_features_and_categories(predictor: Predictor) -> None:
    assert predictor.features == FEATURES
    assert set(predictor.categories["origin"]) == {"EWR", "JFK", "LGA"}

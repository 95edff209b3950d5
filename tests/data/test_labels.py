from __future__ import annotations

import numpy as np
import pytest

from driftmeter.data.labels import label_by_name, tie_of


@pytest.mark.parametrize(
    "name",
    [
        "label",
        "Label",
        "target",
        "is_fraud",
        "isFraud",
        "churn",
        "Churned",
        "has_churned",
        "Survived",
        "outcome",
        "clf_target",
    ],
)
def test_a_column_of_two_values_with_the_name_of_a_label_is_one(name: str) -> None:
    assert label_by_name(name, 2, None)


@pytest.mark.parametrize("name", ["y", "class", "default", "loan_status", "late", "response", "work_home_actual"])
def test_a_doubtful_name_needs_a_tie_to_the_prediction(name: str) -> None:
    assert not label_by_name(name, 2, None)
    assert not label_by_name(name, 2, 0.6)
    assert label_by_name(name, 2, 0.8)


@pytest.mark.parametrize(
    "name", ["target_price", "churn_rate_of_region", "x", "classes taken", "outcomes", "labelled by", ""]
)
def test_other_names_are_no_labels(name: str) -> None:
    assert not label_by_name(name, 2, 0.99)


def test_a_label_of_something_has_two_values() -> None:
    assert not label_by_name("product_label", 3, 0.99)


def test_many_values_are_no_label_unless_it_is_called_nothing_else() -> None:
    assert not label_by_name("outcome", 21, None)
    assert label_by_name("target", 10_000, None)


def test_the_tie_is_the_auc_in_either_direction_of_any_value() -> None:
    chance = np.random.default_rng(1)
    codes = chance.integers(0, 2, 20_000)
    score = chance.normal(size=20_000) + codes
    assert tie_of(codes, score) == pytest.approx(0.760, abs=0.01)  # Φ(1/√2)
    assert tie_of(codes, -score) == pytest.approx(0.760, abs=0.01)
    assert tie_of(codes, chance.normal(size=20_000)) < 0.52
    assert tie_of(codes, codes.astype(float)) == 1
    assert tie_of(np.where(codes > 0, -1, 0), score) == 0.5

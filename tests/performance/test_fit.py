"""What is fitted of a reference with labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from driftmeter.errors import ProfileError, ProfileFormatError
from driftmeter.profile.performance import CellTable
from driftmeter.profile.profile import Profile
from tests.performance.samples import PROBABILITIES, binary, fit, multiclass, regression

HOURS = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 6, 1), "20m", eager=True)


@pytest.mark.parametrize(
    ("frame", "options"),
    [
        (binary(3_000), {}),
        (binary(3_000).with_columns(at=HOURS[:3_000]), {"time": "at"}),
        (multiclass(3_000), {"prediction": "guess", "probabilities": PROBABILITIES}),
        (multiclass(3_000), {"prediction": "guess"}),
        (regression(3_000), {"prediction": "guess"}),
    ],
)
def test_the_order_of_the_rows_has_no_influence_and_json_round_trips(frame: pl.DataFrame, options: Any) -> None:
    profile, performance = fit(frame, **options)
    shuffled, _ = fit(frame.sample(fraction=1, shuffle=True, seed=1), **options)
    assert shuffled.performance == performance
    assert Profile.loads(profile.dumps()).performance == performance


def test_a_profile_without_labels_or_with_few_has_no_performance() -> None:
    frame = binary(600)
    without = Profile.fit(frame.drop("label"), model="m", prediction="score")
    assert without.performance is None
    assert "performance" not in without.to_json()
    assert Profile.fit(frame.head(400), model="m", prediction="score", label="label").performance is None
    with pytest.raises(ProfileError, match="at least 500 rows with a label, got 400"):
        fit(frame.head(400), task="binary")


def test_the_tree_splits_by_what_the_score_does_not_know() -> None:
    profile, performance = fit(binary(20_000))
    (table,) = performance.tables
    assert "region" in {profile.features[split.feature].name for split in table.splits}


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8123])
def test_the_threshold_is_a_cut_and_what_is_predicted_positive_is_exact(threshold: float) -> None:
    frame = binary(3_000)
    profile, performance = fit(frame, threshold=threshold)
    (table,) = performance.tables
    assert performance.threshold in profile.features[table.axes[0].feature].grid.edges  # type: ignore[union-attr]
    side = np.repeat(table.positive, table.leaves)
    counts = np.array(table.counts[:-1])
    assert counts[side].sum() == (frame["score"] >= threshold).sum()
    assert np.array(table.positives[:-1])[side].sum() == ((frame["score"] >= threshold) & (frame["label"] == 1)).sum()


@pytest.mark.parametrize("label", [[True, False], [1, 0], [1.0, 0.0], ["2", "1"]])
def test_labels_of_any_type_are_two_classes(label: list[Any]) -> None:
    frame = binary(2_000)
    told = {"positive": "2"} if isinstance(label[0], str) else {}
    typed = frame.with_columns(pl.Series("label", [label[0] if one else label[1] for one in frame["label"]]))
    assert fit(typed, **told)[1].tables == fit(frame)[1].tables


def test_rows_without_a_label_or_a_prediction_are_left_out_of_the_counts() -> None:
    frame = binary(2_000)
    rows = pl.int_range(pl.len())
    holes = frame.with_columns(
        label=pl.when(rows < 300).then(None).otherwise(pl.col("label")),
        score=pl.when(rows >= 1_900).then(None).otherwise(pl.col("score")),
    )
    (table,) = fit(holes, threshold=0.5)[1].tables
    assert sum(table.counts) == 1_700
    assert table.counts[-1] == 100


def test_a_prediction_that_is_a_class_has_no_score() -> None:
    words = {True: "yes", False: "no"}
    labelled = binary(2_000).with_columns(
        score=(pl.col("score") >= 0.5).replace_strict(words), label=(pl.col("label") == 1).replace_strict(words)
    )
    _, performance = fit(labelled, positive="yes")
    assert performance.threshold is None
    assert performance.tables[0].groups == 2
    assert "roc_auc" not in performance.usual


def test_what_nobody_asked_for_is_left_out_where_it_cannot_be() -> None:
    rare = binary(1_000).with_columns(pl.col("score") / 3)  # never positive by the usual threshold
    other = binary(1_000).with_columns(score=pl.lit("maybe"), label=pl.col("label") == 1)
    for frame in (rare, other):
        assert Profile.fit(frame, model="m", prediction="score", label="label").performance is None
        with pytest.raises(ProfileError):
            fit(frame, task="binary")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 7.0}, "threshold 7: expected a number above the least"),
        ({"task": "regression", "threshold": 0.5}, "for the task binary alone"),
        ({"task": "multiclass", "prediction": "score"}, "expected classes such as '0', got other numbers"),
        ({"task": "other"}, "task: expected one of binary, multiclass, regression, got 'other'"),
        ({"positive": "3"}, "positive: expected one of"),
        ({"task": "binary", "prediction": None}, "expected the columns of the label and of the prediction"),
        ({"probabilities": {"1": "score"}}, "for the task multiclass alone"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        fit(binary(1_000), **{"prediction": "score", **options})


def test_texts_need_the_positive_class_named() -> None:
    frame = binary(1_000).with_columns(label=pl.when(pl.col("label") == 1).then(pl.lit("yes")).otherwise(pl.lit("no")))
    assert Profile.fit(frame, model="m", prediction="score", label="label").performance is None
    with pytest.raises(ProfileError, match="which of no, yes is the positive class"):
        fit(frame, task="binary")


def _altered(change: Callable[[dict[str, Any]], object]) -> bytes:
    profile, _ = fit(binary(2_000))
    content = json.loads(profile.dumps())
    change(content["performance"]["tables"][0])
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table["counts"].pop(),
        lambda table: table["positives"].__setitem__(0, 10**9),
        lambda table: table["axes"][0][1].pop(),
        lambda table: table["axes"][0].__setitem__(0, 99),
        lambda table: table["splits"].append([0, "x", -1, -2]),
        lambda table: table["splits"][0].__setitem__(2, 0),
        lambda table: table["scores"][0].pop(),
        lambda table: table.pop("positive"),
    ],
)
def test_a_damaged_performance_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ProfileFormatError, match="damaged"):
        Profile.loads(_altered(change))


def test_a_table_has_the_cells_of_its_groups_and_leaves() -> None:
    _, performance = fit(binary(20_000))
    (table,) = performance.tables
    assert isinstance(table, CellTable)
    assert table.size == table.groups * table.leaves + 1 == len(table.counts)

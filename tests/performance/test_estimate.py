"""Estimates from counts: what they follow, what they cannot see, and their intervals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from driftmeter.errors import InputError
from driftmeter.performance.estimate import Estimates, estimate
from driftmeter.performance.periods import Cut, performance_of
from driftmeter.profile.profile import Profile
from tests.performance.samples import (
    PROBABILITIES,
    binary,
    counts_of,
    fit,
    multiclass,
    realised_of,
    regression,
    sums_of,
)


def estimated(profile: Profile, frame: pl.DataFrame, **options: object) -> Estimates:
    assert profile.performance is not None
    return estimate(profile.performance, counts_of(profile, frame), **options)  # type: ignore[arg-type]


def inside(estimates: Estimates, name: str, realised: dict[str, float | None]) -> bool:
    one, value = estimates.metrics[name], realised[name]
    assert one.low is not None
    assert one.high is not None
    assert value is not None
    return one.low <= value <= one.high


@pytest.fixture(scope="module")
def of_binary() -> Profile:
    return fit(binary(20_000))[0]


def test_an_estimate_follows_the_inputs_into_a_region_where_the_model_is_worse(of_binary: Profile) -> None:
    moved = binary(20_000, seed=1, hard=0.9)
    estimates, realised = estimated(of_binary, moved), realised_of(of_binary, moved)
    usual = realised_of(of_binary, binary(20_000, seed=2))
    assert usual["roc_auc"] is not None
    assert realised["roc_auc"] is not None
    assert usual["roc_auc"] - realised["roc_auc"] > 0.1
    for name in ("roc_auc", "accuracy", "f1", "log_loss", "brier", "average_precision"):
        assert inside(estimates, name, realised), name
        assert estimates.metrics[name].worse, name


def test_an_estimate_does_not_move_where_inputs_do_not_matter(of_binary: Profile) -> None:
    moved = binary(20_000, seed=1).with_columns(pl.col("noise") + 1.0)
    assert estimated(of_binary, moved).worse == []


def test_an_estimate_does_not_see_that_the_labels_changed(of_binary: Profile) -> None:
    changed = binary(20_000, seed=1, flip=0.2)
    estimates, realised = estimated(of_binary, changed), realised_of(of_binary, changed)
    assert estimates.worse == []
    assert not inside(estimates, "accuracy", realised)


def test_estimates_of_all_rows_are_those_of_their_counts_added_up(of_binary: Profile) -> None:
    rows = binary(3_000, seed=3)
    parts = [rows[:100], rows[100:1_000], rows[1_000:]]
    whole = sum(counts_of(of_binary, part) for part in parts)
    assert np.array_equal(whole, counts_of(of_binary, rows))
    added = [sum(arrays) for arrays in zip(*(sums_of(of_binary, part) for part in parts), strict=True)]
    assert all(np.array_equal(one, other) for one, other in zip(added, sums_of(of_binary, rows), strict=True))


def test_realised_metrics_of_classes_are_those_of_the_rows(of_binary: Profile) -> None:
    rows = binary(5_000, seed=4)
    score, label = rows["score"].to_numpy(), rows["label"].to_numpy() == 1
    realised = realised_of(of_binary, rows)
    said = score >= 0.5
    assert realised["tp"] == (said & label).sum()
    assert realised["fn"] == (~said & label).sum()
    assert realised["accuracy"] == pytest.approx((said == label).mean())
    assert realised["precision"] == pytest.approx(label[said].mean())
    assert realised["specificity"] == pytest.approx((~said)[~label].mean())
    ranks = score.argsort().argsort() + 1
    positives = label.sum()
    area = (ranks[label].sum() - positives * (positives + 1) / 2) / (positives * (len(label) - positives))
    assert realised["roc_auc"] == pytest.approx(area, abs=0.001)
    loss = -np.mean(np.log(np.where(label, score, 1 - score)))
    assert realised["log_loss"] == pytest.approx(loss, abs=0.003)
    assert realised["brier"] == pytest.approx(np.mean((score - label) ** 2), abs=0.003)


def test_the_value_is_the_sum_of_what_outcomes_cost_per_row(of_binary: Profile) -> None:
    rows = binary(5_000, seed=4)
    cost = {"tp": 3.0, "fp": -5.0, "fn": -1.0}
    metrics = estimated(of_binary, rows, cost=cost).metrics
    expected = sum(worth * (metrics[name].value or 0) for name, worth in cost.items()) / len(rows)
    assert metrics["value"].value == pytest.approx(expected)


def test_classes_against_the_rest_follow_the_inputs() -> None:
    profile, _ = fit(multiclass(20_000), "guess", probabilities=PROBABILITIES)
    moved = multiclass(20_000, seed=1, shift=1.0)
    estimates, realised = estimated(profile, moved), realised_of(profile, moved)
    before = realised_of(profile, multiclass(20_000, seed=2))
    label, guess = moved["label"].to_numpy(), moved["guess"].to_numpy()
    assert realised["accuracy"] == pytest.approx((label == guess).mean())
    assert before["accuracy"] is not None
    assert abs(before["accuracy"] - (label == guess).mean()) > 0.05
    for name in ("accuracy", "f1", "roc_auc", "f1 of bee", "recall of ape"):
        assert inside(estimates, name, realised), name


def test_classes_without_probabilities_have_no_auc() -> None:
    profile, _ = fit(multiclass(5_000), "guess")
    assert profile.performance is not None
    assert profile.performance.task == "multiclass"
    metrics = estimated(profile, multiclass(5_000, seed=1)).metrics
    assert "accuracy" in metrics
    assert "roc_auc" not in metrics


def test_errors_of_a_regression_follow_the_inputs() -> None:
    profile, _ = fit(regression(20_000, seed=10), "guess")
    moved = regression(20_000, seed=1, wide=0.9)
    estimates, realised = estimated(profile, moved), realised_of(profile, moved)
    error = moved["guess"].to_numpy() - moved["label"].to_numpy()
    assert realised["mae"] == pytest.approx(np.abs(error).mean())
    assert realised["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert realised["r2"] == pytest.approx(1 - np.mean(error**2) / moved["label"].to_numpy().var())
    assert realised["mape"] == pytest.approx(np.abs(error / moved["label"].to_numpy()).mean())
    for name in ("mae", "rmse", "bias", "r2"):
        assert inside(estimates, name, realised), name
    assert {"mae", "rmse"} <= set(estimates.worse)


def test_a_label_of_zero_leaves_the_relative_error_out() -> None:
    zero = pl.int_range(pl.len()) == 5
    frame = regression(2_000).with_columns(label=pl.when(zero).then(0).otherwise(pl.col("label")))
    profile, _ = fit(frame, "guess")
    assert "mape" not in estimated(profile, frame).metrics


def test_rows_that_the_reference_hardly_knew_make_an_estimate_unreliable(of_binary: Profile) -> None:
    new = binary(1_000, seed=5).with_columns(region=pl.lit("new"))
    (reason,) = estimated(of_binary, new).unreliable
    assert reason == "100% of the rows lie where the reference has fewer than 3 rows"
    without = new.with_columns(score=pl.when(pl.int_range(pl.len()) < 500).then(None).otherwise(pl.col("score")))
    assert "50% of the rows have no prediction that can be read" in estimated(of_binary, without).unreliable
    assert estimated(of_binary, binary(1_000, seed=5)).unreliable == ()
    assert "fewer than 100" in estimated(of_binary, binary(50, seed=5)).unreliable[0]


def test_no_rows_have_no_estimate(of_binary: Profile) -> None:
    assert of_binary.performance is not None
    nothing = estimate(of_binary.performance, np.zeros(of_binary.performance.size, dtype=np.int64))
    assert nothing.metrics == {}
    assert nothing.unreliable == ("there are no rows with a prediction",)


def test_days_by_the_clocks_of_a_zone_and_chunks_hold_the_rows_that_they_should(of_binary: Profile) -> None:
    start, end = pl.datetime(2024, 5, 1, 12), pl.datetime(2024, 5, 3, 11, 59)
    at = pl.datetime_range(start, end, "1m", eager=True, time_zone="UTC").alias("at")
    rows = binary(len(at), seed=6).with_columns(at)
    names = rows.columns
    days = performance_of(of_binary, names, [rows[:700], rows[700:]], cut=Cut("day", time="at"))
    assert [(day.name, day.rows, day.labelled) for day in days] == [
        ("2024-05-01", 720, 720),
        ("2024-05-02", 1440, 1440),
        ("2024-05-03", 720, 720),
    ]
    shifted = performance_of(of_binary, names, [rows], cut=Cut("day", time="at", zone="Asia/Kolkata"))
    assert [day.rows for day in shifted] == [390, 1440, 1050]
    chunks = performance_of(of_binary, names, [rows[:700], rows[700:]], cut=Cut(chunk=1_000))
    assert [(chunk.name, chunk.rows) for chunk in chunks] == [
        ("rows 1–1000", 1000),
        ("rows 1001–2000", 1000),
        ("rows 2001–3000", 880),
    ]
    (whole,) = performance_of(of_binary, names, [rows])
    assert whole.realised == realised_of(of_binary, rows)
    (unlabelled,) = performance_of(of_binary, names[:4], [rows.drop("label", "at")])
    assert unlabelled.realised == {}
    assert unlabelled.estimates == whole.estimates


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (["x", "region"], {}, "data: expected the column 'score'"),
        (["x", "score"], {"label": "truth"}, "label: expected one of the columns x, score, got 'truth'"),
        (["x", "score"], {"cut": Cut("day", time="at")}, "time: expected the column of the times"),
    ],
)
def test_missing_columns_are_named(of_binary: Profile, columns: list[str], options: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=message):
        performance_of(of_binary, columns, [binary(10).select(["x", "score"])], **options)


def test_a_profile_without_labels_says_how_to_make_one() -> None:
    profile = Profile.fit(binary(100).drop("label"), model="m", prediction="score")
    with pytest.raises(InputError, match="driftmeter profile --prediction COLUMN --label COLUMN"):
        performance_of(profile, ["x", "score"], [binary(10)])


@pytest.mark.simulation
@pytest.mark.parametrize("hard", [0.3, 0.8], ids=["as before", "inputs moved"])
def test_intervals_hold_what_is_realised_in_92_to_98_percent(hard: float) -> None:
    covered: dict[str, list[bool]] = {}
    for seed in range(20):  # each reference has errors of its own
        profile, _ = fit(binary(10_000, seed=1_000 + seed))
        for stream in range(10):
            rows = binary(1_000, seed=2_000 + 10 * seed + stream, hard=hard)
            estimates, realised = estimated(profile, rows), realised_of(profile, rows)
            for name in ("accuracy", "f1", "precision", "recall", "roc_auc", "log_loss", "brier", "average_precision"):
                covered.setdefault(name, []).append(inside(estimates, name, realised))
    shares = {name: np.mean(each) for name, each in covered.items()}
    assert all(share >= 0.90 for share in shares.values()), shares
    assert 0.92 <= np.mean([*shares.values()]) <= 0.98, shares

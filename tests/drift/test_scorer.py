from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftmeter.drift import DRIFT_TESTS, Scorer
from driftmeter.drift.tail import upper_tail
from driftmeter.drift.wasserstein import Wasserstein
from driftmeter.errors import InputError
from tests.drift.samples import boolean, categorical, counted, hashed, noise, numeric, p_of, score_of

RNG = np.random.default_rng(99)
FEATURES = (
    numeric(RNG.normal(size=5000), name="normal"),
    categorical([900, 600, 300, 150, 50], other=40, missing=10, once=12, name="plan"),
    numeric(np.where(RNG.random(5000) < 0.95, 0.0, RNG.gamma(2, size=5000)), name="rain"),
    boolean(700, 300, 5),
    numeric(np.full(1000, 5.0), name="constant"),
    numeric(np.full(300, np.nan), name="never there"),
    categorical([400] * 100, name="many"),
    categorical([500, 500], known=False, name="unbounded"),
    numeric(RNG.poisson(3, 5000).astype(float), bins=16, name="few"),
    hashed(RNG.multinomial(5000, np.full(300, 1 / 300)), name="hashed"),
)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(FEATURES)


@given(st.data())
def test_any_counts_give_finite_results_and_the_same_bits_alone_or_among_others(
    scorer: Scorer, data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    vectors = [
        rng.integers(0, rng.choice([1, 2, 50, 10**6], feature.size) * data.draw(st.integers(0, 1)) + 1)
        for feature in FEATURES
    ]
    together = scorer.scores(np.concatenate(vectors))
    for feature, counts, scores in zip(FEATURES, vectors, together, strict=True):
        assert score_of(feature, counts) == scores
        floats = [scores.p_value, scores.effect, scores.effect_low, *(t.statistic for t in scores.tests.values())]
        assert np.all(np.isfinite(floats))
        assert 0 <= scores.p_value <= 1
        assert 0 <= scores.effect_low <= scores.effect


def test_the_order_of_the_features_and_their_number_change_no_bit() -> None:
    rng = np.random.default_rng(3)
    features = [*FEATURES] * 40
    order = rng.permutation(len(features))
    counts = [rng.integers(0, 300, feature.size) for feature in features]
    straight = Scorer(features).scores(np.concatenate(counts))
    mixed = Scorer([features[i] for i in order]).scores(np.concatenate([counts[i] for i in order]))
    assert mixed == [straight[i] for i in order]


def names_by_feature() -> dict[str, set[str]]:
    """Return the names of the tests that each feature has."""
    scores = Scorer(FEATURES).scores(np.zeros(sum(feature.size for feature in FEATURES), dtype=np.int64))
    return {feature.name: set(score.tests) for feature, score in zip(FEATURES, scores, strict=True)}


def test_a_feature_has_only_tests_of_its_kind_and_in_the_order_of_the_registry() -> None:
    scores = Scorer(FEATURES).scores(np.zeros(sum(feature.size for feature in FEATURES), dtype=np.int64))
    for feature, score in zip(FEATURES, scores, strict=True):
        of_kind = [test.name for test in DRIFT_TESTS if feature.kind in test.kinds]
        assert list(score.tests) == [name for name in of_kind if name in score.tests], feature.name


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("ks", {"normal", "rain", "constant", "never there", "few"}),
        ("wasserstein", {"normal", "rain", "constant", "never there", "few"}),
        ("out_of_range", {"normal", "rain", "constant", "never there", "few"}),
        ("unseen", {"plan", "many", "hashed"}),
        ("chi_square_hashed", {"hashed"}),
        ("vanished", {"hashed"}),
    ],
)
def test_a_test_for_some_features_is_shown_of_them_alone(name: str, features: set[str]) -> None:
    assert {feature for feature, tests in names_by_feature().items() if name in tests} == features


def test_every_feature_has_the_distances_and_the_rates_of_rows_without_a_value() -> None:
    common = {"chi_square", "psi", "jensen_shannon", "hellinger", "total_variation", "missing", "unreadable"}
    for feature, tests in names_by_feature().items():
        assert common <= tests, feature


def test_only_the_tests_that_are_named_are_shown_and_all_else_stays_as_it_is(scorer: Scorer) -> None:
    rng = np.random.default_rng(8)
    counts = np.concatenate([rng.integers(0, 100, feature.size) for feature in FEATURES])
    named = [("wasserstein", "psi"), ("ks", "psi"), (), None, ("ks",), ("psi",), (), ("unseen",), ("chi_square",), None]
    chosen = Scorer(FEATURES, named).scores(counts)
    for whole, part, names in zip(scorer.scores(counts), chosen, named, strict=True):
        expected = {name: score for name, score in whole.tests.items() if names is None or name in names}
        assert list(part.tests.items()) == list(expected.items())
        assert replace(part, tests=whole.tests) == whole
    assert [list(scores.tests) for scores in chosen[:3]] == [["psi", "wasserstein"], ["psi"], []]


def test_tests_that_are_not_named_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    feature = FEATURES[0]
    counts = np.ones(feature.size, dtype=np.int64)
    monkeypatch.delattr(Wasserstein, "score")
    assert list(Scorer([feature], [("psi",)]).scores(counts)[0].tests) == ["psi"]
    with pytest.raises(AttributeError):
        Scorer([feature], [("wasserstein",)]).scores(counts)


def test_an_empty_window_says_nothing() -> None:
    for feature in FEATURES:
        scores = score_of(feature, np.zeros(feature.size, dtype=np.int64))
        assert (scores.p_value, scores.effect, scores.effect_low, scores.present) == (1, 0, 0, 0)
        assert all(test.statistic == 0 for test in scores.tests.values())


def test_a_window_of_missing_values_shows_in_the_missing_rate_and_in_the_effect() -> None:
    feature = FEATURES[0]
    scores = score_of(feature, counted(feature.grid, np.full(500, np.nan)))
    assert scores.rates["missing"] == (0.0, 1.0)
    assert p_of(scores.tests["missing"]) < 1e-100
    assert scores.p_value == 4 * p_of(scores.tests["missing"])
    assert p_of(scores.tests["ks"]) == 1
    assert scores.effect > 1


def test_a_window_of_unreadable_values_shows_in_their_rate_and_in_the_effect() -> None:
    for feature in FEATURES:
        counts = np.zeros(feature.size, dtype=np.int64)
        counts[feature.grid.special["unreadable"]] = 500
        scores = score_of(feature, counts)
        assert scores.rates["unreadable"] == (0.0, 1.0)
        assert p_of(scores.tests["unreadable"]) < 1e-50
        assert scores.p_value < 1e-50
        assert scores.effect > 1
        assert (scores.excess, scores.present) == (1.0, 0)


def test_one_unreadable_row_is_none_and_twenty_in_a_thousand_are_drift() -> None:
    feature, rng = FEATURES[0], np.random.default_rng(12)
    window = counted(feature.grid, rng.normal(size=1000))
    for rows, low, high in ((1, 0.15, 1.0), (20, 0.0, 1e-10)):
        window[feature.grid.special["unreadable"]] = rows
        scores = score_of(feature, window)
        assert low <= p_of(scores.tests["unreadable"]) <= high
        assert scores.excess == pytest.approx(rows / (1000 + rows))


def test_the_p_value_of_hashed_categories_is_bonferroni_over_those_that_vanished_too() -> None:
    feature = FEATURES[-1]
    counts = feature.reference.copy()
    gone = np.flatnonzero(counts)[:20]
    lost = counts[gone].sum()
    counts[gone] = 0
    scores = score_of(feature, counts)
    judged = ("chi_square", "chi_square_hashed", "vanished", "missing", "unreadable", "unseen")
    assert scores.p_value == 6 * min(p_of(scores.tests[name]) for name in judged) < 1e-20
    assert scores.excess == scores.vanished == scores.tests["vanished"].statistic
    assert scores.vanished == pytest.approx(lost / 5000, abs=0.002)


def test_values_where_the_reference_had_none_show_in_the_missing_rate() -> None:
    feature = FEATURES[5]
    scores = score_of(feature, counted(feature.grid, np.arange(50.0)))
    assert scores.rates["missing"] == (1.0, 0.0)
    assert scores.p_value < 1e-30


@pytest.mark.parametrize("value", [4.0, 5.5, 1e9])
def test_a_constant_that_changes_is_as_different_as_can_be(value: float) -> None:
    scores = score_of(FEATURES[4], counted(FEATURES[4].grid, np.full(200, value)))
    assert scores.tests["total_variation"].statistic == 1
    assert scores.p_value < 1e-50
    assert scores.effect_low > 1
    assert scores.rates["out_of_range"] == (0.0, 1.0)


def test_a_constant_that_stays_is_no_drift() -> None:
    scores = score_of(FEATURES[4], counted(FEATURES[4].grid, np.full(200, 5.0)))
    assert (scores.p_value, scores.effect) == (1, 0)


def test_the_p_value_is_bonferroni_over_ks_and_the_rates() -> None:
    rng = np.random.default_rng(1)
    feature = FEATURES[0]
    scores = score_of(feature, counted(feature.grid, rng.normal(0.2, size=1000)))
    judged = ("ks", "missing", "unreadable", "out_of_range")
    assert scores.p_value == 4 * min(p_of(scores.tests[name]) for name in judged)
    assert p_of(scores.tests["ks"]) < p_of(scores.tests["chi_square"])


def test_a_number_that_is_nearly_always_the_same_is_judged_by_chi_square() -> None:
    rng = np.random.default_rng(2)
    feature = FEATURES[2]
    window = np.where(rng.random(1000) < 0.91, 0.0, rng.gamma(2, size=1000))
    scores = score_of(feature, counted(feature.grid, window))
    assert scores.p_value == 4 * p_of(scores.tests["chi_square"]) < 0.01
    assert p_of(scores.tests["chi_square"]) < p_of(scores.tests["ks"]) / 10


def test_a_new_category_is_seen_by_its_rate_and_its_effect() -> None:
    feature = FEATURES[6]
    counts = np.append(np.full(100, 97), [0, 300, 0, 0])
    scores = score_of(feature, counts)
    assert scores.rates["unseen"] == (0.0, 0.03)
    assert scores.p_value == min(4 * p_of(scores.tests["unseen"]), 4 * p_of(scores.tests["chi_square"]))
    assert scores.p_value < 1e-50
    assert scores.effect > 0.01


def test_categories_still_unseen_are_no_drift_where_the_reference_had_many_seen_once() -> None:
    feature = categorical([3000, 2000], other=5000, once=900)
    counts = np.array([300, 200, 410, 90, 0, 0])
    scores = score_of(feature, counts)
    assert scores.p_value == 1
    assert scores.effect == 0
    naive = upper_tail(*(np.array(value) for value in (90.0, 0.0, 1000.0, 10_000.0)))
    assert naive < 1e-30


@pytest.mark.simulation
def test_the_size_of_the_whole_is_at_most_nominal() -> None:
    rng, replicates = np.random.default_rng(17), 1000
    reference = rng.normal(size=4000)
    reference[rng.random(4000) < 0.1] = np.nan
    p = []
    for _ in range(replicates):
        sample = rng.normal(size=1600)
        sample[rng.random(1600) < 0.1] = np.nan
        feature = numeric(sample[:1200])
        p.append(score_of(feature, counted(feature.grid, sample[1200:])).p_value)
    for nominal in (0.05, 0.01):
        assert np.mean(np.array(p) <= nominal) <= nominal + noise(nominal, replicates)


def test_counts_of_another_length_are_refused(scorer: Scorer) -> None:
    with pytest.raises(InputError, match="counts: expected shape"):
        scorer.scores(np.zeros(3, dtype=np.int64))

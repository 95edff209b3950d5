from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas
import polars
import pytest

from driftmeter.client import Monitor
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from tests.client.samples import directly
from tests.client.tier import Tier

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from scipy.sparse import csr_matrix
from sklearn.base import clone, is_classifier
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from driftmeter.integrations.sklearn import MonitoredEstimator, monitored

RNG = np.random.default_rng(0)
FRAME = pandas.DataFrame(
    {"age": RNG.normal(40, 12, 400), "amount": RNG.lognormal(3, 1, 400), "city": RNG.choice(["Ulm", "Bonn"], 400)}
)
LATE = RNG.random(400) < 1 / (1 + np.exp(-(FRAME["age"] - 40) / 10))
NUMBERS = FRAME[["age", "amount"]]
Make = Callable[..., Monitor]


def pipeline() -> Any:
    encoded = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["age", "amount"]))
    return make_pipeline(encoded, LogisticRegression()).fit(FRAME, LATE)


@pytest.fixture(scope="module")
def scored() -> Profile:
    """A profile whose predictions are probabilities."""
    return Profile.fit(FRAME.assign(score=pipeline().predict_proba(FRAME)[:, 1]), model="m", prediction="score")


def rows_of(scores: Any, frame: pandas.DataFrame = FRAME) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.assign(score=scores).to_dict("records")
    return rows


@pytest.mark.parametrize("frame", [FRAME, polars.DataFrame(FRAME.to_dict("list"))], ids=["pandas", "polars"])
def test_frames_and_probabilities_count(frame: Any, tier: Tier, scored: Profile, monitor_of: Make) -> None:
    bare, monitor = pipeline(), monitor_of(scored)
    model = monitored(bare, monitor, method="predict_proba")
    assert (model.predict_proba(frame) == bare.predict_proba(FRAME)).all()
    assert (model.predict(frame) == bare.predict(FRAME)).all()  # the same rows, which count once
    assert model.score(frame, LATE) == bare.score(FRAME, LATE)
    assert monitor.flush(20)
    assert tier.summary(scored) == directly(scored, rows_of(bare.predict_proba(FRAME)[:, 1]))


def test_the_class_of_the_probability_may_be_named(tier: Tier, scored: Profile, monitor_of: Make) -> None:
    bare, monitor = pipeline(), monitor_of(scored)
    monitored(bare, monitor, method="predict_proba", of_class=False).predict_proba(FRAME)
    assert monitor.flush(20)
    assert tier.summary(scored) == directly(scored, rows_of(bare.predict_proba(FRAME)[:, 0]))


MATRICES: dict[str, Callable[[Any], Any]] = {
    "numpy": lambda frame: frame.to_numpy(),
    "lists": lambda frame: frame.to_numpy().tolist(),
    "sparse": lambda frame: csr_matrix(frame.to_numpy()),
    "without names": lambda frame: pandas.DataFrame(frame.to_numpy()).to_numpy(),
}


@pytest.mark.parametrize("form", MATRICES)
@pytest.mark.parametrize("columns", [None, ("age", "amount")])
def test_rows_without_names_have_those_that_the_estimator_saw_or_the_monitors(
    form: str, columns: Any, tier: Tier, monitor_of: Make
) -> None:
    # fitted on a matrix, an estimator has no names: then they are the profile's
    data = NUMBERS.to_numpy() if form == "without names" else NUMBERS
    bare = LinearRegression().fit(data, LATE)
    profile = Profile.fit(NUMBERS.assign(score=bare.predict(data)), model="m", prediction="score")
    monitor = monitor_of(profile, columns=columns)
    with pytest.warns(UserWarning, match="feature names") if hasattr(bare, "feature_names_in_") else nullcontext():
        answer = monitored(bare, monitor).predict(MATRICES[form](NUMBERS))
    assert monitor.flush(20)
    assert tier.summary(profile) == directly(profile, rows_of(answer, NUMBERS))


def test_an_estimator_is_the_same_from_outside(monitor: Monitor) -> None:
    bare = pipeline()
    model = monitored(bare, monitor)
    assert (model.feature_names_in_ == FRAME.columns).all()
    assert (model.n_features_in_, list(model.classes_), is_classifier(model)) == (3, [False, True], True)
    assert model.steps is bare.steps
    assert model.get_params(deep=False) == {
        "estimator": bare,
        "monitor": monitor,
        "method": "predict",
        "of_class": None,
    }
    assert model.get_params()["estimator__logisticregression__C"] == 1.0
    assert model.set_params(estimator__logisticregression__C=0.5).named_steps["logisticregression"].C == 0.5
    assert not hasattr(monitored(KMeans(), monitor), "predict_proba")
    assert {"predict_proba", "steps"} <= set(dir(model))
    assert "MonitoredEstimator(estimator=Pipeline" in repr(model)
    with pytest.raises(NotFittedError):
        monitored(LogisticRegression(), monitor).predict(NUMBERS)
    assert monitor.stats()["observed"] == 0


def test_a_monitored_step_counts_what_it_is_given(tier: Tier, monitor_of: Make) -> None:
    scaled = StandardScaler().set_output(transform="pandas").fit_transform(NUMBERS)
    profile = Profile.fit(scaled.assign(score=0.5 + scaled["age"]), model="m", prediction="score")
    monitor = monitor_of(profile)
    scaler = StandardScaler().set_output(transform="pandas")
    whole = make_pipeline(scaler, monitored(LinearRegression(), monitor)).fit(NUMBERS, LATE)
    answer = whole.predict(NUMBERS)
    assert monitor.flush(20)
    assert tier.summary(profile) == directly(profile, rows_of(answer, scaled))


def test_fitting_and_searching_are_no_traffic(monitor: Monitor) -> None:
    given = LogisticRegression()
    model = monitored(given, monitor)
    copy = clone(model)
    assert (copy.monitor, copy.get_params()["estimator__C"]) == (None, 1.0)
    search = GridSearchCV(model, {"estimator__C": [0.1, 1.0]}, cv=3).fit(NUMBERS, LATE)
    search.predict(NUMBERS)
    assert monitor.stats()["observed"] == 0
    model.fit(NUMBERS, LATE)
    assert not hasattr(given, "coef_")  # a clone of it was fitted
    assert model.score(NUMBERS, LATE) > 0.5
    assert monitor.stats()["observed"] == 0
    model.predict(NUMBERS)
    assert monitor.stats()["observed"] == 400


def test_a_pickle_holds_the_monitors_options(tier: Tier, scored: Profile, monitor_of: Make) -> None:
    bare, monitor = pipeline(), monitor_of(scored)
    model = pickle.loads(pickle.dumps(monitored(bare, monitor, method="predict_proba")))
    with model.monitor:
        model.predict_proba(FRAME)
        assert model.monitor.flush(20)
    assert model.monitor.source != monitor.source
    assert tier.summary(scored) == directly(scored, rows_of(bare.predict_proba(FRAME)[:, 1]))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        SGDClassifier(random_state=0),
        RandomForestRegressor(n_estimators=5, random_state=0),
        KMeans(n_clusters=2, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks_pass(estimator: Any) -> None:
    results = check_estimator(MonitoredEstimator(estimator), on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert failed == {}
    assert len(results) > 40


def test_rows_that_cannot_be_counted_are_lost_and_the_answer_is_not(monitor: Monitor) -> None:
    three = LogisticRegression().fit(NUMBERS, RNG.choice(["a", "b", "c"], 400))
    with pytest.raises(InputError, match="of_class: expected one of the classes 'a', 'b', 'c', got none"):
        monitored(three, monitor, method="predict_proba")
    model = monitored(LogisticRegression(), monitor, method="predict_proba")
    model.fit(NUMBERS, RNG.choice(["a", "b", "c"], 400))
    assert model.predict_proba(NUMBERS).shape == (400, 3)
    assert monitor.stats()["observed"] == monitor.stats()["waiting"] + 400
    assert monitor.stats()["dropped_invalid"] == 400
    assert "of_class" in str(monitor.unreadable()[""]["expected"])


def test_what_is_no_method_of_a_prediction_is_refused(monitor: Monitor) -> None:
    with pytest.raises(InputError, match="method: expected predict or predict_proba or decision_function, got 'score'"):
        monitored(KMeans(), monitor, method="score")  # type: ignore[arg-type]

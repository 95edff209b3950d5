"""Names and kinds of columns from models of XGBoost, LightGBM and CatBoost, and rows that count by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas
import pytest

from driftmeter.client import Monitor
from driftmeter.errors import InputError
from driftmeter.integrations.names import ModelColumns, columns_of
from driftmeter.integrations.sklearn import monitored
from driftmeter.profile.profile import Profile
from tests.client.samples import directly
from tests.client.tier import Tier

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries
NUMBERS = ["age", "net price"]


def xgboost(data: pandas.DataFrame, target: Any) -> Any:
    library = pytest.importorskip("xgboost", reason="xgboost is not installed: make test-doors")
    return library.XGBRegressor(n_estimators=3, enable_categorical=True).fit(data, target)


def lightgbm(data: pandas.DataFrame, target: Any) -> Any:
    library = pytest.importorskip("lightgbm", reason="lightgbm is not installed: make test-doors")
    return library.LGBMRegressor(n_estimators=3, verbose=-1).fit(data, target)


def catboost(data: pandas.DataFrame, target: Any) -> Any:
    library = pytest.importorskip("catboost", reason="catboost is not installed: make test-doors")
    categorical = (
        [name for name in data if isinstance(data[name].dtype, pandas.CategoricalDtype)]
        if hasattr(data, "columns")
        else None
    )
    return library.CatBoostRegressor(iterations=3, verbose=0, cat_features=categorical, allow_writing_files=False).fit(
        data, target
    )


BOOSTERS = {"xgboost": xgboost, "lightgbm": lightgbm, "catboost": catboost}
KINDS: dict[str, dict[str, Any]] = {
    "xgboost": {"age": "numeric", "net price": "numeric", "city": "categorical", "member": "boolean"},
    "lightgbm": {"city": "categorical"},
    "catboost": {"city": "categorical"},
}


@pytest.fixture(scope="module")
def coded(features: pandas.DataFrame) -> pandas.DataFrame:
    return features.assign(city=features["city"].astype("category"))


@pytest.mark.parametrize("library", BOOSTERS)
def test_a_model_names_its_columns_and_knows_some_kinds(
    library: str, coded: pandas.DataFrame, frame: pandas.DataFrame
) -> None:
    model = BOOSTERS[library](coded, frame["score"])
    columns = columns_of(model).in_data(["score", *reversed(coded.columns)])
    assert columns == ModelColumns(tuple(coded.columns), KINDS[library])
    inner = model.get_booster() if library == "xgboost" else model.booster_ if library == "lightgbm" else model
    assert columns_of(inner).in_data(coded.columns) == columns


def test_lightgbm_writes_blanks_otherwise_and_would_miss_the_column(
    coded: pandas.DataFrame, frame: pandas.DataFrame
) -> None:
    model = lightgbm(coded, frame["score"])
    assert columns_of(model).names == ("age", "net_price", "city", "member")
    assert columns_of(model).in_data(coded.columns).names == tuple(coded.columns)


@pytest.mark.parametrize("library", BOOSTERS)
def test_a_model_that_was_trained_on_a_matrix_has_no_names(
    library: str, coded: pandas.DataFrame, frame: pandas.DataFrame
) -> None:
    model = BOOSTERS[library](coded[NUMBERS].to_numpy(), frame["score"])
    with pytest.raises(InputError, match="model: expected names of columns, which a model has that is trained on a f"):
        columns_of(model)


@pytest.mark.parametrize("library", BOOSTERS)
@pytest.mark.parametrize("form", ["frame", "matrix", "matrix, by the names of the model"])
def test_what_it_predicts_on_counts_under_the_names_of_the_data(
    library: str,
    form: str,
    features: pandas.DataFrame,
    frame: pandas.DataFrame,
    tier: Tier,
    monitor_of: Callable[..., Monitor],
) -> None:
    data = features[NUMBERS]
    bare = BOOSTERS[library](data, frame["score"])
    columns = columns_of(bare).in_data(frame.columns)
    scored = data.assign(score=bare.predict(data))
    profile = Profile.fit(scored, model="m", prediction="score", only=columns.names, kinds=columns.kinds)
    monitor = monitor_of(profile, columns=None if "by the names" in form else columns.names)
    answer = monitored(bare, monitor).predict(data if form == "frame" else data.to_numpy())
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, data.assign(score=answer).to_dict("records"))

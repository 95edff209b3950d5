from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from driftmeter.errors import InputError
from driftmeter.integrations.names import ModelColumns, columns_of

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")

import onnxruntime
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

RNG = np.random.default_rng(0)
NUMBERS = ["net price", "größe (m)", "1st", "a+b"]
FRAME = pandas.DataFrame({name: RNG.normal(size=100).astype(np.float32) for name in NUMBERS}).assign(
    city=RNG.choice(["Ulm", "Bonn"], 100), unused=RNG.integers(0, 3, 100)
)


@pytest.fixture(scope="module")
def model() -> Any:
    encoded = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), NUMBERS))
    return make_pipeline(encoded, LogisticRegression()).fit(FRAME, FRAME["net price"] > 0)


@pytest.mark.parametrize("form", ["session", "proto", "file"])
def test_the_inputs_of_onnx_have_the_names_of_the_data(form: str, model: Any, tmp_path: Path) -> None:
    proto = to_onnx(model, FRAME[:1])
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    session = onnxruntime.InferenceSession(str(path))
    given = {"session": session, "proto": proto, "file": path}[form]
    columns = columns_of(given)
    assert columns.names == tuple(one.name for one in session.get_inputs())
    assert columns.names == ("net_price", "größe__m_", "_1st", "a+b", "city", "unused")
    found = columns.in_data([*reversed(FRAME.columns), "score"])
    assert found == ModelColumns(tuple(FRAME.columns), {**dict.fromkeys(NUMBERS, "numeric"), "city": "categorical"})


def test_two_columns_that_have_one_name_in_the_model_are_refused(model: Any) -> None:
    columns = columns_of(to_onnx(model, FRAME[:1]))
    with pytest.raises(InputError) as caught:
        columns.in_data([*FRAME.columns, "net_price"])
    assert str(caught.value) == (
        "columns: expected one column that the model calls 'net_price', "
        "got 'net price' and 'net_price', which have one name there"
    )


def test_a_column_that_the_data_lacks_is_refused_with_the_nearest(model: Any) -> None:
    columns = columns_of(to_onnx(model, FRAME[:1]))
    with pytest.raises(InputError, match=r"model calls 'city', got none \(did you mean 'cit'\?\)"):
        columns.in_data([name if name != "city" else "cit" for name in FRAME.columns])


def test_an_estimator_has_the_names_that_it_was_fitted_on(model: Any) -> None:
    assert columns_of(model) == ModelColumns(tuple(FRAME.columns))


def test_a_model_without_names_is_refused() -> None:
    bare = LogisticRegression().fit(FRAME[NUMBERS].to_numpy(), FRAME["city"])
    with pytest.raises(InputError, match=r"model: expected names of columns, .* got none"):
        columns_of(bare)
    with pytest.raises(InputError, match="model: expected one input for each column, got 'X' of 4 columns"):
        columns_of(to_onnx(bare, FRAME[NUMBERS].to_numpy()[:1]))
    with pytest.raises(InputError, match="model: expected a model of scikit-learn, XGBoost"):
        columns_of(print)

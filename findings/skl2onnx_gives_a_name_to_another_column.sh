#!/bin/sh
# Input names of a pipeline that was converted to ONNX: a column's name may now mean another column.
#
# A pipeline was fitted on the columns "a b" and "a_b". Whoever takes the names of the ONNX inputs for the names of the
# training data compares one column with the reference of the other.
#
# Guess: names that ONNX does not allow are escaped so that they collide with none, or the conversion is refused.
# Really: skl2onnx 1.20.0 calls the inputs a_b (which was "a b") and a_b1 (which was "a_b"), and an unused column is an input
# too. ONNX itself would allow "a b". driftmeter takes names from ONNX as proposals, and says so (docs/doors.md).
#
# Takes a minute: packages from PyPI, in a folder that is removed. Ends with 1 where that is no longer as above.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check skl2onnx==1.20.0 scikit-learn==1.9.1 pandas==3.1.1 onnxruntime==1.32.0
"$dir/env/bin/python" - <<'P'
import sys

import numpy as np
import onnxruntime
import pandas as pd
import skl2onnx
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

frame = pd.DataFrame({"a b": np.arange(9.0), "a_b": np.arange(9.0) ** 2, "unused": 1.0})
steps = make_column_transformer(("passthrough", ["a b", "a_b"]))
pipeline = make_pipeline(steps, LinearRegression()).fit(frame, frame["a b"])
model = skl2onnx.to_onnx(pipeline, frame)
names = [one.name for one in model.graph.input]
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
columns = [frame[[name]].to_numpy(np.float64) for name in frame.columns]
(predicted,) = session.run(None, dict(zip(names, columns)))
print("skl2onnx", skl2onnx.__version__, dict(zip(frame.columns, names)))
sys.exit(not (names == ["a_b", "a_b1", "unused"] and np.allclose(predicted.ravel(), frame["a b"], atol=1e-3)))
P

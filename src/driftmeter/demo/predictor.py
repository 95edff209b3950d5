"""Scores flights with the ONNX model of train.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftmeter.demo.data import Row

Matrix: TypeAlias = NDArray[np.float32]

# The model's code for a missing value, and for a category that is not in its training data.
MISSING = float("nan")


class Predictor:
    """Predicts the probability that a flight arrives more than 15 minutes late.

    It infers on one thread and does not change after construction, so threads may share it.
    """

    def __init__(self, model: bytes) -> None:
        """Load an ONNX model whose metadata holds its `features` and, for each code table, its `categories`."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.features: tuple[str, ...] = tuple(json.loads(metadata["features"]))
        self.categories: dict[str, tuple[str, ...]] = {
            name: tuple(values) for name, values in json.loads(metadata["categories"]).items()
        }
        self._codes: dict[str, dict[object, float]] = {
            name: {value: float(code) for code, value in enumerate(values)} for name, values in self.categories.items()
        }

    @classmethod
    def load(cls) -> Predictor:
        """Load the model that the package holds."""
        return cls(files("driftmeter.demo").joinpath("model.onnx").read_bytes())

    def predict(self, rows: Sequence[Row]) -> list[float]:
        """Return a probability in [0, 1] for each row.

        An absent or null feature is missing, and so is an unknown category; other columns are ignored.
        Raises TypeError or ValueError if a numeric feature is not a number, OverflowError if it is an integer
        beyond float64.
        """
        if not rows:
            return []
        columns = np.empty((len(self.features), len(rows)), dtype=np.float64)
        for column, name in zip(columns, self.features, strict=True):
            codes = self._codes.get(name)
            values: list[Any] = [row.get(name) for row in rows]
            if codes is not None:
                column[:] = [MISSING if value is None else codes.get(value, MISSING) for value in values]
            else:
                column[:] = [MISSING if value is None else value for value in values]
        answers: list[float] = self._score(columns).tolist()
        return answers

    def predict_table(self, table: pa.Table) -> Matrix:
        """Return a probability in [0, 1] for each row of a table, by the same rules as `predict`; shape (rows,)."""
        columns = np.full((len(self.features), len(table)), MISSING)
        for column, name in zip(columns, self.features, strict=True):
            if name not in table.column_names:
                continue
            values = table[name]
            if name in self.categories:
                values = pc.index_in(values, value_set=pa.array(self.categories[name], pa.string()))
            column[:] = values.cast(pa.float64()).to_numpy()
        return self._score(columns)

    def _score(self, columns: NDArray[np.float64]) -> Matrix:
        """Run the model on float64 of shape (features, rows); return float32 of shape (rows,)."""
        with np.errstate(over="ignore"):  # 1e300 becomes infinity, which the trees treat as any large number
            matrix = np.ascontiguousarray(columns.T, dtype=np.float32)
        [probabilities] = self._session.run(["probabilities"], {"features": matrix})
        late: Matrix = probabilities[:, 1]
        return late

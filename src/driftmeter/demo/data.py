"""The flights sample: departures from New York in 2013, each with its weather and aircraft."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from driftmeter.profile.profile import Profile

Row: TypeAlias = Mapping[str, object]

CATEGORICAL = ("carrier", "origin", "dest", "manufacturer")
NUMERIC = (
    "hour",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
    "seats",
    "plane_year",
    "dep_delay",
)
FEATURES = CATEGORICAL + NUMERIC
TIME = "scheduled"
LABEL = "late"
PREDICTION = "prediction"

# The Parquet file's columns. Every number is a float64, so that kilometres and null fit in all of them; predictions
# are float32, as the model returns them.
SCHEMA = pa.schema(
    [
        *[pa.field(name, pa.string()) for name in CATEGORICAL],
        *[pa.field(name, pa.float64()) for name in NUMERIC],
        pa.field(TIME, pa.timestamp("ms", tz="UTC")),
        pa.field(LABEL, pa.bool_()),
        pa.field(PREDICTION, pa.float32()),
        pa.field("part", pa.string()),
    ]
)


def reference() -> pa.Table:
    """Return the reference: 18 features, `scheduled` (UTC) and the model's out-of-sample `prediction`."""
    return _part("reference").drop_columns([LABEL])


def held_out() -> pa.Table:
    """Return rows from the reference's period that are neither in the training data nor in the reference.

    They have the reference's columns, and `late`: whether the flight arrived more than 15 minutes late, null for
    a diverted flight.
    """
    return _part("held-out")


def held_out_rows() -> list[Row]:
    """Return the features of the held-out rows as a client sends them; missing values are None."""
    rows: list[Row] = held_out().select(list(FEATURES)).to_pylist()
    return rows


def reference_profile(model: str = "flights") -> Profile:
    """Fit a profile to the reference, whose rows are independent of each other."""
    from driftmeter.profile.profile import Profile

    return Profile.fit(reference(), model=model, prediction=PREDICTION, exclude=(TIME,), independent=True)


def _part(name: str) -> pa.Table:
    sample = files("driftmeter.demo").joinpath("flights.parquet").read_bytes()
    table = pq.read_table(pa.BufferReader(sample))
    table = table.filter(pc.equal(table["part"], name)).drop_columns(["part"])
    position = table.schema.get_field_index(PREDICTION)
    return table.set_column(position, PREDICTION, table[PREDICTION].cast(pa.float64()))

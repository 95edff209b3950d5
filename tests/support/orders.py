"""Orders of a shop as CSV and Parquet: columns of every kind, names and texts beyond ASCII, missing values."""

from __future__ import annotations

import csv
import datetime as dt
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

START = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
NAMES = ("bestellt", "größe", "ville", "plz", "aktiv", "anzahl", "score", "bezahlt")


def orders(rows: int, *, seed: int, taller: float = 0.0, start: dt.datetime = START) -> list[dict[str, Any]]:
    """Return orders one second apart; `taller` shifts the column `größe` and no other."""
    chance = random.Random(seed)
    return [
        {
            "bestellt": start + dt.timedelta(seconds=row),
            "größe": None if chance.random() < 0.05 else round(chance.gauss(170 + taller, 10), 1),
            "ville": chance.choices(["Köln, Süd", "Ulm", "Genève"], [5, 3, 2])[0],
            "plz": chance.choice(["01067", "80331", "50667"]),
            "aktiv": chance.random() < 0.7,
            "anzahl": chance.randrange(12),
            "score": chance.random(),
            "bezahlt": chance.random() < 0.9,
        }
        for row in range(rows)
    ]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write orders as CSV: times in ISO 8601, true and false, empty cells for missing values."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(rows[0])
        for row in rows:
            writer.writerow([_cell(value) for value in row.values()])
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write orders as Parquet, each column of its own type."""
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value.isoformat() if isinstance(value, dt.datetime) else str(value)

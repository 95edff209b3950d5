"""Orders in a file, of whichever kind its name says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import orders


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write orders as CSV or Parquet."""
    return (orders.write_csv if path.suffix == ".csv" else orders.write_parquet)(path, rows)

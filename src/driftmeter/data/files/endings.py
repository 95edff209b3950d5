"""The endings of file names, and the formats that they stand for."""

from __future__ import annotations

from pathlib import Path

COMPRESSED = (".gz", ".bz2", ".zst")
DELIMITED = (".csv", ".tsv")
PARQUET = (".parquet", ".parq", ".pq")
ARROW = (".arrow", ".feather", ".ipc", ".arrows")


def is_delimited(path: str | Path) -> bool:
    """Say whether a file is CSV or TSV by its name, perhaps compressed.

    >>> is_delimited("Flights.CSV.gz"), is_delimited("flights.parquet"), is_delimited("flights.gz")
    (True, False, False)
    """
    name = Path(path).name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return name.endswith(DELIMITED)

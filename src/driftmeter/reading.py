"""Files and frames as a profile reads them: what a CSV file leaves open, the profile decides."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.frames import read_table
from driftmeter.grid import CategoryGrid
from driftmeter.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa


def read_data(path: str | Path, profile: Profile) -> pa.Table:
    """Read a file as `read_table` does; categories that were text in the reference stay text in a CSV file, and so do
    the times whose hour or weekday is monitored.

    Guessed from their looks, "01" would become the number 1, "True" a boolean, and a date no category at all.
    Raises InputError naming the file.
    """
    texts = {
        feature.column
        for feature in profile.features
        if isinstance(feature.grid, CategoryGrid) and (feature.grid.dtype == "string" or feature.part is not None)
    }
    return with_texts(read_table(path), path, texts)


def with_texts(table: pa.Table, path: str | Path, columns: Collection[str]) -> pa.Table:
    """Read some columns of a CSV file again, as the texts that are written there; other files have types of their own.

    A time that names its zone would have become one in UTC, and what its own clocks showed be lost.
    """
    name = Path(path).name.lower()
    if not name.endswith((".csv", ".csv.gz", ".tsv")):
        return table
    import pyarrow as pa
    from pyarrow import csv

    guessed = [field.name for field in table.schema if field.name in columns and field.type != pa.string()]
    if not guessed:
        return table
    again = csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter="\t" if name.endswith(".tsv") else ","),
        convert_options=csv.ConvertOptions(
            strings_can_be_null=True, include_columns=guessed, column_types=dict.fromkeys(guessed, pa.string())
        ),
    )
    for column in guessed:
        table = table.set_column(table.schema.get_field_index(column), column, again[column])
    return table

"""Files and frames as a profile reads them: what a CSV file leaves open, the profile decides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.frames import Column, Dictionary, read_table
from driftmeter.grid import CategoryGrid
from driftmeter.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa


def read_data(path: str | Path, profile: Profile) -> pa.Table:
    """Read a file as `read_table` does; categories that were text in the reference stay text in a CSV file.

    Guessed from their looks, "01" would become the number 1, "True" a boolean, and a date no category at all.
    Raises InputError naming the file.
    """
    table = read_table(path)
    name = Path(path).name.lower()
    if not name.endswith((".csv", ".csv.gz", ".tsv")):
        return table
    import pyarrow as pa
    from pyarrow import csv

    texts = {
        feature.column
        for feature in profile.features
        if isinstance(feature.grid, CategoryGrid) and feature.grid.dtype == "string"
    }
    guessed = [field.name for field in table.schema if field.name in texts and field.type != pa.string()]
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


def with_numbers(columns: Mapping[str, Column], profile: Profile) -> dict[str, Column]:
    """Read the text cells of numeric features as numbers, one by one: a column of a frame has one type, and a
    single bad cell makes all of it text. Cells that hold no number stay as they are, for the Reader to reject."""
    numeric = {feature.column for feature in profile.features if feature.kind == "numeric"}
    return {
        name: _with_numbers(column) if name in numeric and isinstance(column, Dictionary) else column
        for name, column in columns.items()
    }


def _with_numbers(column: Dictionary) -> Dictionary:
    return Dictionary(
        column.indices, tuple(number_of(value) if isinstance(value, str) else value for value in column.values)
    )


def number_of(text: str) -> float | str:
    """Return the number that a cell holds, or the text where it holds none.

    >>> number_of(" 1.5e3 "), number_of("1_000"), number_of("n/a")
    (1500.0, '1_000', 'n/a')
    """
    try:
        # underscores are Python's own way to write numbers, not that of data
        return text if "_" in text else float(text)
    except ValueError:
        return text

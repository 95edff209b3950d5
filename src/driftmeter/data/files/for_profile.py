"""Files as a profile reads them: what a CSV file leaves open, the profile decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.data.files import read_table
from driftmeter.profile.category_grid import CategoryGrid
from driftmeter.profile.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa


def read_data(
    path: str | Path,
    profile: Profile,
    *,
    encoding: str | None = None,
    say: Callable[[str], None] = lambda note: None,
) -> pa.Table:
    """Read a file as `read_table` does; categories that were text in the reference stay text in a CSV file, and so do
    the times whose hour or weekday is monitored: one that names its zone would become one in UTC.

    Guessed from their looks, "01" would become the number 1, "True" a boolean, and a date no category at all. Words
    that were missing in the reference's file are so here. Raises InputError naming the file.
    """
    texts = {
        feature.column
        for feature in profile.features
        if isinstance(feature.grid, CategoryGrid) and (feature.grid.dtype == "string" or feature.part is not None)
    }
    numbers = {feature.column for feature in profile.features if feature.kind == "numeric"}
    return read_table(path, texts=texts, numbers=numbers - texts, na=profile.na, encoding=encoding, say=say)

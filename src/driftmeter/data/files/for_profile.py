"""Files read for a profile, which decides where a CSV file is ambiguous."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    as_text: Iterable[str] = (),
    encoding: str | None = None,
    say: Callable[[str], None] = lambda note: None,
) -> pa.Table:
    """Read a file as `read_table` does, with the columns of a CSV file typed as the profile has them.

    Categories that are text in the reference stay text: by its look, "01" would become a number, "True" a boolean and
    a date a date-time. Times whose hour or weekday is monitored stay text too, since a time that names its zone would
    become UTC, and so do the columns `as_text`. Words that mean a missing value in the reference's file mean it here.
    Raises InputError naming the file.
    """
    texts = {
        feature.column
        for feature in profile.features
        if isinstance(feature.grid, CategoryGrid) and (feature.grid.dtype == "string" or feature.part is not None)
    }
    texts |= {*as_text}
    numbers = {feature.column for feature in profile.features if feature.kind == "numeric"}
    return read_table(path, texts=texts, numbers=numbers - texts, na=profile.na, encoding=encoding, say=say)

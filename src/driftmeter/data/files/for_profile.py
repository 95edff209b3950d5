"""Files read for a profile, which decides where a CSV file is ambiguous."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.data.files.batches import Batches, read_batches
from driftmeter.data.files.how import silent
from driftmeter.data.files.read import read_table
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
    say: Callable[[str], None] = silent,
) -> pa.Table:
    """Read a file as `read_table` does, with the columns of a CSV file typed as the profile has them.

    Categories that are text in the reference stay text: by its look, "01" would become a number, "True" a boolean and
    a date a date-time. Times whose hour or weekday is monitored stay text too, since a time that names its zone would
    become UTC, and so do the columns `as_text`. Words that mean a missing value in the reference's file mean it here.
    Raises InputError naming the file.
    """
    return read_table(path, **_types_of(profile, as_text), na=profile.na, encoding=encoding, say=say)


def read_data_batches(
    path: str | Path,
    profile: Profile,
    *,
    also: Iterable[str] = (),
    as_text: Iterable[str] = (),
    encoding: str | None = None,
    say: Callable[[str], None] = silent,
) -> Batches:
    """Read the profile's columns of a file, and `also` others, as `read_data` does, batch by batch."""
    columns = {feature.column for feature in profile.features} | {*also}
    return read_batches(path, columns, **_types_of(profile, as_text), na=profile.na, encoding=encoding, say=say)


def _types_of(profile: Profile, as_text: Iterable[str] = ()) -> dict[str, set[str]]:
    """Return the columns of a CSV file that are texts, and those that are numbers."""
    texts = {
        feature.column
        for feature in profile.features
        if isinstance(feature.grid, CategoryGrid) and (feature.grid.dtype == "string" or feature.part is not None)
    }
    texts |= {*as_text}
    numbers = {feature.column for feature in profile.features if feature.kind == "numeric"}
    return {"texts": texts, "numbers": numbers - texts}

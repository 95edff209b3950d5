"""Reading a file or folder by its ending and content."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from driftmeter.data.files.endings import ARROW, DELIMITED, PARQUET, is_delimited
from driftmeter.data.files.how import How, silent
from driftmeter.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa


def read_table(
    path: str | Path,
    *,
    texts: Iterable[str] = (),
    numbers: Iterable[str] = (),
    na: Iterable[str] = (),
    encoding: str | None = None,
    say: Callable[[str], None] = silent,
) -> pa.Table:
    """Read a CSV, TSV, Parquet or Arrow file, or a folder of Parquet or Arrow files, such as a Delta table.

    In CSV an empty cell is missing, and a quoted empty cell is an empty text. A CSV column with a cell such as 02556 is
    text, since as numbers such codes would lose their zeros. The columns `texts` stay text, the columns `numbers` are
    read as numbers, and cells that equal a word of `na` are missing. `say` is called with a sentence on each property
    of the file that was recognised. Raises InputError naming the file, and in CSV the line, where it cannot be read,
    MissingExtraError where pyarrow is not installed.
    """
    path, how = Path(path), How(frozenset(texts), frozenset(numbers), tuple(na), encoding, say)
    with reading(path):
        table = table_of(path, how)
    check_names(path, table.column_names)
    return table


def table_of(path: Path, how: How) -> pa.Table:
    """Read a file or folder as a table of plain columns."""
    from driftmeter.data.files.delimited import File
    from driftmeter.data.files.folder import read_folder
    from driftmeter.data.files.ipc import read_ipc
    from driftmeter.data.files.parquet import read_parquet
    from driftmeter.data.plain import plain_table

    name = path.name.lower()
    if path.is_dir():
        table = read_folder(path, how)
    elif is_delimited(path):
        table = File.of(path, how).table()
    elif name.endswith(PARQUET):
        table = read_parquet(path, how)
    elif name.endswith(ARROW):
        table = read_ipc(path)
    else:
        raise unknown_ending(path)
    return plain_table(table)


def unknown_ending(path: Path) -> InputError:
    """Return an error that names the endings of files that can be read."""
    endings = ", ".join((*PARQUET[:1], *DELIMITED, ".csv.gz", *ARROW))
    expected = f"a file ending in {endings}, a folder of them, or a log of JSON objects"
    return InputError(str(path), expected, repr(path.suffix))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong in reading a file into errors of driftmeter."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError("reading files needs pyarrow: pip install 'driftmeter[cli]'") from error
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(str(path), "a file", "nothing there") from error
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, json.JSONDecodeError) as error:
        what, got = "folder" if path.is_dir() else f"{path.suffix} file", str(error)
        if "more than 64 bits" in got:  # pyarrow 26 refuses a file with such a column, and does not name it
            got += ": in polars cast columns of Int128 to another type, or drop them"
        raise InputError(str(path), f"a readable {what}", got) from error


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise InputError where two columns have one name."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        got = f"{names.count(twice)} called {twice!r}" if twice else f"{names.count(twice)} without a name"
        raise InputError(str(path), "one column of each name", f"{got}: rename or drop the others")

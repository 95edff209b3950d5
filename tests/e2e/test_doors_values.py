"""Every kind of value through every door: the same counts, whatever carried it.

Each kind of feature has its own spellings of the same cells, as libraries and files have them; each spelling is a
column. All columns of a kind have the same grid, so that they must have the same counts, through any door.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, SupportsFloat
from uuid import UUID

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftmeter import Profile, compare
from driftmeter.client.intake import Intake
from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.data.files.for_profile import read_data
from driftmeter.engine.compiled import Compiled
from driftmeter.panes.timing import Timing
from driftmeter.payloads.body import read_request
from driftmeter.server.ingest.calls import count_request
from driftmeter.server.ingest.media import Media
from driftmeter.server.ingest.rows import read_batch
from driftmeter.settings.model import ModelSettings

NOW = 1_700_000_000_000


Cells = Sequence[object]
IDS = [UUID(int=index) for index in (1, 2, 1, 2)]

# kind -> the reference's cells -> live spellings of the same four cells, the last of which may be something unreadable
NUMBERS: Mapping[str, Cells] = {
    "floats": [1.0, 2.5, 0.0, None],
    "text": ["1", "2.5", "0.0", None],
    "text with blanks": [" 1 ", "2.50", "0", ""],
    "words where missing": ["1.0", "2.5e0", "-0", "NaN"],
    "NA": ["1", "2.5", "0", "NA"],
    "decimals": [Decimal("1.0"), Decimal("2.50"), Decimal(0), None],
    "float32": [np.float32(1), np.float32(2.5), np.float32(0), None],
    "rounded": [0.1 * 10, 2.5000000000000004, 0.0, None],
}
WHOLE: Mapping[str, Cells] = {
    "integers": [1, 0, 1, 0],
    "booleans": [True, False, True, False],
    "floats": [1.0, 0.0, 1.0, 0.0],
    "text": ["1", "0", "1", "0"],
    "numpy": [np.int8(1), np.bool_(False), np.uint64(1), np.float16(0)],
}
UNREADABLE: Mapping[str, Cells] = {
    "a word": [1.0, 2.0, None, "unknown"],
    "two numbers": ["1", "2", None, "1,5"],
    "a question mark": ["1.0", "2.0", "", "?"],
}
TRUTHS: Mapping[str, Cells] = {
    "booleans": [True, False, None, True],
    "numbers": [1, 0, None, 1],
    "floats": [1.0, 0.0, None, 1.0],
    "text": ["true", "FALSE", None, "True"],
    "digits": ["1", "0", "", "1.0"],
}
CODES: Mapping[str, Cells] = {
    "integers": [1, 2, None, 7],
    "floats": [1.0, 2.0, None, 7.0],
    "text": ["1", "2", None, "7"],
    "text of floats": ["1.0", "2.0", "NA", " 7"],
    "decimals": [Decimal(1), Decimal("2.0"), None, Decimal(7)],
}
RATES: Mapping[str, Cells] = {
    "floats": [0.1, 0.3, None, 0.7],
    "float32": [np.float32(0.1), np.float32(0.3), None, np.float32(0.7)],
    "sums": [0.1, 0.1 + 0.2, None, 0.1 * 7],
    "text": ["0.1", "0.30", None, "0.7"],
}
TEXTS: Mapping[str, Cells] = {
    "text": ["Ulm", "", None, "NA"],
    "again": ["Ulm", "", None, "NA"],
}
VERSIONS: Mapping[str, Cells] = {
    "text": ["1.10", "1.1", None, "01"],
}
DATES: Mapping[str, Cells] = {
    "dates": [dt.date(2024, 1, 5), dt.date(2024, 1, 6), None, dt.date(2024, 1, 5)],
    "text": ["2024-01-05", "2024-01-06", None, "2024-01-05"],
    "midnights": [dt.datetime(2024, 1, 5), dt.datetime(2024, 1, 6), None, dt.datetime(2024, 1, 5)],
}
CLOCKS: Mapping[str, Cells] = {
    "text": ["08:00", "09:30", None, "08:00"],
    "times": [dt.time(8), dt.time(9, 30), None, dt.time(8)],
}
FLAGS: Mapping[str, Cells] = {
    "text": ["True", "False", None, "True"],
    "booleans": [True, False, None, True],
}
NAMES: Mapping[str, Cells] = {
    "text": [str(identifier) for identifier in IDS],
    "UUIDs": IDS,
}
MARKS: Mapping[str, Cells] = {
    "text": ["1.0", "2.5", None, "3"],
    "numbers": [1.0, 2.5, None, 3.0],
}
HOURS: Mapping[str, Cells] = {
    "times": [dt.datetime(2024, 1, 5, 9, 30), dt.datetime(2024, 1, 5, 17), None, dt.datetime(2024, 1, 6, 9)],
    "text": ["2024-01-05T09:30:00", "2024-01-05 17:00", None, "2024-01-06 09:00:00"],
}
KINDS: Mapping[str, tuple[str, Mapping[str, Cells]]] = {
    "number": ("numeric", NUMBERS),
    "whole": ("numeric", WHOLE),
    "unreadable": ("numeric", UNREADABLE),
    "truth": ("boolean", TRUTHS),
    "code": ("categorical", CODES),
    "rate": ("categorical", RATES),
    "text": ("categorical", TEXTS),
    "version": ("categorical", VERSIONS),
    "date": ("categorical", DATES),
    "clock": ("categorical", CLOCKS),
    "flag": ("categorical", FLAGS),
    "name": ("categorical", NAMES),
    "mark": ("categorical", MARKS),
    "hour": ("hour", HOURS),
}
CELLS = {
    f"{kind} as {spelling}": cells for kind, (_, spellings) in KINDS.items() for spelling, cells in spellings.items()
}


@pytest.fixture(scope="module")
def profile() -> Profile:
    """Return a profile whose columns of one kind all have the reference of the kind's first spelling."""
    columns, kinds = {}, {}
    for kind, (how, spellings) in KINDS.items():
        first = next(iter(spellings.values()))
        usable = [cell for cell in first if kind != "unreadable" or cell != "unknown"]
        for spelling in spellings:
            columns[f"{kind} as {spelling}"] = list(usable * 200)[:600]
            kinds[f"{kind} as {spelling}"] = how
    return Profile.fit(pa.table(columns), model="m", kinds=kinds, independent=True, residuals=False)


# --- the doors: columns of cells in, counts by feature out


def plain(cell: object) -> object:
    """Return a cell as JSON has it."""
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, np.generic):
        return cell.item()
    return str(cell) if isinstance(cell, UUID | dt.date | dt.time) else cell


def arrow_column(cells: Cells) -> pa.Array:
    types = {type(cell) for cell in cells if cell is not None}
    if types == {np.float32}:
        return pa.array(cells, pa.float32())
    if types == {UUID}:
        return pa.array([cell.bytes if isinstance(cell, UUID) else None for cell in cells], pa.uuid())
    if len(types) > 1:
        texts = any(kind is str for kind in types)
        return pa.array(
            [
                None
                if cell is None
                else str(cell)
                if texts
                else float(cell)
                if isinstance(cell, SupportsFloat)
                else None
                for cell in cells
            ]
        )
    return pa.array(cells)


def arrow_table() -> pa.Table:
    return pa.table({name: arrow_column(cells) for name, cells in CELLS.items()})


def of_frame(profile: Profile, frame: Any) -> dict[str, list[int]]:
    return compare(profile, frame).counts()


def of_file(profile: Profile, path: Path) -> dict[str, list[int]]:
    return of_frame(profile, read_data(path, profile))


def csv_cell(cell: object) -> str:
    if cell is None:
        return ""
    text = str(plain(cell))
    return f'"{text}"' if text == "" or "," in text else text


def csv_file(profile: Profile, folder: Path) -> dict[str, list[int]]:
    lines = [",".join(CELLS), *(",".join(map(csv_cell, row)) for row in zip(*CELLS.values(), strict=True))]
    (folder / "cells.csv").write_text("\n".join(lines) + "\n")
    return of_file(profile, folder / "cells.csv")


def parquet_file(profile: Profile, folder: Path) -> dict[str, list[int]]:
    pq.write_table(arrow_table(), folder / "cells.parquet")
    return of_file(profile, folder / "cells.parquet")


def arrow_file(profile: Profile, folder: Path) -> dict[str, list[int]]:
    table = arrow_table()
    with pa.ipc.new_file(str(folder / "cells.arrow"), table.schema) as writer:
        writer.write_table(table)
    return of_file(profile, folder / "cells.arrow")


def of_body(profile: Profile, media: Media, body: bytes) -> dict[str, list[int]]:
    batch = read_batch(media, body, Reader(profile), NOW, most=10_000_000)
    counts = Binner(profile).observe(batch.rows).counts
    return {feature.name: counts[part].tolist() for feature, part in profile.slices()}


def rows(cell: Callable[[object], object]) -> list[dict[str, object]]:
    return [{name: cell(cells[row]) for name, cells in CELLS.items()} for row in range(4)]


def arrow_stream(profile: Profile, folder: Path) -> dict[str, list[int]]:
    table, sink = arrow_table(), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return of_body(profile, "stream", sink.getvalue().to_pybytes())


def sdk(profile: Profile, folder: Path) -> dict[str, list[int]]:
    intake = Intake(profile)
    batch = intake.read([(row, None, None, NOW / 1000) for row in rows(lambda cell: cell)])
    ((_, summary),) = intake.count(batch, Timing(), 0.0, NOW)
    return {feature.name: summary.counts[part].tolist() for feature, part in profile.slices()}


def of_payload(profile: Profile, body: bytes) -> dict[str, list[int]]:
    half = count_request(read_request(body), Compiled(profile, Timing(), ModelSettings()))
    return {feature.name: half.summary.counts[part].tolist() for feature, part in profile.slices()}


def payload(profile: Profile, content: object) -> dict[str, list[int]]:
    return of_payload(profile, json.dumps(content).encode())


def tensor_of(name: str, cells: Cells, *, binary: bool) -> tuple[dict[str, Any], bytes]:
    """Return a column as a tensor, as clients make one of it: text where it is neither all numbers nor all booleans."""
    described: dict[str, Any] = {"name": name, "shape": [4], "datatype": "BYTES"}
    given = list(map(plain, cells))
    types = {type(cell) for cell in given if cell is not None}
    raw = b""
    if types == {bool} and None not in given:
        described["datatype"], raw = "BOOL", np.array(given).tobytes()
    elif types <= {int, float}:
        described["datatype"] = "FP32" if isinstance(cells[0], np.float32) else "FP64"
        dtype = "<f4" if described["datatype"] == "FP32" else "<f8"
        raw = np.array([np.nan if cell is None else cell for cell in given], dtype).tobytes()
    else:
        texts = [str(cell).encode() for cell in given]  # as tritonclient writes what is not there
        raw = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    if binary:
        return {**described, "parameters": {"binary_data_size": len(raw)}}, raw
    return {**described, "data": [str(cell) for cell in given] if described["datatype"] == "BYTES" else given}, b""


def v2(profile: Profile, *, binary: bool) -> dict[str, list[int]]:
    tensors = [tensor_of(name, cells, binary=binary) for name, cells in CELLS.items()]
    head = json.dumps({"inputs": [described for described, _ in tensors]}).encode()
    return of_payload(profile, head + b"".join(raw for _, raw in tensors))


def polars_frame() -> pl.DataFrame:
    frame = pl.from_arrow(arrow_table().drop_columns([name for name in CELLS if name.endswith("UUIDs")]))
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(
        *(pl.Series(name, list(map(str, CELLS[name]))) for name in CELLS if name.endswith("UUIDs"))
    )


DOORS: Mapping[str, Callable[[Profile, Path], dict[str, list[int]]]] = {
    "pandas": lambda profile, _: of_frame(
        profile, pd.DataFrame({n: pd.Series(c, dtype=object) for n, c in CELLS.items()})
    ),
    "pandas from Arrow": lambda profile, _: of_frame(profile, arrow_table().to_pandas(types_mapper=pd.ArrowDtype)),
    "polars": lambda profile, _: of_frame(profile, polars_frame()),
    "pyarrow": lambda profile, _: of_frame(profile, arrow_table()),
    "Parquet": parquet_file,
    "Arrow file": arrow_file,
    "CSV": csv_file,
    "JSON rows": lambda profile, _: of_body(profile, "json", json.dumps({"rows": rows(plain)}).encode()),
    "JSON columns": lambda profile, _: of_body(
        profile, "json", json.dumps({"columns": {n: list(map(plain, c)) for n, c in CELLS.items()}}).encode()
    ),
    "msgpack": lambda profile, _: of_body(profile, "msgpack", msgspec.msgpack.encode({"rows": rows(plain)})),
    "Arrow stream": arrow_stream,
    "V1": lambda profile, _: payload(profile, {"instances": rows(plain)}),
    "V1 columns": lambda profile, _: payload(profile, {"inputs": {n: list(map(plain, c)) for n, c in CELLS.items()}}),
    "MLflow": lambda profile, _: payload(
        profile,
        {"dataframe_split": {"columns": list(CELLS), "data": [list(row.values()) for row in rows(plain)]}},
    ),
    "Seldon": lambda profile, _: payload(
        profile, {"data": {"names": list(CELLS), "ndarray": [list(row.values()) for row in rows(plain)]}}
    ),
    "V2": lambda profile, _: v2(profile, binary=False),
    "V2 binary": lambda profile, _: v2(profile, binary=True),
    "SDK": sdk,
}


@pytest.fixture(scope="module")
def counted(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, list[int]]]:
    """Return what counts the cells through a door, each once."""
    return cache(lambda door: DOORS[door](profile, tmp_path_factory.mktemp("door")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("door", DOORS)
def test_every_spelling_of_a_cell_is_the_same_cell(
    kind: str, door: str, profile: Profile, counted: Callable[[str], dict[str, list[int]]]
) -> None:
    grid = next(feature for feature in profile.features if feature.name.startswith(f"{kind} as ")).grid
    names = [name for name in counted(door) if name.startswith(f"{kind} as ")]
    bins_of = {
        name: {grid.labels[place]: count for place, count in enumerate(counted(door)[name]) if count} for name in names
    }
    assert all(sum(bins.values()) == 4 for bins in bins_of.values())
    assert len({tuple(sorted(bins.items())) for bins in bins_of.values()}) == 1, bins_of
    unreadable = next(iter(bins_of.values())).get("unreadable", 0)
    assert unreadable == (kind == "unreadable"), bins_of


@pytest.mark.parametrize("pair", list(combinations(DOORS, 2)), ids=" and ".join)
def test_every_pair_of_doors_counts_the_same(
    pair: tuple[str, str], counted: Callable[[str], dict[str, list[int]]]
) -> None:
    one, other = (counted(door) for door in pair)
    assert {name: counts for name, counts in one.items() if counts != other[name]} == {}

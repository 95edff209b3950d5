#!/bin/sh
# A Parquet or Arrow file with one 128-bit integer column of polars cannot be opened by pyarrow at all.
#
# polars makes Int128 of sums and of literals that need it, and writes it; whoever reads the file needs other columns.
#
# Guess: the column comes as decimal, or fails when it is read; the schema, and the other columns, can be read.
# Really, polars 2.1.0 and pyarrow 26.0.1: read_schema, ParquetFile, read_table(columns=["x"]) and ipc.open_file all raise
# "Integers with more than 64 bits not implemented", without the column's name: the Arrow schema that polars stores in the
# file has a type that Arrow's own readers refuse.
#
# Takes a minute: packages from PyPI, in a folder that is removed. Ends with 1 where that is no longer as above.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 pyarrow==26.0.1
cd "$dir"
"$dir/env/bin/python" - <<'P'
import sys

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

frame = pl.DataFrame({"x": [1.0, 2.0], "n": pl.Series([1, 2], dtype=pl.Int128)})
frame.write_parquet("n.parquet")
frame.write_ipc("n.arrow")
ways = {
    "read_schema": lambda: pq.read_schema("n.parquet"),
    "ParquetFile": lambda: pq.ParquetFile("n.parquet"),
    "read_table of the other column": lambda: pq.read_table("n.parquet", columns=["x"]),
    "ipc.open_file": lambda: pa.ipc.open_file("n.arrow").schema,
}
print("polars", pl.__version__, "reads back", pl.read_parquet("n.parquet").shape, "pyarrow", pa.__version__)
refused = 0
for name, read in ways.items():
    try:
        print(f"{name}: {read()}")
    except pa.ArrowNotImplementedError as error:
        refused += 1
        print(f"{name}: {error}")
sys.exit(refused != len(ways))
P

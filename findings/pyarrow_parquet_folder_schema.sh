#!/usr/bin/env bash
# pyarrow 26.0.1: parquet.read_table(folder) takes the schema of the first file by name for all. A column that only later
# files have is dropped without a word; integer folder names (year=2024) become a dictionary, which is a category to most.
# Expected by the guess: the union of the columns, as DuckDB's union_by_name or pyarrow.unify_schemas make; integers.
# Seen: the column "c" is gone; "year" is dictionary<values=int32, …>.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"; "$dir/venv/bin/pip" install -q pyarrow==26.0.1
"$dir/venv/bin/python" -W error - "$dir/t" <<'P'
import os, sys
import pyarrow as pa
from pyarrow import parquet
folder = f"{sys.argv[1]}/year=2024"
os.makedirs(folder)
parquet.write_table(pa.table({"x": [1.0]}), f"{folder}/a.parquet")
parquet.write_table(pa.table({"x": [2.0], "c": ["new"]}), f"{folder}/b.parquet")
schema = parquet.read_table(sys.argv[1]).schema
print("pyarrow", pa.__version__, "|", str(schema).replace("\n", ", "))
assert schema.names == ["x", "year"] and pa.types.is_dictionary(schema.field("year").type), "the behaviour changed"
P

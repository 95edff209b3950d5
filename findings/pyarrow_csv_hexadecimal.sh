#!/usr/bin/env bash
# pyarrow 26.0.1: the CSV reader infers cells such as 0x1f and 0x20 (hashes, colours, device codes) as the integers 31 and 32.
# DuckDB 2.0.1 does, too. Expected by the guess: text, as pandas 3.1.1 and polars 2.1.0 read them. Seen: int64. Beside a cell
# that is no such number the same column is text, so that its type depends on the rows that are there.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"; "$dir/venv/bin/pip" install -q pyarrow==26.0.1 polars==2.1.0 pandas==3.1.1 duckdb==2.0.1
"$dir/venv/bin/python" - "$dir" <<'P'
import sys
import duckdb, pandas, polars, pyarrow
from pyarrow import csv
file = f"{sys.argv[1]}/a.csv"
open(file, "w").write("code\n0x1f\n0x20\n")
arrow = csv.read_csv(file)["code"].to_pylist()
others = [polars.read_csv(file)["code"].to_list(), pandas.read_csv(file)["code"].to_list(),
          [row[0] for row in duckdb.sql(f"from '{file}'").fetchall()]]
print("pyarrow", pyarrow.__version__, arrow, "| polars, pandas, duckdb:", others)
texts = ["0x1f", "0x20"]
assert arrow == [31, 32] and others == [texts, texts, [31, 32]], "the behaviour changed"
P

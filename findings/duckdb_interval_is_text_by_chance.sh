#!/usr/bin/env bash
# DuckDB 2.0.1 writes INTERVAL to Parquet as its 12-byte logical type. pyarrow 26.0.1 reads fixed_size_binary[12] without a
# word of what it was, and the bytes of small intervals are valid UTF-8. So "bytes that decode are text", which is right for
# the unmarked text of Hive, Impala and fastparquet, takes lengths of time for text. Expected by the guess: a duration or
# an interval type. What tells them apart is that such bytes hold control characters.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"; "$dir/venv/bin/pip" install -q pyarrow==26.0.1 duckdb==2.0.1
"$dir/venv/bin/python" - "$dir" <<'P'
import sys
import duckdb, pyarrow as pa
from pyarrow import parquet
file = f"{sys.argv[1]}/a.parquet"
duckdb.sql(f"COPY (SELECT INTERVAL 1 DAY AS i) TO '{file}' (FORMAT parquet)")
column = parquet.read_table(file)["i"]
text = column.to_pylist()[0].decode()
print("duckdb", duckdb.__version__, "pyarrow", pa.__version__, "|", column.type, repr(text))
assert str(column.type) == "fixed_size_binary[12]" and len(text) == 12, "the behaviour changed"
P

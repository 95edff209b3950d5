#!/usr/bin/env bash
# pyarrow 26.0.1: times of type INT96 (what Spark and Hive wrote for years, fastparquet with times="int96") are read as
# nanoseconds by default, and those beyond 1677 to 2262 become other times without a word: 9999-12-31, the usual "no end",
# is read as 1816-03-29. Expected by the guess: the time that was written, or an error (a cast to nanoseconds raises one).
# coerce_int96_timestamp_unit="us" reads what was written.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"; "$dir/venv/bin/pip" install -q pyarrow==26.0.1 fastparquet==2026.9.0 pandas==3.1.1
"$dir/venv/bin/python" -W error - "$dir" <<'P'
import datetime as dt, sys
import pyarrow as pa
from pyarrow import parquet
file, late = f"{sys.argv[1]}/a.parquet", dt.datetime(9999, 12, 31)
parquet.write_table(pa.table({"until": pa.array([late], pa.timestamp("us"))}), file, use_deprecated_int96_timestamps=True)
column = parquet.read_table(file)["until"]
right = parquet.read_table(file, coerce_int96_timestamp_unit="us")["until"].to_pylist()
print("pyarrow", pa.__version__, "|", column.type, str(column[0]), "| as microseconds:", right)
assert str(column[0]).startswith("1816-03-29") and right == [late], "the behaviour changed"
P

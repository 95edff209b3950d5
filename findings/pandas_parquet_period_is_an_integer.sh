#!/usr/bin/env bash
# pandas 3.1.1 writes periods (quarters, months) to Parquet as an Arrow extension type over int64. pyarrow 26.0.1 reads the
# same file as extension<pandas.period> where pandas was imported and as plain int64 (the ordinal: 216, 217) where it was
# not. Expected by the guess: one file, one type. The name of the extension stands in the field's metadata.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"; "$dir/venv/bin/pip" install -q pyarrow==26.0.1 pandas==3.1.1
cd "$dir"
venv/bin/python -c 'import pandas as pd; pd.DataFrame({"q": pd.period_range("2024Q1", periods=2, freq="Q")}).to_parquet("a.parquet")'
read -r alone < <(venv/bin/python -c 'from pyarrow import parquet; print(parquet.read_table("a.parquet")["q"].type)')
read -r beside < <(venv/bin/python -c 'import pandas; from pyarrow import parquet; pandas.DataFrame({"q": pandas.period_range("2024Q1", periods=1, freq="Q")}).to_parquet("b.parquet"); print(parquet.read_table("a.parquet")["q"].type)')
echo "pyarrow alone: $alone | where pandas is in use: $beside"
[ "$alone" = int64 ] && [[ $beside == extension* ]] || { echo "the behaviour changed"; exit 1; }

#!/bin/sh
# narwhals has no type for pandas columns of most zones: America/New_York is Unknown, Europe/Berlin a Datetime.
#
# A library that takes any frame through narwhals asks a column's dtype whether it holds times, and in which zone.
#
# Guess: `Datetime(time_unit, time_zone="America/New_York")`, as for Europe/Berlin, and as for the same column in polars or
# pyarrow.
# Really, narwhals 2.29.0 on pandas 3.1.1: `Unknown` where the zone's name holds an underscore or a digit
# (America/New_York, Etc/GMT+1, America/Argentina/Buenos_Aires): the pattern that takes pandas' dtype name apart allows
# letters and slashes, and an offset after them. Nothing is raised; who branches on Datetime leaves such columns out, or reads them as text.
# Not found in narwhals' documentation, which names no limit of zones.
#
# Takes a minute: two packages from PyPI, in a folder that is removed. Ends with 1 where that is no longer as above.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check narwhals==2.29.0 pandas==3.1.1 polars==2.1.0
"$dir/env/bin/python" - <<'P'
import sys

import narwhals as nw
import pandas as pd
import polars as pl

print("narwhals", nw.__version__, "pandas", pd.__version__, "polars", pl.__version__)
expected = {"Europe/Berlin": True, "UTC": True, "America/New_York": False, "Etc/GMT+1": False, "America/Argentina/Buenos_Aires": False}
as_said = True
for zone, known in expected.items():
    pandas = pd.Series(pd.to_datetime(["2024-01-08T08:00Z"])).dt.tz_convert(zone)
    polars = pl.Series(pandas.tolist(), dtype=pl.Datetime("us", zone))
    found = nw.from_native(pandas, series_only=True).dtype
    print(f"{zone:32} pandas: {found!s:50} polars: {nw.from_native(polars, series_only=True).dtype}")
    as_said &= isinstance(found, nw.Datetime) == known
sys.exit(not as_said)
P

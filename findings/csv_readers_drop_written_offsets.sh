#!/bin/sh
# Reading times with offsets from CSV: pyarrow and polars keep the moment and lose the hour that was written.
#
# A shop writes 2024-01-08T09:00:00+01:00 in winter and 2024-07-08T09:00:00+02:00 in summer: nine o'clock on its clocks.
# Drift monitors look at the hour of the day.
#
# Guess: a column of offsets that differ stays text, or comes as objects, as from pandas, since no Arrow type holds an
# offset a row; the hour as written is still there.
# Really: pyarrow 26.0.1 infers timestamp[s, tz=UTC], polars 2.1.0 (try_parse_dates=True) Datetime("us", "UTC"): the hours
# are 8 and 7. Half the year they differ by one from those of the other half, and nothing says that there was an offset.
# Arrow documents it where its C++ reader is (https://arrow.apache.org/docs/cpp/csv.html, timestamp inference: UTC "even if
# the offsets are inconsistent"), not beside pyarrow's own function.
#
# Takes a minute: packages from PyPI, in a folder that is removed. Ends with 1 where that is no longer as above.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 polars==2.1.0
"$dir/env/bin/python" - <<'P'
import io
import sys

import polars as pl
import pyarrow as pa
from pyarrow import csv

text = b"at\n2024-01-08T09:00:00+01:00\n2024-07-08T09:00:00+02:00\n"
arrow = csv.read_csv(io.BytesIO(text))["at"]
polars = pl.read_csv(io.BytesIO(text), try_parse_dates=True)["at"]
hours = [moment.hour for moment in arrow.to_pylist()], polars.dt.hour().to_list()
print("pyarrow", pa.__version__, arrow.type, hours[0])
print("polars", pl.__version__, polars.dtype, hours[1])
sys.exit(not (hours == ([8, 7], [8, 7]) and str(arrow.type) == "timestamp[s, tz=UTC]"))
P

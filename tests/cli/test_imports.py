"""What `driftmeter check` loads: packages that take longer to import than a small file takes to judge stay out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather
from pyarrow import parquet as pq

from driftmeter.cli.lean import import_scipy_special
from driftmeter.profile.profile import Profile
from tests.support import orders

_HEAVY = ("scipy.stats", "pandas", "polars", "numpy.f2py", "sklearn")
_CODE = f"""
import sys
from driftmeter.cli.app import app
code = app(["check", *sys.argv[1:]], standalone_mode=False)
print("loaded:", *[name for name in {_HEAVY} if name in sys.modules])
"""


def odd_columns(folder: Path) -> tuple[Path, Path]:
    """Write a profile and a CSV file with numbers as text, truths of R, codes, missing values and date-times."""
    reference = pa.table({"on": [True, False] * 50, "code": ["01", "12"] * 50, "x": np.arange(100.0), "n": [1, 2] * 50})
    Profile.fit(reference, model="m", independent=True).dump(folder / "p.json")
    rows = "".join(f"{'TRUE' if row % 2 else 'FALSE'},0{row % 3},{row if row % 7 else 'N/A'},1\n" for row in range(300))
    (folder / "odd.csv").write_text(f"on,code,x,n\n{rows}")
    return folder / "p.json", folder / "odd.csv"


def shop(folder: Path, ending: str) -> tuple[Path, Path]:
    rows = orders.orders(1500, seed=1)
    table = pq.read_table(orders.write_parquet(folder / "o.parquet", rows))
    Profile.fit(table, model="shop", prediction="score", label="bezahlt", time="bestellt").dump(folder / "p.json")
    if ending == "csv":
        orders.write_csv(folder / "o.csv", rows)
    elif ending == "arrow":
        feather.write_feather(table, folder / "o.arrow")
    return folder / "p.json", folder / f"o.{ending}"


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow", "odd"])
def test_check_loads_neither_scipy_stats_nor_pandas(tmp_path: Path, ending: str) -> None:
    profile, data = odd_columns(tmp_path) if ending == "odd" else shop(tmp_path, ending)
    command = [sys.executable, "-c", _CODE, str(profile), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_the_modules_that_are_left_out_at_first_are_loaded_where_they_are_asked_for() -> None:
    code = (
        "from driftmeter.cli.lean import import_scipy_special; import_scipy_special(); "
        "import sys, numpy, scipy.special; print('numpy.f2py' in sys.modules, numpy.ma.__name__, "
        "numpy.testing.__name__, numpy.polynomial.__name__, numpy.f2py.__name__, scipy.special.chdtrc(1, 0.0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "numpy.ma", "numpy.testing", "numpy.polynomial", "numpy.f2py", "1.0"]


def test_modules_that_are_loaded_already_stay() -> None:
    import numpy as np

    before = np.ma, np.testing
    import_scipy_special()
    assert (np.ma, np.testing) == before

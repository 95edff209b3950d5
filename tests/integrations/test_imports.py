"""What a model server loads with an integration: nothing but numpy and its own framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.rooms import MODULES, room_of

OWN = {f"integrations.{name}": name for name in ("sklearn", "mlflow", "bentoml")} | {
    "integrations.blocks": "pyarrow",
    "integrations.batches": "pyarrow",
    **{module: "pyspark" for module in MODULES if module.startswith("integrations.spark")},
}
"""What an integration imports at once; all others get what they are given."""
OTHERS = (
    *("scipy", "pyarrow", "pandas", "polars", "starlette", "flask", "msgspec", "prometheus_client", "click", "sklearn"),
    *("mlflow", "onnx", "xgboost", "lightgbm", "catboost", "narwhals"),
)
MODULES_HERE = sorted(module for module in MODULES if room_of(module) == "integrations")


@pytest.mark.parametrize("module", MODULES_HERE)
def test_an_integration_loads_its_own_dependency_and_nothing_of_the_server(module: str) -> None:
    own = OWN.get(module, "")
    if own:
        pytest.importorskip(own, reason=f"{own} is not installed")
    blocked = [name for name in OTHERS if not own and name != "msgspec"]  # what a dependency loads is its own affair
    code = f"""
import sys
for name in {blocked}:
    sys.modules[name] = None  # as if it were not installed
import driftmeter.{module}
rooms = ["driftmeter." + room for room in ("server", "store", "engine", "verdict", "fitting")]
print(*(name for name in sys.modules if any(name.startswith(room) for room in rooms)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []

"""Names of the forms of logs, for help and completion: the forms themselves are loaded where one is read."""

from __future__ import annotations

NAMES = (
    *("sagemaker", "azure-ml", "bentoml", "kserve", "databricks", "vertex", "feast", "seldon", "mlrun", "triton"),
    "json-lines",
)
"""As in `registry.FORMATS`."""

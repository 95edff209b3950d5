"""Rows as the log of each serving system, by the documented forms; `WRITERS` has every form that is read.

A writer takes an empty folder and rows, and returns the source to read. Where there are several ways to write a form,
there are several writers.
"""

from tests.support.written_logs.kserve import KSERVE
from tests.support.written_logs.lines import AZURE, BENTOML, JSON_LINES, MLRUN, TRITON
from tests.support.written_logs.messages import SELDON
from tests.support.written_logs.sagemaker import SAGEMAKER
from tests.support.written_logs.tables import DATABRICKS, FEAST, VERTEX
from tests.support.written_logs.writing import Writer

WRITERS: dict[str, dict[str, Writer]] = {
    "json-lines": JSON_LINES,
    "sagemaker": SAGEMAKER,
    "azure-ml": AZURE,
    "bentoml": BENTOML,
    "kserve": KSERVE,
    "databricks": DATABRICKS,
    "vertex": VERTEX,
    "feast": FEAST,
    "seldon": SELDON,
    "mlrun": MLRUN,
    "triton": TRITON,
}
"""By form and way of writing it."""

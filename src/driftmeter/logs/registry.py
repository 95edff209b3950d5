"""The forms of logs: one line adds one."""

from __future__ import annotations

from driftmeter.errors import unknown_name
from driftmeter.logs.formats.azure_ml import AzureML
from driftmeter.logs.formats.bentoml import BentoML
from driftmeter.logs.formats.databricks import Databricks
from driftmeter.logs.formats.feast import Feast
from driftmeter.logs.formats.json_lines import JsonLines
from driftmeter.logs.formats.kserve import KServe
from driftmeter.logs.formats.mlrun import MLRun
from driftmeter.logs.formats.sagemaker import SageMaker
from driftmeter.logs.formats.seldon import Seldon
from driftmeter.logs.formats.triton import Triton
from driftmeter.logs.formats.vertex import Vertex
from driftmeter.logs.protocol import LogFormat, LogSample

FORMATS: tuple[LogFormat, ...] = (
    SageMaker(),
    AzureML(),
    BentoML(),
    KServe(),
    Databricks(),
    Vertex(),
    Feast(),
    Seldon(),
    MLRun(),
    Triton(),
    JsonLines(),  # takes any objects: last
)


def format_named(name: str) -> LogFormat:
    """Return a form by its name; raises InputError naming those that exist."""
    for one in FORMATS:
        if one.name == name:
            return one
    raise unknown_name("format", name, [one.name for one in FORMATS])


def recognised(sample: LogSample) -> tuple[LogFormat, str] | None:
    """Return the first form that a sample has, and on what grounds; None where it has none."""
    for one in FORMATS:
        grounds = one.recognise(sample)
        if grounds is not None:
            return one, grounds
    return None

"""MLflow: profiles from datasets and signatures, models that are monitored, reports as artifacts, drift as tags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pandas
from mlflow.pyfunc import PythonModel

from driftmeter.client import Monitor
from driftmeter.client.transport import Http, model_path
from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.integrations.calls import count_call, reject_call
from driftmeter.integrations.names import ModelColumns
from driftmeter.profile.names import text_of
from driftmeter.profile.profile import Profile
from driftmeter.types import JSON, Kind

if TYPE_CHECKING:
    from driftmeter.report import Report

FOLDER = "driftmeter"
"""Of artifacts in a run."""
PROFILE = f"{FOLDER}/profile.json"
TAG = "driftmeter."
"""How the names of tags begin."""
_KINDS: dict[str, Kind] = {
    "double": "numeric",
    "float": "numeric",
    "string": "categorical",
    "boolean": "boolean",
}
"""Of integers and times a signature does not say what they stand for."""
_LONGEST_TAG = 1_000
_TIMEOUT = 10.0


def columns_of_signature(signature: Any) -> ModelColumns:
    """Return the columns that a signature's inputs name, and their kinds as far as it tells.

    `signature` is a ModelSignature, or that of a model that was loaded or logged. Raises InputError where the inputs
    have no names: a tensor, or the single `any` that MLflow infers where one column is of mixed or odd type.
    """
    inputs = getattr(signature, "inputs", None)
    specs = list(inputs) if inputs is not None else []
    names = [text_of(getattr(spec, "name", None)) for spec in specs]
    if not names or None in names:
        got = "no inputs" if not specs else f"{str(inputs)[:80]!r}"
        raise InputError("signature", "inputs with names, as a frame of plain types gives", got)
    kinds = {str(name): getattr(spec.type, "name", "") for name, spec in zip(names, specs, strict=True)}
    return ModelColumns(tuple(map(str, names)), {name: _KINDS[kind] for name, kind in kinds.items() if kind in _KINDS})


def profile_of(dataset: Any, *, model: str, signature: Any = None, **options: Any) -> Profile:
    """Make the profile of an MLflow dataset, which is at hand or was logged in a run.

        dataset = mlflow.data.from_pandas(frame, targets="late", predictions="score")
        profile = profile_of(dataset, model="flights", signature=infer_signature(frame[features]))

    A logged dataset, such as `run.inputs.dataset_inputs[0]`, is read from its source anew: a file, or a folder, that
    driftmeter reads. With a `signature` its inputs are the features, of the kinds that it tells. `options` are those of
    `Profile.fit`; targets and predictions of the dataset are label and prediction unless these name others.

    Raises InputError where the rows cannot be had or lack a column of the signature, ProfileError as `Profile.fit`.
    """
    frame = _rows_of(dataset)
    options.setdefault("label", _column(dataset, "targets"))
    options.setdefault("prediction", _column(dataset, "predictions"))
    if signature is not None:
        columns = columns_of_signature(signature).in_data(map(str, frame.columns if hasattr(frame, "columns") else ()))
        options.setdefault("only", columns.names)
        options["kinds"] = {**columns.kinds, **(options.get("kinds") or {})}
    return Profile.fit(frame, model=model, **options)


def _column(dataset: Any, role: str) -> str | None:
    name = getattr(dataset, role, None)
    return name if isinstance(name, str) else None


def _rows_of(dataset: Any) -> Any:
    """Return the rows of a dataset as a frame."""
    frame = getattr(dataset, "df", None)
    if frame is not None:
        return frame
    try:
        loaded = mlflow.data.get_source(dataset).load()
    except Exception as error:
        raise InputError("dataset", "one whose rows can be loaded", f"{type(error).__name__}: {error}"[:300]) from error
    if not isinstance(loaded, str | Path):
        raise InputError("dataset", "a source that is a file or a folder", describe(loaded))
    from driftmeter.data.files.read import read_table  # needs pyarrow, and a model server needs it never

    table = read_table(loaded)
    return table.rename_columns([str(name) for name in table.column_names])


def log_profile(profile: Profile, *, run_id: str | None = None) -> None:
    """Log a profile as an artifact, and its digest as a tag, of a run: the active one unless `run_id` names one."""
    mlflow.log_text(profile.dumps().decode(), PROFILE, run_id=run_id)
    _set_tags({"profile": profile.digest}, run_id)


def load_profile(run_id: str) -> Profile:
    """Read the profile that was logged in a run; raises ProfileFormatError on another text, MLflow's error on none."""
    return Profile.loads(mlflow.artifacts.load_text(f"runs:/{run_id}/{PROFILE}"))


def log_report(report: Report, name: str = "report", *, run_id: str | None = None) -> None:
    """Log a report as artifacts of a run: the page, Markdown and JSON; the features that drift are a metric and a tag.

    `name` tells the reports of one run apart, as in `log_report(compare(profile, frame), "2026-11-30")`.
    """
    content = report.to_json()
    mlflow.log_text(report.to_html(), f"{FOLDER}/{name}.html", run_id=run_id)
    mlflow.log_text(report.to_markdown(), f"{FOLDER}/{name}.md", run_id=run_id)
    mlflow.log_dict(content, f"{FOLDER}/{name}.json", run_id=run_id)
    mlflow.log_metric(f"{FOLDER}_features_drifting", content["features_drifting"], run_id=run_id)
    _set_tags({key: text for key, text in tags_of(content).items() if text is not None}, run_id)


def tags_of(verdict: JSON) -> dict[str, str | None]:
    """Return what a verdict says as tags, without their common beginning; None stands for a tag that is to go.

    >>> tags_of({"state": "ok", "profile": "f3a1", "features": []})["state"]
    'ok'
    """
    drifting = [feature for feature in verdict["features"] if feature["state"] == "drifting"]
    incident = verdict.get("incident") or {}
    texts = {
        "state": verdict["state"],
        "drifting": ", ".join(feature["feature"] for feature in drifting),
        "causes": ", ".join(verdict.get("causes") or ()),
        "summary": verdict.get("summary") if drifting else None,
        "since": incident.get("since"),
        "judged": (verdict.get("window") or {}).get("end"),
        "profile": verdict.get("profile"),
    }
    return {name: str(text)[:_LONGEST_TAG] if text else None for name, text in texts.items()}


def tag_model_version(
    name: str,
    version: str | int,
    url: str,
    *,
    model: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = _TIMEOUT,
) -> dict[str, str | None]:
    """Write what a metric server says of a model as tags of a registered model's version; return them.

    `url` is that of the metric server, `model` what the model is called there, by default `name`. Tags of drift that
    is over go. For a job that runs every few minutes, or the webhook of an incident.

    Raises InputError where the server does not know the model, AwayError where it does not answer.
    """
    http = Http(url, headers)
    try:
        answer = http("GET", model_path(model or name, "verdict"), None, "", timeout)
    finally:
        http.close()
    if not answer.ok:
        raise InputError("model", f"one that {url} has a verdict of", answer.describe())
    tags = tags_of(answer.json())
    client = mlflow.MlflowClient()
    present = client.get_model_version(name, str(version)).tags
    for tag, text in tags.items():
        if text is not None:
            client.set_model_version_tag(name, str(version), TAG + tag, text)
        elif TAG + tag in present:
            client.delete_model_version_tag(name, str(version), TAG + tag)
    return tags


def monitored(model: Any, monitor: Monitor) -> MonitoredPyFunc:
    """Return a loaded model, `mlflow.pyfunc.load_model(…)`, that reports the rows which it predicts on.

    Its rows are those after MLflow has made them what the signature asks for, which is what the model sees. It has all
    that the model has besides.
    """
    return MonitoredPyFunc(model, monitor)


def log_monitored_model(model_uri: str, monitor: Monitor, name: str = "model", **options: Any) -> Any:
    """Log a model that predicts as the one at `model_uri` does and reports its rows; return its ModelInfo.

    `mlflow models serve`, Databricks and every other that loads models of MLflow serve it. The monitor goes with it as
    its options, headers included, and without a name of the source unless it was given one. It needs driftmeter where
    it is served; `options` are those of `mlflow.pyfunc.log_model`, and `pip_requirements` in them stands for those of
    the model and driftmeter.
    """
    path = mlflow.artifacts.download_artifacts(model_uri)
    metadata = mlflow.models.Model.load(path)
    needed = Path(path) / "requirements.txt"
    requirements = needed.read_text("utf-8").splitlines() if needed.exists() else []
    options.setdefault("pip_requirements", [*requirements, "driftmeter"])
    options.setdefault("signature", metadata.signature)
    return mlflow.pyfunc.log_model(
        name=name, python_model=MonitoredPythonModel(monitor), artifacts={"model": path}, **options
    )


class MonitoredPyFunc:
    """What `monitored` returns."""

    def __init__(self, model: Any, monitor: Monitor) -> None:
        """Keep both."""
        self._model, self.monitor = model, monitor
        self._order = _order_of(model)

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Predict, and count the rows."""
        answer = self._model.predict(data, params=params)
        _count(self.monitor, data, answer, self._order)
        return answer

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the model."""
        if name.startswith("__") or name == "_model":
            raise AttributeError(name)
        return getattr(self._model, name)


class MonitoredPythonModel(PythonModel):  # type: ignore[misc]
    """What `log_monitored_model` logs: the model is an artifact of it."""

    def __init__(self, monitor: Monitor) -> None:
        """Keep the monitor, which is pickled as its options."""
        self.monitor = monitor

    def load_context(self, context: Any) -> None:
        """Load the model."""
        self._model = mlflow.pyfunc.load_model(context.artifacts["model"])
        self._order = _order_of(self._model)

    # MLflow reads the type hints, and warns of others at import
    def predict(self, context: Any, model_input: pandas.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Predict, and count the rows."""
        answer = self._model.predict(model_input, params=params)
        _count(self.monitor, model_input, answer, self._order)
        return answer


def _order_of(model: Any) -> tuple[str, ...] | None:
    try:
        return columns_of_signature(model.metadata.signature).names
    except InputError:
        return None


def _count(monitor: Monitor, rows: Any, answer: Any, order: tuple[str, ...] | None) -> None:
    try:
        if isinstance(rows, Mapping):  # a dict of columns, as MLflow takes it
            rows = [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
        count_call(monitor, rows, answer, order)
    except Exception as error:  # a model's answer never depends on its monitor
        reject_call(monitor, rows, error)


def _set_tags(tags: Mapping[str, str], run_id: str | None) -> None:
    if run_id is None:
        mlflow.set_tags({TAG + name: text for name, text in tags.items()})
        return
    client = mlflow.MlflowClient()
    for name, text in tags.items():
        client.set_tag(run_id, TAG + name, text)

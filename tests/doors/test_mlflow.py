"""MLflow with a store of its own: datasets, models, artifacts, tags, and its scoring server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas
import pytest

from driftmeter.client import Monitor
from driftmeter.engine.engine import Engine
from driftmeter.errors import InputError
from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from driftmeter.report import compare
from driftmeter.store import open_store
from driftmeter.types import Kind
from tests.client.samples import directly
from tests.client.tier import Tier
from tests.support.metric_server import metric_server
from tests.support.ports import free_port
from tests.support.waiting import eventually

pytest.importorskip("mlflow", reason="mlflow is not installed: make test-doors")

import mlflow
from mlflow.models import infer_signature

from driftmeter.integrations import mlflow as doors
from driftmeter.integrations.names import ModelColumns

Make = Callable[..., Monitor]
pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow and what it imports


class Scores(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A stand-in for a model: a number from two columns."""

    def predict(self, context: Any, model_input: pandas.DataFrame, params: dict[str, Any] | None = None) -> Any:
        return model_input["net price"] / 100 + model_input["age"] / 200


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Use a registry of its own; return its URI."""
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    yield uri
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def signature(features: pandas.DataFrame) -> Any:
    return infer_signature(features, np.zeros(3))


def test_a_signature_names_columns_and_kinds(signature: Any, features: pandas.DataFrame) -> None:
    kinds: dict[str, Kind] = {"age": "numeric", "net price": "numeric", "city": "categorical", "member": "boolean"}
    assert doors.columns_of_signature(signature) == ModelColumns(tuple(features), kinds)
    numbered = infer_signature(pandas.DataFrame({0: [1.5], 1: ["a"]}))
    assert doors.columns_of_signature(numbered).names == ("0", "1")
    assert doors.columns_of_signature(infer_signature(pandas.DataFrame({"n": [1]}))).kinds == {}


def test_a_signature_without_names_is_refused() -> None:
    odd = infer_signature(pandas.DataFrame({"a": [1.5], "b": np.array([1], "uint64")}))
    for nameless in (odd, infer_signature(np.zeros((2, 2))), None):
        with pytest.raises(InputError, match="signature: expected inputs with names, as a frame of plain types gives"):
            doors.columns_of_signature(nameless)


def test_a_profile_of_a_dataset_is_that_of_its_rows(
    frame: pandas.DataFrame, features: pandas.DataFrame, profile: Profile, signature: Any, tmp_path: Path
) -> None:
    dataset = mlflow.data.from_pandas(frame.assign(late=True), targets="late", predictions="score")
    made = doors.profile_of(dataset, model="m", signature=signature)
    assert [(one.name, one.kind, one.role) for one in made.features] == [
        (one.name, one.kind, one.role) for one in profile.features
    ]
    assert (
        made.digest
        == Profile.fit(
            frame.assign(late=True), model="m", prediction="score", label="late", only=list(features), kinds={}
        ).digest
    )


def test_a_profile_of_a_logged_dataset_reads_its_source_anew(
    frame: pandas.DataFrame, profile: Profile, tmp_path: Path
) -> None:
    path = tmp_path / "reference.parquet"
    frame.to_parquet(path)
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame, source=str(path)), context="training")
    [logged] = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert doors.profile_of(logged, model="m", prediction="score").digest == profile.digest


def test_a_dataset_whose_rows_cannot_be_had_is_refused(frame: pandas.DataFrame, signature: Any) -> None:
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame), context="training")  # its source is this code
    [logged] = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    with pytest.raises(InputError, match="dataset: expected one whose rows can be loaded, got"):
        doors.profile_of(logged, model="m")
    lacking = mlflow.data.from_pandas(frame.drop(columns="city"))
    with pytest.raises(InputError, match="columns: expected one column that the model calls 'city', got none"):
        doors.profile_of(lacking, model="m", signature=signature)


def test_profile_and_reports_are_artifacts_of_a_run(frame: pandas.DataFrame, profile: Profile) -> None:
    drifted = frame.assign(age=frame["age"] + 30)
    with mlflow.start_run() as run:
        doors.log_profile(profile)
    doors.log_report(compare(profile, frame), "before", run_id=run.info.run_id)
    doors.log_report(compare(profile, drifted), "after", run_id=run.info.run_id)
    assert doors.load_profile(run.info.run_id) == profile
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id, "driftmeter")}
    names = {f"driftmeter/{name}.{ending}" for name in ("before", "after") for ending in ("html", "md", "json")}
    assert files == {*names, "driftmeter/profile.json"}
    text = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/driftmeter/after.json")
    assert json.loads(text) == json.loads(json.dumps(compare(profile, drifted).to_json()))
    logged = mlflow.get_run(run.info.run_id).data
    assert logged.metrics["driftmeter_features_drifting"] >= 1
    assert logged.tags["driftmeter.profile"] == profile.digest
    assert (logged.tags["driftmeter.state"], "age" in logged.tags["driftmeter.drifting"]) == ("drifting", True)


def log_scores(signature: Any, **options: Any) -> Any:
    options = {"pip_requirements": ["mlflow"], **options}  # to find out which takes ten seconds
    return mlflow.pyfunc.log_model(name="scores", python_model=Scores(), signature=signature, **options)


def test_a_loaded_model_counts_what_it_predicts_on(
    frame: pandas.DataFrame, features: pandas.DataFrame, signature: Any, tier: Tier, profile: Profile, monitor_of: Make
) -> None:
    bare = mlflow.pyfunc.load_model(log_scores(signature).model_uri)
    monitor = monitor_of(profile)
    model = doors.monitored(bare, monitor)
    answer = model.predict(features)
    assert (answer == bare.predict(features)).all()
    assert model.metadata is bare.metadata
    assert monitor.flush()
    assert tier.summary(profile) == directly(profile, frame.assign(score=answer).to_dict("records"))


def test_the_scoring_server_of_mlflow_counts_with_a_model_that_was_logged_as_monitored(
    frame: pandas.DataFrame,
    features: pandas.DataFrame,
    signature: Any,
    tier: Tier,
    profile: Profile,
    store: str,
    tmp_path: Path,
) -> None:
    monitor = Monitor(tier.url, "m", interval=0.05)
    logged = doors.log_monitored_model(log_scores(signature).model_uri, monitor)
    assert logged.signature == signature
    requirements = Path(mlflow.artifacts.download_artifacts(logged.model_uri), "requirements.txt").read_text()
    assert "driftmeter" in requirements.split()
    port = free_port()
    command = ["-m", "mlflow", "models", "serve", "-m", logged.model_uri, "-p", str(port), "--env-manager", "local"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": store, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow starts uvicorn by its name
    server = subprocess.Popen(
        [sys.executable, *command],
        env={**environment, "PATH": path, "DRIFTMETER_SOURCE": "scoring-server"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _pings(url), "the scoring server", seconds=120)
        body = {"dataframe_split": features.to_dict("split")}
        answer = httpx.post(f"{url}/invocations", json=body, timeout=30).json()["predictions"]
        eventually(lambda: tier.summary(profile).rows == len(frame), "all rows")
    finally:
        os.killpg(server.pid, 15)
        server.communicate(timeout=30)
    scores = [row["0"] for row in answer]  # a series has its name for each value
    assert tier.summary(profile) == directly(profile, features.assign(score=scores).to_dict("records"))
    assert all(source.startswith("scoring-server-") for source in tier.totals)


def _pings(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ping", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def test_drift_becomes_tags_of_a_models_version_and_goes_with_it(frame: pandas.DataFrame, signature: Any) -> None:
    log_scores(signature, registered_model_name="credit")
    profile = Profile.fit(frame, model="m", prediction="score", independent=True)
    engine = Engine(open_store("memory://"), timing=Timing(500, 500))
    engine.register(profile)
    with metric_server(engine) as url:
        tags = doors.tag_model_version("credit", 1, url, model="m")
        assert tags["state"] == mlflow.MlflowClient().get_model_version("credit", "1").tags["driftmeter.state"]
        with Monitor(url, profile=profile, interval=0.05) as monitor:
            monitor.observe_many(pandas.concat([frame.assign(age=frame["age"] + 40)] * 3))

        def drifts() -> bool:
            return doors.tag_model_version("credit", 1, url, model="m")["state"] == "drifting"

        eventually(drifts, "a verdict of drift")
        version = mlflow.MlflowClient().get_model_version("credit", "1")
        assert "age" in version.tags["driftmeter.drifting"]
        assert version.tags["driftmeter.summary"]
        engine.store.delete("m")
        engine.register(profile)
        eventually(lambda: not drifts(), "a verdict without drift")
        assert "driftmeter.drifting" not in mlflow.MlflowClient().get_model_version("credit", "1").tags
        with pytest.raises(InputError, match=r"model: expected one that .* has a verdict of, got"):
            doors.tag_model_version("credit", 1, url, model="unknown")

"""What wraps a model in its process: scikit-learn, MLflow, BentoML's monitor and MLServer's runtimes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.support.live_doors.bodies import columns_of
from tests.support.live_doors.door import AT_ONCE, MODEL, Counting, Door
from tests.support.served_rows import FEATURES, NUMBERS, PREDICTION, ServedRows, lateness, served_profile
from tests.support.written_logs.writing import v2_request


def scores(frame: Any) -> list[float]:
    """Predict on a frame of pandas."""
    return [lateness(None if np.isnan(delay) else delay) for delay in frame["dep_delay"].to_numpy(float)]


def _sklearn(server: Counting, rows: ServedRows) -> None:
    import pandas
    from sklearn.base import BaseEstimator, ClassifierMixin

    from driftmeter.integrations.sklearn import monitored

    class Flights(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """A stand-in for a classifier: whether a flight is late."""

        classes_ = np.array([False, True])
        feature_names_in_ = np.array(FEATURES, object)

        def predict_proba(self, X: Any) -> Any:  # noqa: N803 - the name that scikit-learn uses
            late = np.array(scores(X))
            return np.column_stack([1 - late, late])

    with server.monitor(profile=served_profile()) as monitor:
        model = monitored(Flights(), monitor, method="predict_proba")
        for features, _, _ in rows.batches(AT_ONCE):
            model.predict_proba(pandas.DataFrame(columns_of(features)))


def _mlflow(server: Counting, rows: ServedRows) -> None:
    import mlflow
    import pandas

    from driftmeter.integrations.mlflow import monitored

    class Flights(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        """The same, as MLflow has it."""

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return scores(model_input)

    types = {name: "float64" if name in NUMBERS else object for name in FEATURES}
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        mlflow.pyfunc.save_model(path, python_model=Flights(), pip_requirements=[])
        loaded = mlflow.pyfunc.load_model(path)
    with server.monitor(profile=served_profile()) as monitor:
        model = monitored(loaded, monitor)
        for features, answers, _ in rows.batches(AT_ONCE):
            assert list(model.predict(pandas.DataFrame(columns_of(features)).astype(types))) == answers


def _bentoml(server: Counting, rows: ServedRows) -> None:
    import bentoml

    from driftmeter.integrations.bentoml import BentoMonitor, close

    options = {"url": server.url, "interval": 0.05}
    for features, answers, _ in rows.batches(AT_ONCE):
        with bentoml.monitor(MODEL, monitor_class=BentoMonitor, monitor_options=options) as record:
            for name, values in columns_of(features).items():
                record.log_batch(values, name, "feature", "numerical" if name in NUMBERS else "categorical")
            record.log_batch(answers, PREDICTION, "prediction", "numerical")
    assert close(60.0)


def _mlserver(server: Counting, rows: ServedRows) -> None:
    from mlserver import MLModel, ModelSettings
    from mlserver.settings import ModelParameters
    from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

    from driftmeter.integrations.mlserver import MonitoredRuntime

    class Flights(MLModel):  # type: ignore[misc]
        """A runtime that looks at one tensor."""

        async def load(self) -> bool:
            return True

        async def predict(self, payload: Any) -> Any:
            [delays] = [tensor.data.root for tensor in payload.inputs if tensor.name == "dep_delay"]
            late = [lateness(None if np.isnan(delay) else delay) for delay in delays]
            output = ResponseOutput(name=PREDICTION, shape=[len(late)], datatype="FP64", data=late)
            return InferenceResponse(model_name=MODEL, outputs=[output])

    class Monitored(MonitoredRuntime, Flights):
        """The same, monitored."""

    extra = {"driftmeter": {"url": server.url, "interval": 0.05}}
    settings = ModelSettings(name=MODEL, implementation=Monitored, parameters=ModelParameters(extra=extra))

    async def serve() -> None:
        runtime = Monitored(settings)
        assert await runtime.load()
        for features, _, _ in rows.batches(AT_ONCE):
            await runtime.predict(InferenceRequest.model_validate(v2_request(features)))
        assert runtime.monitor is not None
        assert runtime.monitor.flush(60.0)
        assert await runtime.unload()

    asyncio.run(serve())


LIBRARIES: dict[str, Door] = {
    "scikit-learn": Door(_sklearn, needs="sklearn"),
    "MLflow": Door(_mlflow, ("a model in MLflow",), "mlflow"),
    "BentoML": Door(_bentoml, ("BentoML",), "bentoml"),
    "MLServer": Door(_mlserver, ("MLServer",), "mlserver"),
}

"""A runtime of MLServer: `mlserver start .` beside a model-settings.json that names `mlserver_runtime.Credit`."""

from __future__ import annotations

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from driftmeter.integrations.mlserver import MonitoredRuntime


class Scores(MLModel):
    """Scores applicants: a stand-in for a runtime such as that of scikit-learn."""

    async def load(self) -> bool:
        """Load nothing."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return a score for each applicant."""
        [income] = [tensor for tensor in payload.inputs if tensor.name == "income"]
        scores = (NumpyCodec.decode_input(income) / 100_000).clip(max=1.0)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("score", scores)])


class Credit(MonitoredRuntime, Scores):
    """The same, monitored."""

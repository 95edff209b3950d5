"""A custom model of KServe: `python kserve_model.py --http_port 8080`. Both protocols, V1 and V2, count."""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import kserve
from kserve.model_server import app

from driftmeter import Monitor
from driftmeter.integrations.asgi import DriftMiddleware

monitor = Monitor(os.environ.get("DRIFTMETER_URL", "http://localhost:8001"), model="credit")
app.add_middleware(DriftMiddleware, monitor=monitor, routes=["/v1/models/{name}:predict", "/v2/models/{name}/infer"])


class Credit(kserve.Model):
    """Scores applicants: a stand-in for a model."""

    def __init__(self, name: str) -> None:
        """Be ready at once."""
        super().__init__(name)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """Return a score for each applicant."""
        if isinstance(payload, dict):  # V1
            return {"predictions": [min(1.0, row["income"] / 100_000) for row in payload["instances"]]}
        [income] = [tensor for tensor in payload.inputs if tensor.name == "income"]
        scores = [min(1.0, value / 100_000) for value in income.data]
        output = kserve.InferOutput(name="score", shape=[len(scores)], datatype="FP64", data=scores)
        return kserve.InferResponse(
            response_id=payload.id or str(uuid4()), model_name=self.name, infer_outputs=[output]
        )


if __name__ == "__main__":
    kserve.ModelServer().start([Credit("credit")])

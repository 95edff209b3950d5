"""A deployment of Ray Serve behind FastAPI: `serve run ray_serve_app:app`. Each replica is a source of its own."""

from __future__ import annotations

import os
from typing import Any

from fastapi import Body, FastAPI
from ray import serve

from driftmeter import Monitor
from driftmeter.integrations.asgi import DriftMiddleware

monitor = Monitor(os.environ.get("DRIFTMETER_URL", "http://localhost:8001"), model="credit")
api = FastAPI()
api.add_middleware(DriftMiddleware, monitor=monitor, routes=["/predict"])


@serve.deployment(num_replicas=1)
@serve.ingress(api)
class Credit:
    """Scores applicants: a stand-in for a model."""

    @api.post("/predict")
    def predict(self, applicants: list[dict[str, Any]] = Body()) -> list[float]:  # noqa: B008 - FastAPI's way
        """Return a score for each applicant."""
        return [min(1.0, applicant["income"] / 100_000) for applicant in applicants]


app = Credit.bind()

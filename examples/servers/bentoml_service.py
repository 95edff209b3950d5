"""A BentoML service whose own monitor counts: `bentoml serve bentoml_service:Credit`."""

from __future__ import annotations

import os
from typing import Any

import bentoml

from driftmeter.integrations.bentoml import close


@bentoml.service(
    monitoring={
        "enabled": True,
        "type": "driftmeter.integrations.bentoml.BentoMonitor",
        "options": {"url": os.environ.get("DRIFTMETER_URL", "http://localhost:8001")},
    }
)
class Credit:
    """Scores applicants: a stand-in for a model."""

    @bentoml.api
    def predict(self, applicants: list[dict[str, Any]]) -> list[float]:
        """Return a score for each applicant."""
        scores = [min(1.0, applicant["income"] / 100_000) for applicant in applicants]
        with bentoml.monitor("credit") as record:
            for applicant, score in zip(applicants, scores, strict=True):
                record.log(applicant["income"], "income", "feature", "numerical")
                record.log(applicant["city"], "city", "feature", "categorical")
                record.log(score, "score", "prediction", "numerical")
        return scores

    @bentoml.on_shutdown
    def stop(self) -> None:
        """Send the last rows."""
        close()

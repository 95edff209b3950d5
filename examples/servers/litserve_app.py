"""A LitServe server: `python litserve_app.py`. Requests and answers pass the middleware, in the process of the API."""

from __future__ import annotations

import os
from typing import Any

import litserve

from driftmeter import Monitor
from driftmeter.integrations.asgi import DriftMiddleware


class Credit(litserve.LitAPI):
    """Scores an applicant: a stand-in for a model."""

    def setup(self, device: str) -> None:
        """Load nothing."""

    def predict(self, applicant: dict[str, Any]) -> dict[str, float]:
        """Return a score."""
        return {"score": min(1.0, applicant["income"] / 100_000)}


def main() -> None:
    """Serve."""
    monitor = Monitor(os.environ.get("DRIFTMETER_URL", "http://localhost:8001"), model="credit")
    watched = (DriftMiddleware, {"monitor": monitor, "routes": ["/predict"]})
    server = litserve.LitServer(Credit(), accelerator="cpu", middlewares=[watched])
    server.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), generate_client_file=False)


if __name__ == "__main__":
    main()

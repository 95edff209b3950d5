"""Load for the model server: run `locust` and open http://localhost:8089; DRIFT=true injects the demo's drift."""

from __future__ import annotations

import os

from locust import HttpUser, constant_throughput, task

from driftmeter.demo.data import held_out_rows
from driftmeter.demo.traffic import Traffic

DRIFT = os.environ.get("DRIFT", "false").strip().lower() in {"1", "true", "yes", "on"}
TRAFFIC = Traffic(held_out_rows(), drift=DRIFT, inject_after=0.0)


class Passenger(HttpUser):
    """A client that asks ten times a second whether a flight will be late."""

    host = "http://localhost:8002"
    wait_time = constant_throughput(10)

    @task
    def get_prediction(self) -> None:
        """Send the next request of the traffic: mostly one flight, sometimes a short list."""
        rows = TRAFFIC.request(0.0)
        self.client.post("/get-prediction", json=rows[0] if len(rows) == 1 else rows)

"""A Flask model server that reports its rows: `flask --app flask_app run`, or `gunicorn flask_app:app`.

The monitor sends its last rows when the interpreter ends in order, as in gunicorn's workers and on Ctrl-C: nothing
has to be closed. A SIGTERM ends `flask run` at once, and the last second of rows is lost. With
`gunicorn --preload` each worker becomes a source of its own at the fork.
"""

from __future__ import annotations

import os

from flask import Flask, request
from flask.typing import ResponseReturnValue

from driftmeter import Monitor

monitor = Monitor(os.environ.get("DRIFTMETER_URL", "http://localhost:8001"), model="credit")
app = Flask(__name__)


def score(applicant: dict[str, object]) -> float:
    """Return a score: a stand-in for a model."""
    income = applicant.get("income")
    return min(1.0, income / 100_000) if isinstance(income, int | float) else 0.0


@app.post("/predict")
def predict() -> ResponseReturnValue:
    """Score an applicant and report the row."""
    applicant = request.get_json()
    prediction = score(applicant)
    monitor.observe(applicant, prediction=prediction)
    return {"score": prediction}


@app.get("/monitor")
def stats() -> ResponseReturnValue:
    """Return the monitor's counts: rows observed, counted, late and dropped."""
    return monitor.stats()

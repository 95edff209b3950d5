"""A Flask model server that reports what it sees: `flask --app flask_app run`, or `gunicorn flask_app:app`.

Nothing has to be closed where the interpreter ends in order, as it does in gunicorn's workers and on Ctrl-C: that
sends the last rows. A SIGTERM to `flask run` ends it at once, and the last second of rows is lost. With
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
    """Stand in for a model."""
    income = applicant.get("income")
    return min(1.0, income / 100_000) if isinstance(income, int | float) else 0.0


@app.post("/predict")
def predict() -> ResponseReturnValue:
    """Score an applicant, and report what was seen."""
    applicant = request.get_json()
    prediction = score(applicant)
    monitor.observe(applicant, prediction=prediction)
    return {"score": prediction}


@app.get("/monitor")
def stats() -> ResponseReturnValue:
    """Show what became of the rows so far."""
    return monitor.stats()

"""A FastAPI model server that reports its rows: `uvicorn fastapi_app:app`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

from driftmeter import Monitor

monitor = Monitor(os.environ.get("DRIFTMETER_URL", "http://localhost:8001"), model="credit")


class Applicant(BaseModel):
    """The features that the model takes."""

    age: float | None = None
    income: float | None = None
    city: str | None = None


def score(applicant: Applicant) -> float:
    """Return a score: a stand-in for a model."""
    return min(1.0, (applicant.income or 0.0) / 100_000)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Send the last rows when the server shuts down: uvicorn ends by a signal, and then atexit does not run."""
    yield
    await asyncio.to_thread(monitor.close)


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(applicant: Applicant) -> dict[str, float]:
    """Score an applicant and report the row, which takes a microsecond and waits for nothing."""
    prediction = score(applicant)
    monitor.observe(applicant.model_dump(), prediction=prediction)
    return {"score": prediction}

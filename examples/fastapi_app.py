"""A FastAPI model server that reports what it sees: `uvicorn fastapi_app:app`."""

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
    """What the model is asked about."""

    age: float | None = None
    income: float | None = None
    city: str | None = None


def score(applicant: Applicant) -> float:
    """Stand in for a model."""
    return min(1.0, (applicant.income or 0.0) / 100_000)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Send the last rows when the server shuts down: uvicorn ends by a signal, after which atexit does not run."""
    yield
    await asyncio.to_thread(monitor.close)


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(applicant: Applicant) -> dict[str, float]:
    """Score an applicant, and report what was seen: a microsecond, without waiting for anything."""
    prediction = score(applicant)
    monitor.observe(applicant.model_dump(), prediction=prediction)
    return {"score": prediction}

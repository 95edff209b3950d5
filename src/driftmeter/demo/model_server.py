"""A model server that reports its rows to a metric server: `python -m driftmeter.demo.model_server`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, ClassVar, Protocol

import click
import msgspec
import uvicorn
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from driftmeter.demo.data import Row, reference_profile
from driftmeter.demo.predictor import Predictor
from driftmeter.demo.request import parse
from driftmeter.errors import InputError

LATE = 0.5  # a flight of this probability or more is announced as late
MAX_BODY = 2_000_000  # bytes
SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Observer(Protocol):
    """The part of a `driftmeter.Monitor` that the server uses."""

    def observe(self, features: Row, prediction: float | None = None, timestamp: float | None = None) -> object:
        """Count one row. Never blocks and never raises."""
        ...

    def stats(self) -> Mapping[str, int]:
        """Return the monitor's counts since its start, by name."""
        ...

    def close(self) -> object:
        """Send the remaining counts and end."""
        ...


class Metrics:
    """The server's metrics; each app has a registry of its own."""

    def __init__(self, monitor: Observer) -> None:
        """Register the metrics of the server, of its process and of its monitor."""
        self.registry = CollectorRegistry()
        self.predictions = Counter(
            "model_server_predictions", "Rows that were answered with a prediction.", registry=self.registry
        )
        self.rejected = Counter(
            "model_server_rejected_requests",
            "Requests for a prediction that were refused.",
            ["status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "model_server_request_duration_seconds",
            "Time to answer a request for a prediction, whatever the answer.",
            buckets=SECONDS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(MonitorCollector(monitor))


class MonitorCollector(Collector):
    """Exposes a monitor's counts, such as `driftmeter_sdk_rows_observed_total`."""

    COUNTERS: ClassVar = {
        "observed": ("driftmeter_sdk_rows_observed", "Rows that the model server reported."),
        "counted": ("driftmeter_sdk_rows_counted", "Rows that a metric server has acknowledged."),
        "dropped": ("driftmeter_sdk_rows_dropped", "Rows that did not fit, or could not be read."),
        "unreadable_values": ("driftmeter_sdk_values_unreadable", "Values that were none of their feature's kind."),
        "late": ("driftmeter_sdk_rows_late", "Rows that came after their pane was frozen."),
        "requests": ("driftmeter_sdk_requests", "Requests to metric servers."),
        "failures": ("driftmeter_sdk_failures", "Requests to metric servers that failed."),
    }

    def __init__(self, monitor: Observer) -> None:
        """Read the counts of `monitor` at every scrape."""
        self._monitor = monitor

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield a counter for each count."""
        stats = self._monitor.stats()
        for stat, (name, text) in self.COUNTERS.items():
            yield CounterMetricFamily(name, text, value=stats.get(stat, 0))


def create_app(monitor: Observer, predictor: Predictor) -> Starlette:
    """Return the app, which closes the monitor when it shuts down."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(monitor.close)

    metrics = Metrics(monitor)
    categorical = tuple(predictor.categories)
    numeric = tuple(name for name in predictor.features if name not in predictor.categories)

    async def get_prediction(request: Request) -> Response:
        """Tell how probably a flight, or each of a list of them, arrives more than 15 minutes late."""
        started = time.perf_counter()
        try:
            wanted = parse(await _body(request), numeric, categorical)
        except InputError as error:
            metrics.rejected.labels("422").inc()
            return _problem(422, str(error), field=error.field, expected=error.expected, got=error.got)
        except HTTPException as error:
            metrics.rejected.labels(str(error.status_code)).inc()
            raise
        else:
            probabilities = predictor.predict(wanted.rows)
            for row, probability in zip(wanted.rows, probabilities, strict=True):
                monitor.observe(row, prediction=probability)
            metrics.predictions.inc(len(probabilities))
            answers = [{"prediction": value, "late": value >= LATE} for value in probabilities]
            return _json(answers if wanted.listed else answers[0])
        finally:
            metrics.seconds.observe(time.perf_counter() - started)

    async def healthz(request: Request) -> Response:
        """Answer while the server can."""
        return _json({"status": "ok"})

    async def show_metrics(request: Request) -> Response:
        """Show the metrics for Prometheus."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"content-type": media_type})

    routes = [
        Route("/get-prediction", get_prediction, methods=["POST"]),
        Route("/healthz", healthz),
        Route("/metrics", show_metrics),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _http_problem})


async def _body(request: Request) -> bytes:
    """Read the body; raise a 413 as soon as it is longer than MAX_BODY."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"body: expected at most {MAX_BODY} bytes, got more")
    return bytes(body)


def _json(content: object, status: int = 200, media_type: str = "application/json") -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type=media_type)


def _problem(status: int, detail: str, **members: str) -> Response:
    """Return a problem as of RFC 9457, with extension members."""
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    return _json(content, status, "application/problem+json")


async def _http_problem(request: Request, error: Any) -> Response:
    return _problem(error.status_code, str(error.detail))


@click.command()
@click.option("--host", default="127.0.0.1", envvar="DRIFTMETER_MODEL_SERVER_HOST", show_default=True)
@click.option("--port", default=8000, envvar="DRIFTMETER_MODEL_SERVER_PORT", show_default=True)
@click.option(
    "--metric-server",
    default="http://localhost:8001",
    envvar="DRIFTMETER_METRIC_SERVER",
    show_default=True,
    metavar="URL",
    help="Where the monitor sends what it counts.",
)
@click.option("--model", default="flights", envvar="DRIFTMETER_MODEL", show_default=True)
def main(host: str, port: int, metric_server: str, model: str) -> None:
    """Serve predictions for flights and report their features to a metric server."""
    from driftmeter import Monitor

    monitor = Monitor(metric_server, model=model, profile=reference_profile(model))
    app = create_app(monitor, Predictor.load())
    # A gateway keeps idle connections for a minute: if this end closed them earlier, its next request would fail.
    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()

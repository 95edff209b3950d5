from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
import uvicorn

from driftmeter.demo.model_server import create_app
from driftmeter.demo.predictor import Predictor
from tests.demo.recorder import Recorder
from tests.support.scripts import ROOT
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed")


@pytest.fixture
def url(recorder: Recorder, predictor: Predictor) -> Iterator[str]:
    """Where a real server listens."""
    server = uvicorn.Server(uvicorn.Config(create_app(recorder, predictor), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started or not thread.is_alive(), "a server that has started")
    assert server.started
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("drift", ["false", "true"])
def test_locust_asks_for_predictions_and_none_fails(url: str, recorder: Recorder, drift: str) -> None:
    command = [sys.executable, "-m", "locust", "--headless", "--users", "2", "--host", url]
    locust = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DRIFT": drift}, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: len(recorder.observed) >= 20 or locust.poll() is not None, "20 rows of locust", seconds=60)
    finally:
        locust.terminate()
        _, log = locust.communicate(timeout=30)
    assert locust.returncode == 0, log  # locust ends with 1 when a request failed
    assert len(recorder.observed) >= 20, log
    assert all(features["wind_gust"] is None for features, _ in recorder.observed) == (drift == "true")

"""The examples for model servers, each on its real server: what they count is what a monitor would."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import httpx
import numpy as np
import pandas
import pytest

from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.samples import directly
from tests.client.tier import Tier
from tests.doors.programs import APPLICANTS, EXAMPLES, SCORED, SCORES, running
from tests.support.ports import free_port
from tests.support.scripts import ROOT
from tests.support.waiting import eventually

RNG = np.random.default_rng(0)


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed: make test-doors")


@pytest.fixture(scope="module")
def credit() -> Profile:
    frame = pandas.DataFrame({"income": RNG.lognormal(10, 1, 300), "city": RNG.choice(["Ulm", "Köln"], 300)})
    return Profile.fit(frame.assign(score=RNG.random(300)), model="credit", prediction="score")


@pytest.fixture
def scores(credit: Profile) -> Iterator[Tier]:
    """A metric server that has the profile."""
    tier = Tier(Timing(60_000, 60_000))
    tier.register(credit)
    yield tier
    tier.stop()


def counted(tier: Tier, profile: Profile, times: int = 1) -> None:
    """Wait for the rows, and compare the counts with those of the rows themselves."""
    eventually(lambda: tier.summary(profile).rows >= times * len(SCORED), "all rows", seconds=20)
    assert tier.summary(profile) == directly(profile, SCORED * times)


@needs("bentoml")
def test_bentoml_counts_what_a_service_logs(scores: Tier, credit: Profile, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", "bentoml_service:Credit", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with running(
        [*command, "--working-dir", str(EXAMPLES)],
        scores.url,
        f"{url}/readyz",
        tmp_path,
        BENTOML_HOME=str(tmp_path),
        BENTOML_DO_NOT_TRACK="True",
    ):
        assert httpx.post(f"{url}/predict", json={"applicants": APPLICANTS[:20]}, timeout=30).json() == SCORES[:20]
        # its rows are sent when the service ends, if not before
        assert httpx.post(f"{url}/predict", json={"applicants": APPLICANTS[20:]}, timeout=30).json() == SCORES[20:]
    counted(scores, credit)


@needs("litserve")
def test_litserve_counts_by_the_middleware(scores: Tier, credit: Profile, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(EXAMPLES / "litserve_app.py")]
    with running(command, scores.url, f"{url}/health", tmp_path, PORT=str(port)):
        answers = [httpx.post(f"{url}/predict", json=row, timeout=30).json() for row in APPLICANTS]
        assert answers == [{"score": score} for score in SCORES]
        counted(scores, credit)


@needs("kserve")
def test_kserve_counts_both_protocols_by_the_middleware(scores: Tier, credit: Profile, tmp_path: Path) -> None:
    port, grpc = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(EXAMPLES / "kserve_model.py"), "--http_port", str(port), "--grpc_port", str(grpc)]
    columns = {"income": ("FP64", [row["income"] for row in APPLICANTS])}
    columns["city"] = ("BYTES", [row["city"] for row in APPLICANTS])
    inputs = [
        {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}
        for name, (datatype, values) in columns.items()
    ]
    with running(command, scores.url, f"{url}/v2/health/ready", tmp_path):
        answer = httpx.post(f"{url}/v1/models/credit:predict", json={"instances": APPLICANTS}, timeout=30)
        assert answer.json() == {"predictions": SCORES}
        answer = httpx.post(f"{url}/v2/models/credit/infer", json={"inputs": inputs}, timeout=30)
        assert answer.is_success, answer.text + (tmp_path / "server.log").read_text()[-3000:]
        assert answer.json()["outputs"][0]["data"] == SCORES
        counted(scores, credit, times=2)


@needs("ray")
def test_ray_serve_counts_in_each_replica(scores: Tier, credit: Profile, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    code = (
        "import signal, threading, ray; from ray import serve; import ray_serve_app;"
        "ray.init(num_cpus=2, include_dashboard=False, logging_level='ERROR', "
        f"_temp_dir='/tmp/ray-{port}');"
        f"serve.start(http_options={{'host': '127.0.0.1', 'port': {port}}}); serve.run(ray_serve_app.app);"
        "signal.signal(signal.SIGTERM, lambda *_: (serve.shutdown(), ray.shutdown(), exit(0)));"
        "threading.Event().wait()"
    )
    with running(
        [sys.executable, "-c", code],
        scores.url,
        f"{url}/-/healthz",
        tmp_path,
        RAY_USAGE_STATS_ENABLED="0",
        RAY_DISABLE_IMPORT_WARNING="1",
    ):
        assert eventually(lambda: post_until_there(f"{url}/predict"), "the deployment", seconds=60) == SCORES
        counted(scores, credit)


def post_until_there(url: str) -> list[float] | None:
    answer = httpx.post(url, json=APPLICANTS, timeout=60)
    return answer.json() if answer.is_success else None


@needs("litestar")
@pytest.mark.filterwarnings("ignore")
def test_litestar_counts_by_the_middleware(scores: Tier, credit: Profile) -> None:
    from typing import Any

    from litestar import Litestar, post
    from litestar.middleware import DefineMiddleware

    from driftmeter.client import Monitor
    from driftmeter.integrations.asgi import DriftMiddleware
    from tests.integrations.serving import on_uvicorn

    @post("/predict", sync_to_thread=False, status_code=200, signature_namespace={"Any": Any})  # type: ignore[untyped-decorator]
    def predict(data: list[dict[str, Any]]) -> list[float]:
        return [min(1.0, row["income"] / 100_000) for row in data]

    monitor = Monitor(scores.url, "credit", credit, interval=0.05)
    watched = DefineMiddleware(DriftMiddleware, monitor=monitor, routes=["/predict"])
    with monitor, on_uvicorn(Litestar([predict], middleware=[watched])) as url:
        assert httpx.post(f"{url}/predict", json=APPLICANTS).json() == SCORES
        counted(scores, credit)


@needs("django")
@pytest.mark.filterwarnings("ignore")
def test_django_counts_by_the_middleware(scores: Tier, credit: Profile) -> None:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    from driftmeter.client import Monitor
    from driftmeter.integrations.wsgi import WsgiDriftMiddleware
    from tests.integrations.serving import on_waitress

    def predict(request: HttpRequest, name: str) -> JsonResponse:
        rows = json.loads(request.body)["instances"]
        return JsonResponse({"predictions": [min(1.0, row["income"] / 100_000) for row in rows]})

    urls = ModuleType("urls_of_this_test")
    urls.__dict__["urlpatterns"] = [path("models/<str:name>/predict", predict)]
    sys.modules[urls.__name__] = urls
    settings.configure(ROOT_URLCONF=urls.__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of no use", MIDDLEWARE=[])
    django.setup()
    monitor = Monitor(scores.url, "credit", credit, interval=0.05)
    app = WsgiDriftMiddleware(WSGIHandler(), monitor=monitor, routes={"/models/{name}/predict": "$.instances[*]"})
    with monitor, on_waitress(app) as url:
        answer = httpx.post(f"{url}/models/credit/predict", json={"instances": APPLICANTS})
        assert answer.json() == {"predictions": SCORES}
        counted(scores, credit)


def test_every_example_of_a_server_is_in_the_readme_and_has_a_test() -> None:
    readme = (ROOT / "examples" / "README.md").read_text()
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for path in EXAMPLES.glob("*.py"):
        assert f"(servers/{path.name})" in readme
        assert path.stem in tests

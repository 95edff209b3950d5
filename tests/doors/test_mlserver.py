"""MLServer with the example's runtime: REST, and its pandas codec."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx
import numpy as np
import pandas
import pytest

from driftmeter.panes.timing import Timing
from driftmeter.profile.profile import Profile
from tests.client.samples import directly
from tests.client.tier import Tier
from tests.doors.programs import APPLICANTS, SCORED, SCORES, running
from tests.support.ports import free_port
from tests.support.waiting import eventually

pytest.importorskip("mlserver", reason="mlserver is not installed: make test-doors")


def test_mlserver_counts_in_its_runtime(tmp_path: Path) -> None:
    # the example is mlserver_runtime.py
    from mlserver.codecs import PandasCodec

    rng = np.random.default_rng(0)
    frame = pandas.DataFrame({"income": rng.lognormal(10, 1, 300), "city": rng.choice(["Ulm", "Köln"], 300)})
    profile = Profile.fit(frame.assign(score=rng.random(300)), model="credit", prediction="score")
    tier = Tier(Timing(60_000, 60_000))
    tier.register(profile)
    settings = {
        "name": "applicants",
        "implementation": "mlserver_runtime.Credit",
        "parameters": {"extra": {"driftmeter": {"model": "credit", "interval": 0.1}}},
    }
    (tmp_path / "model-settings.json").write_text(json.dumps(settings))
    ports = {f"MLSERVER_{name}_PORT": str(free_port()) for name in ("HTTP", "GRPC", "METRICS")}
    url = f"http://127.0.0.1:{ports['MLSERVER_HTTP_PORT']}"
    command = [str(Path(sys.executable).parent / "mlserver"), "start", str(tmp_path)]
    codec = PandasCodec.encode_request(pandas.DataFrame(APPLICANTS).astype({"city": object}), use_bytes=False)
    try:
        with running(
            command, tier.url, f"{url}/v2/models/applicants/ready", tmp_path, MLSERVER_PARALLEL_WORKERS="1", **ports
        ):
            answer = httpx.post(f"{url}/v2/models/applicants/infer", json=codec.model_dump(), timeout=30)
            assert answer.json()["outputs"][0]["data"] == SCORES
            eventually(lambda: tier.summary(profile).rows == len(SCORED), "all rows")
        assert tier.summary(profile) == directly(profile, SCORED)
    finally:
        tier.stop()

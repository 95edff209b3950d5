from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from driftmeter.counts.binning import Binner
from driftmeter.counts.rows import Reader
from driftmeter.counts.summary import Summary
from driftmeter.profile.profile import Profile
from tests.client.tier import Tier
from tests.support.scripts import ROOT

EXAMPLES = ROOT / "examples"
Load = Callable[[str], ModuleType]
APPLICANTS: list[dict[str, Any]] = [
    {"age": 31, "income": 40_000.0, "city": "Ulm"},
    {"age": None, "income": 90_000.0, "city": "Rom"},
    {"age": 54, "income": 250_000.0, "city": "Bonn"},
]
SCORES = [0.4, 0.9, 1.0]


def run_batch_loop(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / "batch_loop.py"), *arguments],
        env={"DRIFTMETER_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def expected(profile: Profile) -> Summary:
    rows = [{**row, "score": score} for row, score in zip(APPLICANTS, SCORES, strict=True)]
    return Binner(profile).observe(Reader(profile).read_records(rows)[0])


def test_the_fastapi_app_reports_what_it_predicts_on(
    example: Load, tier: Tier, profile: Profile, expected: Summary
) -> None:
    app = example("fastapi_app").app

    async def ask() -> list[float]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://app") as client,
        ):
            return [(await client.post("/predict", json=row)).json()["score"] for row in APPLICANTS]

    assert asyncio.run(ask()) == SCORES
    assert tier.summary(profile) == expected


def test_the_flask_app_reports_what_it_predicts_on(
    example: Load, tier: Tier, profile: Profile, expected: Summary
) -> None:
    pytest.importorskip("flask", reason="flask is not installed")
    module = example("flask_app")
    client = module.app.test_client()
    assert [client.post("/predict", json=row).json["score"] for row in APPLICANTS] == SCORES
    assert client.get("/monitor").json["observed"] == 3
    assert module.monitor.flush()
    assert tier.summary(profile) == expected


def test_the_batch_loop_reports_every_row_at_its_own_time(
    tier: Tier, profile: Profile, tmp_path: Path, expected: Summary
) -> None:
    now = time.time()
    lines = [{**row, "at": now - 20 * number} for number, row in enumerate(APPLICANTS)]
    path = tmp_path / "applicants.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run_batch_loop(tier.url, str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 rows counted, 0 of them late, 0 dropped\n", "")
    assert tier.summary(profile) == expected
    # a slow start may add an empty pane of the current time
    assert [summary.rows for summary in tier.by_start(profile).values() if summary.rows] == [1, 1, 1]


def test_the_batch_loop_loses_nothing_of_a_long_file(
    example: Load, tier: Tier, profile: Profile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "applicants.jsonl"
    path.write_text((json.dumps(APPLICANTS[0]) + "\n") * 30_000)
    assert example("batch_loop").main(str(path), tier.url) == 0
    assert tier.summary(profile).rows == 30_000
    assert "30000 rows counted" in capsys.readouterr().out


def test_every_example_is_in_the_readme_and_has_a_test_here() -> None:
    readme, tests = (EXAMPLES / "README.md").read_text(), Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f"({path.name})" in readme
        assert path.stem in tests


@pytest.mark.parametrize("arguments", [(), ("nowhere.jsonl",)])
def test_the_batch_loop_says_how_it_is_called(tier: Tier, arguments: tuple[str, ...]) -> None:
    done = run_batch_loop(tier.url, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python batch_loop.py")
    assert done.stderr.count("\n") == 1


def test_the_batch_loop_gives_up_and_says_what_was_lost(tier: Tier, tmp_path: Path) -> None:
    path = tmp_path / "applicants.jsonl"
    path.write_text((json.dumps(APPLICANTS[0]) + "\n") * 5_000)
    tier.stop()
    done = run_batch_loop(tier.url, str(path))
    assert (done.returncode, done.stdout) == (1, "0 rows counted, 0 of them late, 5000 dropped\n")
    assert done.stderr.count("does not answer") == 1

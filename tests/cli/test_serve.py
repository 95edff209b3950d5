from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import urllib3
from click.testing import CliRunner

from driftmeter.cli.app import app
from driftmeter.demo import http, stack
from driftmeter.panes.timing import Timing
from driftmeter.panes.windows import WindowSetting
from driftmeter.profile.profile import Profile
from driftmeter.server.options import Settings
from driftmeter.settings.model import FeatureSettings, ModelSettings
from tests.support import orders
from tests.support.ports import free_port
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profile") / "profile.json"
    Profile.fit(pa.Table.from_pylist(orders.orders(300, seed=1)), model="shop").dump(path)
    return path


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which a server would have been run."""
    settings: list[Settings] = []
    monkeypatch.setattr("driftmeter.server.run.serve", settings.append)
    monkeypatch.setattr("driftmeter.cli.serve._check_address", lambda host, port: None)
    return settings


@pytest.fixture
def profiles(profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two profiles in the current directory: a.json and b.json."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.json", "b.json"):
        shutil.copy(profile, tmp_path / name)


def run(*arguments: str, **variables: str) -> Any:
    return CliRunner().invoke(app, list(arguments), env=variables)


def test_without_options_it_listens_on_this_host_and_keeps_a_file(served: list[Settings]) -> None:
    assert run("serve").exit_code == 0
    assert served == [Settings(host="127.0.0.1", port=8001, store="sqlite:///driftmeter.sqlite")]


def test_a_store_in_redis_is_named_without_its_password(served: list[Settings]) -> None:
    result = run("serve", "--store", "redis://me:secret@redis:6379/0?replicas=1")
    assert result.exit_code == 0
    assert "store redis://redis:6379/0\n" in result.stderr
    assert "secret" not in result.output
    assert served[0].store == "redis://me:secret@redis:6379/0?replicas=1"
    assert "secret" not in repr(served[0])


@pytest.mark.usefixtures("profiles")
def test_options_become_settings(served: list[Settings]) -> None:
    arguments = "--profile a.json --profile b.json --store memory:// --host 0.0.0.0 --port 0 --pane 2s --lateness 500ms"
    assert run("serve", *arguments.split(), "--window", "1h", "--window-rows", "0").exit_code == 0
    (settings,) = served
    assert settings.profiles == (Path("a.json"), Path("b.json"))
    assert (settings.store, settings.host, settings.port) == ("memory://", "0.0.0.0", 0)
    assert settings.timing == Timing(2_000, 500)
    assert settings.model == ModelSettings(window=WindowSetting(3_600_000, 0))


@pytest.mark.usefixtures("profiles")
def test_variables_stand_in_for_options_and_options_win(served: list[Settings]) -> None:
    variables = {
        "DRIFTMETER_PROFILE": f"a.json{os.pathsep}b.json",
        "DRIFTMETER_STORE": "memory://",
        "DRIFTMETER_HOST": "::1",
        "DRIFTMETER_PORT": "9001",
        "DRIFTMETER_PANE": "1m",
        "DRIFTMETER_LATENESS": "2m",
        "DRIFTMETER_WINDOW": "3m",
        "DRIFTMETER_WINDOW_ROWS": "7",
        "DRIFTMETER_LOG_LEVEL": "warning",
    }
    assert run("serve", "--port", "9002", **variables).exit_code == 0
    (settings,) = served
    assert settings.profiles == (Path("a.json"), Path("b.json"))
    assert (settings.store, settings.host, settings.port) == ("memory://", "::1", 9002)
    assert settings.timing == Timing(60_000, 120_000)
    assert settings.model == ModelSettings(window=WindowSetting(180_000, 7))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Settings of all models and of `shop`."""
    path = tmp_path / "drift.toml"
    path.write_text("""
        ["*"]
        tolerance = 0.5
        window = "1h"
        window_rows = 7
        [shop]
        window_rows = 8
        [shop.features.city]
        pages = false
        """)
    return path


def test_a_file_says_what_counts_as_drift_for_all_models_and_for_one(served: list[Settings], file: Path) -> None:
    assert run("serve", "--settings", str(file)).exit_code == 0
    assert run("serve", DRIFTMETER_SETTINGS=str(file)).exit_code == 0
    settings, same = served
    assert settings == same
    assert settings.model == ModelSettings(tolerance=0.5, window=WindowSetting(3_600_000, 7))
    assert settings.models == {
        "shop": ModelSettings(
            tolerance=0.5, window=WindowSetting(3_600_000, 8), features={"city": FeatureSettings(pages=False)}
        )
    }


def test_the_windows_options_go_before_what_a_file_says_of_all_models(served: list[Settings], file: Path) -> None:
    assert run("serve", "--settings", str(file), "--window", "2m", "--window-rows", "9").exit_code == 0
    (settings,) = served
    assert settings.model.window == WindowSetting(120_000, 9)
    assert settings.models["shop"].window == WindowSetting(120_000, 8)


def test_a_file_of_settings_that_cannot_be_is_said(file: Path) -> None:
    file.write_text('[shop]\nbudgt = "1d"')
    result = run("serve", "--settings", str(file))
    assert result.exit_code == 2
    assert result.stderr.startswith("driftmeter: shop.budgt: expected one of budget, ")
    assert result.stderr.endswith("got 'budgt' (did you mean 'budget'?)\n")
    assert "nothing.toml: No such file" in run("serve", "--settings", "nothing.toml").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pane", "10"], "expected a number with ms, s, m, h or d"),
        (["--pane", "10ms"], "pane: expected 0.1 s to 1 day"),
        (["--port", "99999"], "99999 is not in the range"),
        (["--store", "mysql://x"], "store: expected memory://, sqlite:///PATH or redis://"),
        (["--store", "memory://", "--profile", "nothing.json"], "nothing.json: No such file or directory"),
        (["--store", "sqlite:////nodir/x.db"], "store: expected a directory that is there, for /nodir/x.db"),
        (["--host", "192.0.2.1"], "host: expected an address of this machine, got '192.0.2.1'"),
        (["--window", "0s", "--window-rows", "0"], "window: expected a length or a number of rows above 0"),
    ],
)
def test_what_cannot_be_served_is_said(arguments: list[str], message: str) -> None:
    result = run("serve", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1  # it is not said to start before that


@pytest.fixture
def port() -> Iterator[int]:
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_port_that_is_taken_is_an_error(port: int) -> None:
    command = [sys.executable, "-m", "driftmeter", "serve", "--store", "memory://", "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == f"driftmeter: port {port} is taken; choose another with --port\n"


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM to end in order on Windows")
def test_it_serves_what_it_was_given_until_it_is_told_to_stop(profile: Path, tmp_path: Path) -> None:
    free = free_port()
    command = [sys.executable, "-m", "driftmeter", "serve", "--profile", str(profile), "--port", str(free)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        answer = wait_for(f"http://127.0.0.1:{free}/v1/models/shop/profile", process)
        assert answer.data.strip() == profile.read_bytes().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "driftmeter.sqlite").exists()
    assert "Traceback" not in (tmp_path / "log").read_text()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> urllib3.BaseHTTPResponse:
    def answer() -> urllib3.BaseHTTPResponse | None:
        assert process.poll() is None
        return http.get(url)

    response = eventually(answer, f"an answer of {url}", seconds=60)
    assert response is not None
    return response


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], stack.Options()),
        (["--drift", "true"], stack.Options(drift=True)),
        (["--drift", "false", "--for", "60", "--json"], stack.Options(seconds=60.0, as_json=True)),
    ],
)
def test_the_demo_runs_as_it_is_told_and_its_exit_code_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], options: stack.Options
) -> None:
    seen: list[stack.Options] = []

    def fake(options: stack.Options) -> int:
        seen.append(options)
        return 2

    monkeypatch.setattr(stack, "run", fake)
    assert run("demo", *arguments).exit_code == 2
    assert seen == [options]


def test_a_demo_of_no_time_or_half_a_drift_is_refused() -> None:
    assert run("demo", "--for", "0").exit_code == 2
    assert run("demo", "--drift", "perhaps").exit_code == 2

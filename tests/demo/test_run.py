"""run.py, and what the demo says of ports; that the demo runs is in tests/e2e."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

import click
import pytest
from rich.console import Console

from driftmeter.demo import stack, traffic
from tests.support.ports import free_port
from tests.support.scripts import ROOT, load


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load(ROOT / "run.py")


@pytest.fixture
def starting() -> Iterator[str]:
    """A gateway whose model servers are up from the third request on."""
    statuses = [502, 502]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop() if statuses else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_gateway_whose_servers_are_starting_is_waited_for(script: ModuleType, starting: str) -> None:
    with pytest.raises(click.ClickException, match="has answered 502 for 0 s"):
        script._answers(starting, patience=0)
    assert script._answers(starting, patience=20)


def test_nobody_there_is_no_answer(script: ModuleType) -> None:
    assert not script._answers(f"http://127.0.0.1:{free_port()}")


def test_into_a_log_a_line_goes_every_ten_seconds(
    script: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = script._Counter()
    assert not counter.live
    for second in range(1, 26):
        counter(traffic.TrafficProgress(elapsed=float(second), sent=100 * second))
    assert capsys.readouterr().out.splitlines() == [
        "    10 s  1,000 rows sent, 0 failed",
        "    20 s  2,000 rows sent, 0 failed",
    ]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    counter = script._Counter()
    counter(traffic.TrafficProgress(elapsed=1.0, sent=7))
    assert capsys.readouterr().out == "\r     1 s  7 rows sent, 0 failed"


def test_a_port_that_is_taken_is_named_with_the_one_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        free = stack._port(wanted, Console())
    assert capsys.readouterr().out == f"port {wanted} is taken, using {free}\n"
    assert stack._port(free, Console()) == free
    assert capsys.readouterr().out == ""

from __future__ import annotations

import gzip
import socket
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from driftmeter.client import Monitor
from driftmeter.client.transport import AwayError, Http
from driftmeter.errors import InputError
from driftmeter.profile.profile import Profile
from tests.client.samples import ROW
from tests.client.tier import Tier
from tests.support.ports import free_port
from tests.support.waiting import eventually

Make = Callable[..., Monitor]


def test_headers_go_with_every_request(tier: Tier, profile: Profile, monitor_of: Make) -> None:
    monitor = monitor_of(profile, headers={"Authorization": "Bearer k"})
    monitor.observe(ROW)
    assert monitor.flush()
    assert {headers.get("Authorization") for headers in tier.headers} == {"Bearer k"}


def test_proxies_of_the_environment_are_not_for_the_tier(
    tier: Tier, profile: Profile, monitor_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monitor = monitor_of(profile)
    monitor.observe(ROW)
    assert monitor.flush()


def test_a_server_that_is_not_there_is_said_in_plain_words(
    profile: Profile, monitor_of: Make, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monitor_of(profile, url=url).observe(ROW)
    eventually(lambda: bool(caplog.records), "a warning")
    expected = f"model 'm': no report gets through, trying on: cannot reach {url}: connection refused"
    assert caplog.records[0].getMessage() == expected


def test_every_way_of_not_answering_has_its_words(silence: str) -> None:
    def message_of(url: str) -> str:
        with pytest.raises(AwayError) as caught:
            Http(url, None)("GET", "/", None, "", 0.2)
        return str(caught.value)

    assert message_of(silence) == f"cannot reach {silence}: no answer in time"
    assert message_of("http://nowhere.invalid") == "cannot reach http://nowhere.invalid: unknown host"
    assert "<" not in message_of(silence.replace("http:", "https:"))


class OneAnswer(socketserver.ThreadingTCPServer):
    """A server that gives one answer to each connection and then closes it, without having said so."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, answer: bytes, *, reads: bool = True) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = [line := self.rfile.readline()]
                while line.strip():
                    head.append(line := self.rfile.readline())
                length = next((int(line[15:]) for line in head if line.lower().startswith(b"content-length:")), 0)
                if reads:
                    self.rfile.read(length)
                paths.append(head[0].split()[1].decode())
                self.wfile.write(answer)

        self.paths = paths = list[str]()
        self.closed = 0
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed += 1


Serve = Callable[..., OneAnswer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = list[OneAnswer]()

    def start(body: bytes, *headers: str, status: str = "200 OK", reads: bool = True) -> OneAnswer:
        head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""))
        servers.append(OneAnswer(head.encode() + body, reads=reads))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_connection_that_was_closed_while_idle_is_replaced_without_a_failure(serve: Serve) -> None:
    server = serve(b"{}")
    http = Http(server.url, None)
    for path in ("/a", "/b", "/c"):
        assert http("PUT", path, b"body", "text/plain", 2.0).body == b"{}"
        eventually(lambda: server.closed == len(server.paths), "the end of the connection")
    assert server.paths == ["/a", "/b", "/c"]


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", _raw_deflate)],
    ids=["gzip", "deflate", "deflate without a head"],
)
def test_a_body_that_a_gateway_has_compressed_is_read(
    serve: Serve, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    server = serve(pack(b'{"a": 1}'), f"Content-Encoding: {encoding}")
    assert Http(server.url, None)("GET", "/", None, "", 2.0).json() == {"a": 1}


def test_a_body_that_cannot_be_unpacked_is_said_in_plain_words(serve: Serve) -> None:
    server = serve(b"no gzip", "Content-Encoding: gzip")
    with pytest.raises(AwayError, match="the answer cannot be unpacked"):
        Http(server.url, None)("GET", "/", None, "", 2.0)


def test_a_server_may_refuse_a_body_before_it_has_read_it(serve: Serve) -> None:
    server = serve(b"", status="413 Content Too Large", reads=False)
    http = Http(server.url, None)
    assert http("PUT", "/", b"\0", "text/plain", 2.0).status == 413


def test_the_path_of_the_address_comes_first_and_a_name_in_brackets_is_an_address(serve: Serve) -> None:
    server = serve(b"")
    assert Http(f"{server.url}/behind a/gateway%20/", None)("GET", "/v1", None, "", 2.0).ok
    assert server.paths == ["/behind%20a/gateway%20/v1"]
    with pytest.raises(AwayError, match=r"cannot reach http://\[::1\]:\d+: "):
        Http(f"http://[::1]:{free_port()}", None)("GET", "/", None, "", 2.0)


def test_a_server_without_tls_is_said_in_plain_words() -> None:
    def greet(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"220 no TLS here\r\n")
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        greeter = threading.Thread(target=greet, args=(server,))
        greeter.start()
        with pytest.raises(AwayError, match="no secure connection"):
            Http(f"https://127.0.0.1:{server.getsockname()[1]}", None)("GET", "/", None, "", 2.0)
        greeter.join()


@pytest.mark.parametrize("url", ["http://host:99999", "http://host:port"])
def test_a_port_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(InputError, match="a port from 0 to 65535"):
        Http(url, None)

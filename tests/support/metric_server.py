"""A metric server in a thread on a free port of this host, for tests over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from driftmeter.engine.engine import Engine
from driftmeter.server.options import Settings
from driftmeter.server.run import make_server
from tests.support.waiting import eventually


@contextmanager
def metric_server(engine: Engine) -> Iterator[str]:
    """Serve an engine in a thread, and yield the address."""
    server = make_server(engine, Settings(port=0, drain=1.0))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started or not thread.is_alive(), "the server starts")
    assert thread.is_alive(), "the server ended at once"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()

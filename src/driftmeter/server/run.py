"""Run a metric server: open the store, register the profiles, serve, and leave in order."""

from __future__ import annotations

import gc
import signal
import socket
import sys
import threading
from importlib.util import find_spec
from types import FrameType

import uvicorn

from driftmeter.monitor import DriftMonitor
from driftmeter.profile import Profile
from driftmeter.server.app import create_app
from driftmeter.server.configure import configure_known
from driftmeter.server.context import Context
from driftmeter.server.settings import Settings
from driftmeter.store import open_store

_KEEP_ALIVE = 75
"""Seconds an idle connection stays: longer than a gateway keeps it, so that the gateway closes first."""


class Server(uvicorn.Server):
    """A uvicorn server that tells event streams to end before it waits for requests to finish."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        """Serve the application of `context`."""
        super().__init__(config)
        self._context = context

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the requests that are under way."""
        self._context.evaluator.end_streams()
        await super().shutdown(sockets)


def make_server(monitor: DriftMonitor, settings: Settings) -> Server:
    """Return a server, not yet running, for a monitor whose store stays the caller's to close."""
    app = create_app(monitor, settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop" if find_spec("uvloop") else "asyncio",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(settings.drain)),
    )
    return Server(config, app.state.context)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then finish requests, settle writes, close the store.

    Raises ProfileFormatError and OSError on the profiles, InputError on settings of features that these do not
    have, StoreError on the store, before anything is served.
    """
    store = open_store(settings.store)
    try:
        monitor = DriftMonitor(store, timing=settings.timing, settings=settings.model)
        for path in settings.profiles:
            monitor.introduce(Profile.load(path))
        configure_known(monitor, settings.models)
        server = make_server(monitor, settings)
        if threading.current_thread() is threading.main_thread():
            # uvicorn raises the signal again when all is done: that must not cut short the closing
            signal.signal(signal.SIGTERM, _leave)
        # a batch of rows is thousands of objects: not each is a reason to go through all that was there before
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 10, 10)
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        store.close()


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)

"""Run a metric server: open the store, register the profiles, serve, and shut down in order."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
import threading
import time
from importlib.util import find_spec
from types import FrameType

import uvicorn

from driftmeter.engine.engine import Engine
from driftmeter.errors import StoreUnavailableError
from driftmeter.profile.profile import Profile
from driftmeter.server.app import create_app
from driftmeter.server.configure import configure_known
from driftmeter.server.context import Context
from driftmeter.server.options import Settings
from driftmeter.store import Store, is_remote, open_store

_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: longer than gateways keep it, so that the gateway closes it first."""

_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """A uvicorn server that ends event streams before it waits for requests to finish."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        """Serve the application of `context`."""
        super().__init__(config)
        self._context = context

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, and finish the requests that are under way."""
        self._context.evaluator.end_streams()
        await super().shutdown(sockets)


def make_server(engine: Engine, settings: Settings) -> Server:
    """Return a server, not yet running, for an engine; the caller closes the engine's store."""
    app = create_app(engine, settings)
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
    """Serve until SIGTERM or SIGINT; then finish requests, commit waiting writes, and close the store.

    Before it serves, raises ProfileFormatError and OSError on the profiles, InputError on settings of features that
    these do not have, and StoreError on the store.
    """
    profiles = [Profile.load(path) for path in settings.profiles]
    store = open_when_there(settings.store, settings.patience)
    try:
        engine = Engine(store, timing=settings.timing, settings=settings.model)
        for profile in profiles:
            engine.register_unless_replaced(profile)
        configure_known(engine, settings.models)
        server = make_server(engine, settings)
        if threading.current_thread() is threading.main_thread():
            # uvicorn raises the signal again when it is done: that must not keep the store from closing
            signal.signal(signal.SIGTERM, _leave)
        # a batch of rows makes thousands of objects: collecting after each few hundred would cost more than reading it
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 10, 10)
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        store.close()


def open_when_there(url: str, patience: float, pause: float = 0.5) -> Store:
    """Open a store that can be written, trying again for `patience` seconds if it is remote.

    Servers and their store are often started together; a file needs no waiting, since it is there or is not. Raises
    StoreUnavailableError when the time is over, and StoreError at once on anything else.
    """
    deadline = time.monotonic() + (patience if is_remote(url) else 0.0)
    logged = False
    while True:
        try:
            return _writable(url)
        except StoreUnavailableError as error:
            if time.monotonic() >= deadline:
                raise
            if not logged:
                _log.warning("waiting up to %g s for the store: %s", patience, error)
            logged = True
        time.sleep(pause)


def _writable(url: str) -> Store:
    store = open_store(url)
    try:
        store.ping()
    except BaseException:
        store.close()
        raise
    return store


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)

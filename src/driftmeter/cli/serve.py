"""`driftmeter serve`: run a metric server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from driftmeter.cli.params import DURATION

if TYPE_CHECKING:
    from driftmeter.settings.model import ModelSettings

LEVELS = ("debug", "info", "warning", "error")


@click.command(short_help="Run a metric server.")
@click.option("--profile", "profiles", type=click.Path(), multiple=True, envvar="DRIFTMETER_PROFILE", show_envvar=True,
              metavar="FILE", help="Register this profile at the start. Repeatable; models are kept in the store.",
              )  # fmt: skip
@click.option("--store", default="sqlite:///driftmeter.sqlite", show_default=True, envvar="DRIFTMETER_STORE",
              show_envvar=True, metavar="URL", help="memory://, sqlite:///PATH (four slashes for an absolute one) or "
              "redis://HOST:PORT/0, with TLS rediss://: see docs/scaling.md. With a password: better in the variable.",
              )  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, envvar="DRIFTMETER_HOST", show_envvar=True,
              metavar="HOST", help="Address to listen at; 0.0.0.0 for all.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65_535), default=8001, show_default=True, envvar="DRIFTMETER_PORT",
              show_envvar=True, metavar="PORT", help="Port to listen at.")  # fmt: skip
@click.option("--pane", type=DURATION, default="10s", show_default=True, envvar="DRIFTMETER_PANE", show_envvar=True,
              help="Slice of event time: how often there is a verdict.")  # fmt: skip
@click.option("--lateness", type=DURATION, default="10s", show_default=True, envvar="DRIFTMETER_LATENESS",
              show_envvar=True, help="How long a pane waits for rows that come late.")  # fmt: skip
@click.option("--settings", "path", type=click.Path(), envvar="DRIFTMETER_SETTINGS", show_envvar=True, metavar="FILE",
              help='What counts as drift: TOML with a table for each model, and ["*"] for all.')  # fmt: skip
@click.option("--window", type=DURATION, show_default="5m", envvar="DRIFTMETER_WINDOW", show_envvar=True,
              help="The window that judges reaches back so far …")  # fmt: skip
@click.option("--window-rows", type=click.IntRange(0), show_default="1000",
              envvar="DRIFTMETER_WINDOW_ROWS", show_envvar=True, metavar="N",
              help="… and further, until it holds so many rows.")  # fmt: skip
@click.option("--notify", "urls", multiple=True, envvar="DRIFTMETER_NOTIFY", show_envvar=True, metavar="URL",
              help="Tell people (an apprise URL) or programs (events+https://…) of incidents. Repeatable; in the "
              "variable, spaces between.")  # fmt: skip
@click.option("--url", envvar="DRIFTMETER_PUBLIC_URL", show_envvar=True, metavar="URL",
              help="Where people reach this server: for the links in notices.")  # fmt: skip
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True,
              envvar="DRIFTMETER_LOG_LEVEL", show_envvar=True, help="What to log to stderr.")  # fmt: skip
def serve(
    profiles: Sequence[str],
    store: str,
    host: str,
    port: int,
    pane: int,
    lateness: int,
    path: str | None,
    window: int | None,
    window_rows: int | None,
    urls: Sequence[str],
    url: str | None,
    log_level: str,
) -> None:
    """Run a metric server until it is told to stop.

    Servers on one host may share a SQLite store, those of many hosts one in Redis: any of them takes any request.

    \b
    driftmeter serve --profile profile.json --settings drift.toml
    driftmeter serve --store sqlite:////var/lib/driftmeter/store.sqlite --host 0.0.0.0 --pane 2s --lateness 2s
    driftmeter serve --store redis://redis:6379/0 --host 0.0.0.0
    """
    from pathlib import Path

    from driftmeter.panes.timing import Timing
    from driftmeter.profile.profile import Profile
    from driftmeter.server.logs import log_to_stderr
    from driftmeter.server.options import Settings
    from driftmeter.server.run import serve as run
    from driftmeter.settings.model import ModelSettings
    from driftmeter.settings.toml import SettingsFile

    log_to_stderr(log_level)
    address = _check_store(store)
    if urls:
        from driftmeter.notify import destinations

        destinations(urls)  # refuses a wrong URL before anything is started
    for file in profiles:
        Profile.load(file)  # refuses a wrong file before anything is started
    tables = SettingsFile() if path is None else SettingsFile.load(path)
    model = _with_window(tables.default(ModelSettings()), window, window_rows)
    settings = Settings(
        host=host,
        port=port,
        store=store,
        profiles=tuple(map(Path, profiles)),
        timing=Timing(pane, lateness),
        model=model,
        models=tables.models(model),
        notify=tuple(urls),
        url=url,
    )
    _check_address(host, port)
    url_text = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    click.echo(
        f"driftmeter: starting a metric server at {url_text}, its documentation at /docs, store {address}", err=True
    )
    try:
        run(settings)
    except SystemExit as error:
        # uvicorn exits so if it cannot start; it has logged why
        raise SystemExit(2 if error.code else 0) from error


def _with_window(settings: ModelSettings, length: int | None, rows: int | None) -> ModelSettings:
    """Return settings whose window is that of the options, if they are given."""
    from dataclasses import replace

    from driftmeter.panes.windows import WindowSetting

    before = settings.window
    window = WindowSetting(before.length if length is None else length, before.rows if rows is None else rows)
    return replace(settings, window=window)


def _check_store(url: str) -> str:
    """Refuse a URL of no store, and a file in a missing directory, as a mistyped path would make a new store.

    Returns the URL without its password.
    """
    from contextlib import suppress
    from pathlib import Path

    from driftmeter.errors import InputError, StoreUnavailableError
    from driftmeter.store import open_store, redacted

    path = url.removeprefix("sqlite:///")
    if path != url and path and not Path(path).parent.is_dir():
        raise InputError("store", f"a directory that is there, for {path}", f"no directory {Path(path).parent}")
    if path == url or not path:
        with suppress(StoreUnavailableError):  # opening a cluster asks it; the server waits until it can be reached
            open_store(url).close()
    return redacted(url)


def _check_address(host: str, port: int) -> None:
    """Refuse an address that this process cannot listen at."""
    import errno
    import os
    import socket

    from driftmeter.errors import DriftmeterError, InputError

    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # as uvicorn does; elsewhere this would let two servers have one port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise DriftmeterError(f"port {port} is taken; choose another with --port") from error
        if error.errno == errno.EACCES:
            raise DriftmeterError(f"port {port} is not for this user; choose another with --port") from error
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise InputError("host", "an address of this machine", repr(host)) from error
        raise

"""The demo: metric server, model server, gateway and traffic on real flights, as one process tree."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.live import Live

from driftmeter.demo import http, traffic, view
from driftmeter.demo.data import reference_profile
from driftmeter.demo.gateway import Gateway, find_nginx
from driftmeter.demo.processes import Process, ProcessError, free_port
from driftmeter.types import JSON

MODEL = "flights"
HOST = "127.0.0.1"
PANE = LATENESS = "2s"
PREDICTION_PORT, METRIC_PORT = 8002, 8001


@dataclass(frozen=True)
class Options:
    """What the demo does. With `seconds` None it runs until Ctrl-C; a port that is taken is replaced by a free one."""

    drift: bool = False
    seconds: float | None = None
    as_json: bool = False
    rate: float = 150.0
    inject_after: float = 20.0
    prediction_port: int = PREDICTION_PORT
    metric_port: int = METRIC_PORT


@dataclass(frozen=True)
class Addresses:
    """Where the running demo answers; `gateway` says in words what stands in front."""

    prediction: str
    metric: str
    gateway: str

    def labelled(self) -> dict[str, str]:
        """Return the addresses to look at, by what they show."""
        return {
            "predictions": f"POST {self.prediction}/get-prediction",
            "page": f"{self.metric}/ui/{MODEL}",
            "verdict": f"{self.metric}/v1/models/{MODEL}/verdict",
            "report": f"{self.metric}/v1/models/{MODEL}/report",
            "metrics": f"{self.metric}/metrics",
            "API": f"{self.metric}/docs",
            "gateway": self.gateway,
        }


def run(options: Options) -> int:
    """Run the demo; return the exit code. With `as_json` stdout gets the final verdict and nothing else."""
    console = Console(stderr=options.as_json)
    with _interruptible() as ignore_signals, ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="driftmeter-demo-")))
        try:
            with console.status("starting metric server, model server and gateway …"):
                addresses, processes = _start(stack, directory, options, console)
            verdict = _watch(console, addresses, processes, options)
        except ProcessError as error:
            console.print(f"[bold red]error[/] {error}", highlight=False)
            return 2
        except KeyboardInterrupt:
            console.print("stopping …")
            return 0
        finally:
            ignore_signals()
    if options.as_json:
        json.dump(verdict, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    return 0


def _start(stack: ExitStack, directory: Path, options: Options, console: Console) -> tuple[Addresses, list[Process]]:
    """Start all processes, the gateway last, and wait until they answer; they end with `stack`.

    Without nginx the servers take the gateway's ports.
    """
    profile = directory / "profile.json"
    reference_profile(MODEL).dump(profile)
    prediction_port, metric_port = (_port(wanted, console) for wanted in (options.prediction_port, options.metric_port))
    nginx = find_nginx()
    # nginx starts last: until then its ports are held, so that no other demo takes them
    held = [stack.enter_context(socket.create_server((HOST, port))) for port in (prediction_port, metric_port) if nginx]
    model_port, server_port = (free_port(), free_port()) if nginx else (prediction_port, metric_port)
    gateway = Gateway(
        model_servers=[f"{HOST}:{model_port}"],
        metric_servers=[f"{HOST}:{server_port}"],
        prediction_port=prediction_port,
        metric_port=metric_port,
        nginx=nginx,
    )
    metric_server = _metric_server(directory, profile, server_port)
    model_server = _model_server(directory, gateway.metric_url, model_port)
    processes = [metric_server, model_server]
    for process in processes:
        stack.enter_context(process)
    for process in processes:
        process.wait()
    front = "none: nginx is not installed, clients and model server connect directly"
    if nginx:
        for port_holder in held:
            port_holder.close()
        stack.enter_context(gateway)
        front = f"nginx on :{prediction_port} and :{metric_port}"
    # The model server ends first, while the others can take its last counts; then they end together.
    stack.callback(metric_server.terminate)
    stack.callback(model_server.stop)
    return Addresses(gateway.prediction_url, gateway.metric_url, front), processes


def _metric_server(directory: Path, profile: Path, port: int) -> Process:
    command = f"driftmeter serve --host {HOST} --port {port} --pane {PANE} --lateness {LATENESS}".split()
    command += ["--profile", str(profile), "--store", f"sqlite:///{directory / 'driftmeter.sqlite'}"]
    return _python("metric-server", command, directory, f"http://{HOST}:{port}/readyz")


def _model_server(directory: Path, metric_url: str, port: int) -> Process:
    command = f"driftmeter.demo.model_server --port {port} --metric-server {metric_url} --model {MODEL}".split()
    return _python("model-server", command, directory, f"http://{HOST}:{port}/healthz")


def _python(name: str, command: list[str], directory: Path, health: str) -> Process:
    return Process(name, [sys.executable, "-m", *command], directory=directory, health=health)


def _port(wanted: int, console: Console) -> int:
    """Return a free port, and print it if it is not the port that was wanted."""
    port = free_port(wanted)
    if port != wanted:
        console.print(f"port {wanted} is taken, using {port}", highlight=False)
    return port


def _watch(console: Console, addresses: Addresses, processes: list[Process], options: Options) -> JSON | None:
    """Send traffic and show the verdict until the time is up; return the last verdict."""
    sender = _TrafficThread(addresses.prediction, options)
    where = addresses.labelled()
    verdict: JSON | None = None
    sender.start()
    screen = Live(console=console, refresh_per_second=4) if console.is_terminal else None
    if not screen:
        console.print(view.addresses(where))
    try:
        with screen or nullcontext():
            while sender.is_alive():
                for process in processes:
                    process.check()
                verdict = _verdict(addresses.metric) or verdict
                if screen:
                    screen.update(view.screen(where, verdict, sender.progress, _scenario(options, sender.progress)))
                sender.join(0.5)
        sender.result()
        total = sender.progress
        console.print(
            f"{total.sent:,} rows answered in {total.elapsed:.0f} s, {total.failed:,} failed", highlight=False
        )
        if not screen and not options.as_json:
            console.print(view.features(verdict))
        return _verdict(addresses.metric) or verdict
    finally:
        sender.stop()


def _scenario(options: Options, progress: traffic.TrafficProgress) -> str:
    if not options.drift:
        return "no drift"
    if progress.injecting:
        return f"drift injected into {', '.join(traffic.INJECTED)}"
    return f"drift will be injected at {options.inject_after:.0f} s"


def _verdict(metric_url: str) -> JSON | None:
    """Return the current verdict, None if there is no answer this time."""
    answer = http.get(f"{metric_url}/v1/models/{MODEL}/verdict")
    verdict: JSON | None = answer.json() if answer is not None and answer.status == 200 else None
    return verdict


class _TrafficThread(threading.Thread):
    """Runs the traffic's event loop in a thread."""

    def __init__(self, url: str, options: Options) -> None:
        super().__init__(name="traffic", daemon=True)
        self._url, self._options = url, options
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self.progress = traffic.TrafficProgress()

    def run(self) -> None:
        options = self._options
        try:
            self.progress = asyncio.run(
                traffic.run(
                    self._url,
                    drift=options.drift,
                    rate=options.rate,
                    seconds=options.seconds,
                    inject_after=options.inject_after,
                    on_progress=self._on_progress,
                    stop=self._stopped,
                )
            )
        except BaseException as error:
            self._error = error

    def _on_progress(self, progress: traffic.TrafficProgress) -> None:
        self.progress = replace(progress)

    def result(self) -> None:
        """Raise the error that ended the traffic, if there was one."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the traffic and wait for it."""
        self._stopped.set()
        self.join(10.0)


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Turn the first SIGTERM or Ctrl-C into KeyboardInterrupt and ignore the ones that follow.

    Yields a function; once it is called, all signals are ignored: the demo is ending its children then.
    """
    ignored = False

    def ignore_signals() -> None:
        nonlocal ignored
        ignored = True

    def interrupt(number: int, frame: object) -> None:
        if not ignored:
            ignore_signals()
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ignore_signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

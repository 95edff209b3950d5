"""The demo: metric server, model server, gateway and traffic as one process tree, on real flights."""

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

import urllib3
from rich.console import Console
from rich.live import Live

from driftmeter.demo import traffic, view
from driftmeter.demo.data import reference_profile
from driftmeter.demo.gateway import Gateway, find_nginx
from driftmeter.demo.processes import Process, ProcessError, free_port
from driftmeter.types import JSON

MODEL = "flights"
PANE = LATENESS = "2s"
PREDICTION_PORT, METRIC_PORT = 8002, 8001


@dataclass(frozen=True)
class Options:
    """What the demo does: `seconds` None runs until Ctrl-C; a port that is taken is replaced by a free one."""

    drift: bool = False
    seconds: float | None = None
    as_json: bool = False
    rate: float = 150.0
    inject_after: float = 20.0
    prediction_port: int = PREDICTION_PORT
    metric_port: int = METRIC_PORT


@dataclass(frozen=True)
class Addresses:
    """Where the running demo answers."""

    prediction: str
    metric: str
    through: str

    def places(self) -> dict[str, str]:
        """Return what to look at, by name."""
        return {
            "predictions": f"POST {self.prediction}/get-prediction",
            "verdict": f"{self.metric}/v1/models/{MODEL}/verdict",
            "report": f"{self.metric}/v1/models/{MODEL}/report",
            "metrics": f"{self.metric}/metrics",
            "API": f"{self.metric}/docs",
            "gateway": self.through,
        }


def run(options: Options) -> int:
    """Run the demo; return the exit code. With `as_json` stdout gets the final verdict and nothing else."""
    console = Console(stderr=options.as_json)
    with _interruptible() as leave, ExitStack() as stack:
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
            leave()
    if options.as_json:
        json.dump(verdict, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    return 0


def _start(stack: ExitStack, directory: Path, options: Options, console: Console) -> tuple[Addresses, list[Process]]:
    """Start all processes and wait until they answer, the gateway last; they end with `stack`."""
    profile = directory / "profile.json"
    reference_profile(MODEL).dump(profile)
    prediction_port, metric_port = (_port(wanted, console) for wanted in (options.prediction_port, options.metric_port))
    gateway = find_nginx()
    # nginx comes last: until then its ports are held, lest another demo takes them too
    ports = (prediction_port, metric_port) if gateway else ()
    held = [stack.enter_context(socket.create_server(("127.0.0.1", port))) for port in ports]
    behind = (free_port(), free_port()) if gateway else (prediction_port, metric_port)
    prediction, metric = f"http://127.0.0.1:{prediction_port}", f"http://127.0.0.1:{metric_port}"
    python = [sys.executable, "-m"]
    serve = f"driftmeter serve --host 127.0.0.1 --port {behind[1]} --pane {PANE} --lateness {LATENESS}".split()
    serve += ["--profile", str(profile), "--store", f"sqlite:///{directory / 'driftmeter.sqlite'}"]
    model = f"driftmeter.demo.model_server --port {behind[0]} --metric-server {metric} --model {MODEL}".split()
    processes = [
        Process("metric-server", python + serve, directory=directory, health=f"http://127.0.0.1:{behind[1]}/readyz"),
        Process("model-server", python + model, directory=directory, health=f"http://127.0.0.1:{behind[0]}/healthz"),
    ]
    for process in processes:
        stack.enter_context(process)
    for process in processes:
        process.wait()
    through = "none: nginx is not installed, clients and model server connect directly"
    if gateway:
        for each in held:
            each.close()
        through = f"nginx on :{prediction_port} and :{metric_port}"
        stack.enter_context(
            Gateway(
                model_servers=[f"127.0.0.1:{behind[0]}"],
                metric_servers=[f"127.0.0.1:{behind[1]}"],
                prediction_port=prediction_port,
                metric_port=metric_port,
                nginx=gateway,
            )
        )
    # The model server ends first, with whom it sends its last counts to still there; the others together.
    stack.callback(processes[0].terminate)
    stack.callback(processes[1].stop)
    return Addresses(prediction, metric, through), processes


def _port(wanted: int, console: Console) -> int:
    """Return a free port, and say so where it is another one than was wanted."""
    port = free_port(wanted)
    if port != wanted:
        console.print(f"port {wanted} is taken, using {port}", highlight=False)
    return port


def _watch(console: Console, addresses: Addresses, processes: list[Process], options: Options) -> JSON | None:
    """Send traffic and show the verdict until the time is up; return the last verdict."""
    sender = _TrafficThread(addresses.prediction, options)
    pool = urllib3.PoolManager(retries=False, timeout=2.0)
    where = addresses.places()
    verdict: JSON | None = None
    sender.start()
    screen = Live(console=console, refresh_per_second=4) if console.is_terminal else None
    if not screen:
        console.print(view.places(where))
    try:
        with screen or nullcontext():
            while sender.is_alive():
                for process in processes:
                    process.check()
                verdict = _verdict(pool, addresses.metric) or verdict
                if screen:
                    screen.update(view.screen(where, verdict, sender.progress, _scenario(options, sender.progress)))
                sender.join(0.5)
        sender.result()
        sent = sender.progress
        console.print(f"{sent.sent:,} rows answered in {sent.elapsed:.0f} s, {sent.failed:,} failed", highlight=False)
        if not screen and not options.as_json:
            console.print(view.features(verdict))
        return _verdict(pool, addresses.metric) or verdict
    finally:
        sender.stop()


def _scenario(options: Options, progress: traffic.TrafficProgress) -> str:
    if not options.drift:
        return "no drift"
    if progress.injecting:
        return f"drift injected into {', '.join(traffic.INJECTED)}"
    return f"drift will be injected at {options.inject_after:.0f} s"


def _verdict(pool: urllib3.PoolManager, metric: str) -> JSON | None:
    """Ask for the verdict; None where there is no answer this time."""
    try:
        answer = pool.request("GET", f"{metric}/v1/models/{MODEL}/verdict")
    except urllib3.exceptions.HTTPError:
        return None
    found: JSON | None = answer.json() if answer.status == 200 else None
    return found


class _TrafficThread(threading.Thread):
    """The traffic, in a thread of its own event loop."""

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
                    on_progress=self._keep,
                    stop=self._stopped,
                )
            )
        except BaseException as error:
            self._error = error

    def _keep(self, progress: traffic.TrafficProgress) -> None:
        self.progress = replace(progress)

    def result(self) -> None:
        """Raise what ended the traffic, if that was an error."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the traffic and wait for it."""
        self._stopped.set()
        self.join(10.0)


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Let the first SIGTERM or Ctrl-C end the demo with its children; what comes while it leaves is ignored.

    Yields what says that it leaves.
    """
    left = False

    def leave() -> None:
        nonlocal left
        left = True

    def interrupt(number: int, frame: object) -> None:
        if not left:
            leave()
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield leave
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

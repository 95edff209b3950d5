"""Simulate traffic against a running gateway: `uv run run.py --drift true|false`.

Where nothing answers at --url, everything is started first: metric server, model server and gateway.
"""

from __future__ import annotations

import asyncio
import sys
import time

import click

from driftmeter.demo import http, traffic

STARTING = (502, 503, 504)
PATIENCE = 30.0  # seconds for model servers to come up behind a gateway that answers
LOG_EVERY = 10.0  # seconds between two lines where stdout is no terminal


@click.command()
@click.option("--drift", type=click.BOOL, default=False, show_default=True, help="Inject drift.")
@click.option("--url", default="http://localhost:8002", show_default=True, help="The gateway of the model servers.")
@click.option("--rate", default=150.0, show_default=True, help="Rows a second.")
@click.option("--for", "seconds", type=float, default=None, help="End after so many seconds.  [default: never]")
@click.option("--inject-after", default=20.0, show_default=True, help="Seconds until the drift sets in.")
def main(drift: bool, url: str, rate: float, seconds: float | None, inject_after: float) -> None:
    """Send real flights to /get-prediction, with or without drift."""
    if not _answers(url):
        from driftmeter.demo import stack

        click.echo(f"Nothing answers at {url}: starting the demo.", err=True)
        sys.exit(stack.run(stack.Options(drift=drift, seconds=seconds, rate=rate, inject_after=inject_after)))

    counter = _Counter()
    run = traffic.run(url, drift=drift, rate=rate, seconds=seconds, inject_after=inject_after, on_progress=counter)
    try:
        counter.show(asyncio.run(run))
    except KeyboardInterrupt:
        counter.show(counter.last)
    if counter.live:
        click.echo()


class _Counter:
    """Prints progress: one line that is overwritten on a terminal, elsewhere a line every LOG_EVERY seconds."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty()
        self.last = traffic.TrafficProgress()
        self._shown = 0.0

    def __call__(self, progress: traffic.TrafficProgress) -> None:
        self.last = progress
        if self.live or progress.elapsed - self._shown >= LOG_EVERY:
            self.show(progress)

    def show(self, progress: traffic.TrafficProgress) -> None:
        self._shown = progress.elapsed
        drifting = " · drift injected" if progress.injecting else ""
        line = f"{progress.elapsed:6.0f} s  {progress.sent:,} rows sent, {progress.failed:,} failed{drifting}"
        click.echo(f"\r{line}" if self.live else line, nl=not self.live)


def _answers(url: str, patience: float = PATIENCE) -> bool:
    """Return whether a gateway answers; wait up to `patience` seconds for model servers that are still starting."""
    deadline = time.monotonic() + patience
    announced = False
    while (status := _status(url)) in STARTING:
        if time.monotonic() > deadline:
            raise click.ClickException(f"{url} has answered {status} for {patience:g} s: are its model servers up?")
        if not announced:
            click.echo(
                f"{url} answers {status}, its model servers are starting: waiting up to {patience:g} s", err=True
            )
            announced = True
        time.sleep(0.5)
    return status is not None


def _status(url: str) -> int | None:
    answer = http.get(f"{url}/healthz")
    return None if answer is None else answer.status


if __name__ == "__main__":
    main()

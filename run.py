"""Simulate traffic against a running gateway: `uv run run.py --drift true|false`.

Where nothing answers at --url, everything is started first: metric server, model server and gateway.
"""

from __future__ import annotations

import asyncio
import sys

import click
import urllib3

from driftmeter.demo import traffic


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

    def show(progress: traffic.Progress) -> None:
        drifting = " · drift injected" if progress.injecting else ""
        click.echo(
            f"\r{progress.elapsed:6.0f} s  {progress.sent:,} rows sent, {progress.failed:,} failed{drifting}", nl=False
        )

    try:
        run = traffic.run(url, drift=drift, rate=rate, seconds=seconds, inject_after=inject_after, on_progress=show)
        show(asyncio.run(run))
    except KeyboardInterrupt:
        pass
    click.echo()


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", f"{url}/healthz", retries=False, timeout=2.0).status < 500
    except urllib3.exceptions.HTTPError:
        return False


if __name__ == "__main__":
    main()

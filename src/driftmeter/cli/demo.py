"""`driftmeter demo`: the whole system on real flights."""

from __future__ import annotations

import click


@click.command(short_help="Run the whole system on real flights.")
@click.option("--drift", type=click.BOOL, default=False, show_default=True, metavar="true|false",
              help="Inject drift into four features after 20 seconds.")  # fmt: skip
@click.option("--for", "seconds", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="Stop after so long; else on Ctrl-C.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="At the end print the verdict as one JSON object.")
@click.pass_context
def demo(ctx: click.Context, drift: bool, seconds: float | None, as_json: bool) -> None:
    """Run a model server, a metric server and traffic from real flights, with nginx in front where there is one.

    \b
    driftmeter demo --drift true
    driftmeter demo --for 60 --json
    """
    from driftmeter.demo import stack

    ctx.exit(stack.run(stack.Options(drift=drift, seconds=seconds, as_json=as_json)))

"""`driftmeter notify-test`: send a test notice."""

from __future__ import annotations

from collections.abc import Sequence

import click


@click.command("notify-test", short_help="Send a test notice to each URL.")
@click.argument("urls", nargs=-1, required=True, metavar="URL...", envvar="DRIFTMETER_NOTIFY")
@click.pass_context
def notify_test(ctx: click.Context, urls: Sequence[str]) -> None:
    """Send one test notice to each URL, and say of each whether it was accepted. Exits with 0 if all were.

    Without arguments the URLs are those in DRIFTMETER_NOTIFY, with spaces between them. Of a URL only its scheme and
    host are printed.

    \b
    driftmeter notify-test slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlaz
    driftmeter notify-test 'mailto://user:password@example.com?to=oncall@example.com' json://localhost:8080/hook
    driftmeter notify-test 'events+https://example.com/hook?secret=whsec_…'
    """
    from driftmeter.errors import InputError
    from driftmeter.notify import receiver_of

    failed = False
    for position, url in enumerate(urls, 1):
        try:
            receiver = receiver_of(url, position)
        except InputError as error:
            name, reason = f"URL {position}", f"expected {error.expected}, got {error.got}"
        else:
            name = receiver.name
            reason = receiver.test() or ""
        failed = failed or bool(reason)
        click.echo(f"failed  {name}: {reason}" if reason else f"ok      {name}")
    ctx.exit(2 if failed else 0)

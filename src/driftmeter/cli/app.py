"""The group of all commands: how errors end, and completion."""

from __future__ import annotations

import sys
import traceback
from typing import IO, Any

import click

from driftmeter.cli.backfill import backfill
from driftmeter.cli.backtest import backtest
from driftmeter.cli.check import check
from driftmeter.cli.consume import consume
from driftmeter.cli.demo import demo
from driftmeter.cli.expect import expect
from driftmeter.cli.explain import explain
from driftmeter.cli.incidents import acknowledge, incidents
from driftmeter.cli.notify_test import notify_test
from driftmeter.cli.performance import performance
from driftmeter.cli.profile import profile
from driftmeter.cli.replay import replay
from driftmeter.cli.serve import serve
from driftmeter.cli.settings import settings
from driftmeter.cli.top import top
from driftmeter.errors import DriftmeterError, MissingExtraError
from driftmeter.version import __version__

_LONGEST_MESSAGE = 600


class _UsageError(click.ClickException):
    """A wrong call of a command, printed as one line."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"driftmeter: {self.message}", file=file, err=file is None)


class App(click.Group):
    """A group whose commands exit with 2 on every error: 1 is for drift and alarms alone."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the arguments before the command; an error becomes one line."""
        try:
            return super().make_context(*args, **extra)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.ClickException as error:
            raise _usage(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print an error as one line, after its traceback with --debug."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except click.ClickException as error:
            raise _usage(error) from error
        except (KeyboardInterrupt, click.Abort):
            click.echo("stopped", err=True)
            ctx.exit(130)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError):
                error = _missing_extra(error, ctx.invoked_subcommand)
            if ctx.params.get("debug"):
                traceback.print_exc()
            click.echo(f"driftmeter: {_one_line(error)}", err=True)
            ctx.exit(2)


def _usage(error: click.ClickException) -> _UsageError:
    """Return click's message as one line, with the help to look at."""
    text = " ".join(error.format_message().split()).removesuffix(".")
    ctx = getattr(error, "ctx", None)
    return _UsageError(text if ctx is None else f"{text}. See {ctx.command_path} --help.")


def _missing_extra(error: ModuleNotFoundError, command: str | None) -> Exception:
    """Return an error that names the extra of a package that is not installed."""
    if isinstance(error, DriftmeterError) or (error.name or "").startswith("driftmeter"):
        return error
    extra = {"serve": "server", "consume": "kafka", "demo": "demo", "notify-test": "notify"}.get(command or "", "cli")
    return MissingExtraError(f"{command} needs {error.name}: pip install 'driftmeter[{extra}]'")


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and not isinstance(error, DriftmeterError):
        text = f"{error.filename}: {error.strerror}"
    else:
        text = " ".join(str(error).split())
    if not isinstance(error, DriftmeterError | OSError):
        text = f"unexpected {type(error).__name__}: {text} (driftmeter --debug … shows where)"
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def _show_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from driftmeter.counts.compiled import describe

        click.echo(f"driftmeter {__version__} ({describe()})")
        context.exit()


@click.group(
    cls=App,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done (check: no drift; backtest: no alarm; performance: not worse), 1 drift, alarm or worse, "
    "2 an error. See docs/cli.md.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and which counter runs.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def app(debug: bool) -> None:
    """Real-time data drift monitoring for models in production.

    \b
    driftmeter profile train.csv -o profile.json --model credit
    driftmeter check profile.json today.csv
    driftmeter serve --profile profile.json
    driftmeter replay today.csv --url http://localhost:8001 --model credit
    """


@click.command(short_help="Print a completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    \b
    eval "$(driftmeter completion bash)"
    """
    from click.shell_completion import get_completion_class

    shell_complete = get_completion_class(shell)
    assert shell_complete is not None  # click has these three built in
    sys.stdout.write(shell_complete(app, {}, "driftmeter", "_DRIFTMETER_COMPLETE").source() + "\n")


COMMANDS = (
    *(profile, check, performance, backtest, backfill, serve, replay, consume, demo),
    *(top, explain, settings, incidents, acknowledge, expect, notify_test, completion),
)
for command in COMMANDS:
    app.add_command(command)

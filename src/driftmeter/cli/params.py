"""Types of options, and options that several commands have."""

from __future__ import annotations

import math

import click

from driftmeter.errors import InputError
from driftmeter.timestamps import parse_duration


class Duration(click.ParamType[int]):
    """A length of time such as 10s or 5m, as milliseconds."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return a duration in milliseconds; a default is given as such."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value, "")
        except InputError as error:
            self.fail(f"expected {error.expected}, got {error.got}", param, ctx)


class Speed(click.ParamType[float]):
    """A number above 0, with or without its unit, or max."""

    name = "speed"

    def __init__(self, unit: str) -> None:
        """Allow `unit` behind the number."""
        self._unit = unit

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; `max` is infinity."""
        if isinstance(value, float):
            return value
        text = value.strip().lower()
        if text == "max":
            return math.inf
        try:
            factor = float(text.removesuffix(self._unit))
        except ValueError:
            factor = math.nan
        if not 0 < factor < math.inf:
            self.fail(f"expected a number above 0, such as 60, or max, got {value!r}", param, ctx)
        return factor


DURATION, SPEED, RATE = Duration(), Speed("x"), Speed("/s")

zone_option = click.option(
    "--zone", metavar="NAME", help="Zone of the times that name none, such as Europe/Berlin.  [default: the profile's, "
    "or UTC]",
)  # fmt: skip
time_format_option = click.option(
    "--time-format", metavar="FORMAT", help="How the column of --time is written, if not in ISO 8601 or seconds since "
    "the epoch: as for strptime, such as %m/%d/%Y, or ms, us, ns.",
)  # fmt: skip
unreadable_times_option = click.option(
    "--allow-unreadable-times", is_flag=True, help="Leave out the rows whose time cannot be read, even more than 1 %."
)
encoding_option = click.option(
    "--encoding", metavar="NAME", help="Encoding of a CSV file, such as latin-1.  [default: its mark, or UTF-8]"
)


def say(note: str) -> None:
    """Print a note on how a file was read to stderr, so that stdout holds the result alone."""
    click.echo(note, err=True)

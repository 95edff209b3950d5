"""Where tables for people go: a terminal of any width, or a file."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from driftmeter.page.texts import printable

COLOURS = {
    "drifting": "bold red",
    "pending": "magenta",
    "insufficient": "yellow",
    "ok": "green",
    "uncalibrated": "yellow",
    "calibrating": "yellow",
}
_WIDTH = 140
"""Characters of a line if there is no terminal."""


class _PipeConsole(Console):
    def on_broken_pipe(self) -> None:
        try:
            super().on_broken_pipe()
        except SystemExit:  # rich exits with 1, which says drift
            raise SystemExit(2) from None


def console() -> Console:
    """Return a console as wide as the terminal, or wide enough for a table if there is no terminal."""
    terminal = _PipeConsole(highlight=False)
    return terminal if terminal.is_terminal else _PipeConsole(highlight=False, width=_WIDTH)


def plain(value: object) -> Text:
    """Return a text that rich prints as it stands: no markup, no control characters."""
    return Text(printable(value))

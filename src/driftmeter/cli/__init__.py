"""The command line: one function for each command, one file for each group of commands."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `driftmeter`. Without the packages of the extra `cli`, print what to install and exit with 2."""
    try:
        from driftmeter.cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("click", "rich"):
            raise
        sys.stderr.write(f"driftmeter: the command line needs {error.name}: pip install 'driftmeter[cli]'\n")
        sys.exit(2)
    app(prog_name="driftmeter")

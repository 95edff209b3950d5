"""Programs that are not Python packages: where they are, and how tests name the fixtures that run them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.scripts import ROOT

# Where Debian puts programs that a user's PATH leaves out, and where this environment keeps its scripts.
PLACES = (str(Path(sys.executable).parent), "/usr/sbin", "/usr/local/sbin", str(ROOT / ".tools/bin"))

Tool = Callable[[str], str]
"""Returns the path of a program, or skips the test where it is not installed."""
Run = Callable[..., str]
"""Runs a program with arguments from the root of the repository and returns its output."""

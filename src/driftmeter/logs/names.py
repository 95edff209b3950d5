"""Names of the forms of logs, for help and completion: the forms themselves are loaded where one is read."""

from __future__ import annotations

NAMES = ("sagemaker", "json-lines")
"""As in `registry.FORMATS`."""

"""The Lua scripts as a server gets them: constants of Python, prelude, the script itself, epilogue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha1
from importlib import resources

from driftmeter.panes.coverage import SPAN, RowTally
from driftmeter.panes.retention import RETENTION
from driftmeter.store.records import LONGEST_LEASE
from driftmeter.store.redis.packing import SEAL_BYTES
from driftmeter.timestamps import DAY
from driftmeter.types import Milliseconds

UNUSED: Milliseconds = 100 * DAY
"""Slices, verdicts and fold of a profile expire together this long after the last change: longer than the retention."""

CONSTANTS: Mapping[str, int | Sequence[str]] = {
    "DAY": DAY,
    "LONGEST_LEASE": LONGEST_LEASE,
    "RETENTION": RETENTION,
    "SEAL_BYTES": SEAL_BYTES,
    "SPAN": SPAN,
    "TALLY_FIELDS": RowTally._fields,
    "UNUSED": UNUSED,
}
"""What scripts share with Python, by the name that it has there. A script gets the constants that it names."""


@cache
def script(name: str) -> tuple[str, str]:
    """Return a script and the digest by which servers know it."""
    folder = resources.files("driftmeter.store.redis").joinpath("scripts")
    prelude, main, epilogue = (
        folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("prelude", name, "epilogue")
    )
    constants = "".join(
        f"local {constant} = {_lua(value)}\n"
        for constant, value in CONSTANTS.items()
        if re.search(rf"\b{constant}\b", main)
    )
    text = f"{constants}{prelude}\nlocal function main()\n{main}end\n{epilogue}"
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


def _lua(value: int | Sequence[str]) -> str:
    """Write a constant as Lua does.

    >>> _lua(86_400_000), _lua(("observed", "counted"))
    ('86400000', "{'observed', 'counted'}")
    """
    return str(value) if isinstance(value, int) else f"{{{', '.join(map(repr, value))}}}"

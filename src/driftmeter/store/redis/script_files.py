"""The Lua scripts, as the server gets them: constants of Python, prelude, the script itself, coda."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib import resources


@cache
def script(name: str) -> tuple[str, str]:
    """Return a script and the digest by which servers know it."""
    folder = resources.files("driftmeter.store.redis").joinpath("scripts")
    prelude, main, coda = (folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("prelude", name, "coda"))
    text = f"{prelude}\nlocal function main()\n{main}end\n{coda}"
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()

"""What Redis and Valkey answer where they don't do as asked: its code, and its text without what is put around it.

The code says what an answer means; the words around it differ from version to version. Before Redis 7.0 a script that
was refused something is a plain ERR, and the code of the refusal stands behind two places of the script.
"""

from __future__ import annotations

import re

from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)

_CLASSES: tuple[tuple[type[Exception], str], ...] = (
    (OutOfMemoryError, "OOM"),
    (ReadOnlyError, "READONLY"),
    (BusyLoadingError, "LOADING"),
    (MasterDownError, "MASTERDOWN"),  # which redis-py takes for a kind of the next
    (ClusterDownError, "CLUSTERDOWN"),
    (TryAgainError, "TRYAGAIN"),
    (MovedError, "MOVED"),  # and this one too
    (AskError, "ASK"),
    (NoPermissionError, "NOPERM"),
)
"""Codes that redis-py takes off the text and makes classes of: which ones depends on its version."""
_CODE = re.compile(r"[A-Z]{2,}\b")
_NOISE = re.compile(
    r"^Command # \d+ \(.*\) of pipeline caused error: "
    r"|Error running script \(call to \w+\): |@?user_script:\d+: |@user_script: \d+: -?"
    r"|,? ?script: (?:\w+, )?on @user_script:\d+\.?",
    re.DOTALL,
)
"""What Redis and redis-py put around an answer to say where in a script or pipeline it came from."""


def code_of(error: BaseException) -> str:
    """Return the code of an answer, such as OOM or READONLY; empty where it is the general ERR."""
    for kind, code in _CLASSES:
        if isinstance(error, kind):
            return code
    found = _CODE.match(text_of(error))
    return found[0] if found else ""


def text_of(error: BaseException) -> str:
    """Return what an error says, without where in a script or pipeline it came from."""
    return _NOISE.sub("", str(error)).strip()

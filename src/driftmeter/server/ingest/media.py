"""The forms in which rows may be sent."""

from __future__ import annotations

from typing import Literal

from driftmeter.server.problems import UnsupportedMediaError

Media = Literal["json", "msgpack", "stream", "file"]
"""JSON, msgpack, an Arrow IPC stream, or an Arrow IPC file."""

MEDIA: dict[str, Media] = {
    "application/json": "json",
    "application/msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
    "application/vnd.apache.arrow.stream": "stream",
    "application/vnd.apache.arrow.file": "file",
}


def media_of(content_type: str | None) -> Media:
    """Name what a Content-Type stands for; raises UnsupportedMediaError.

    >>> media_of("Application/JSON; charset=utf-8")
    'json'
    """
    media = MEDIA.get((content_type or "").partition(";")[0].strip().lower())
    if media is None:
        raise UnsupportedMediaError("Content-Type", " or ".join(MEDIA), (content_type or "none")[:100])
    return media

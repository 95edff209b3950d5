"""Frames cut anew into blocks of one size, however they came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import narwhals as nw

Frame = nw.DataFrame[Any]


def blocks_of(frames: Iterable[Frame], rows: int) -> Iterator[Frame]:
    """Yield the rows of frames in blocks of `rows` rows; the last one, and one before other columns, may have fewer.

    >>> import polars
    >>> frames = [nw.from_native(polars.DataFrame({"x": range(rows)})) for rows in (3, 0, 1, 5)]
    >>> [block["x"].to_list() for block in blocks_of(frames, 4)]
    [[0, 1, 2, 0], [0, 1, 2, 3], [4]]
    """
    waiting: list[Frame] = []
    waits = 0
    for frame in frames:
        start = 0
        if waiting and waiting[0].schema != frame.schema:  # a log may write a column in several types
            yield _joined(waiting)
            waiting, waits = [], 0
        while waits + len(frame) - start >= rows:
            end = start + rows - waits
            yield _joined([*waiting, frame[start:end]])
            waiting, waits, start = [], 0, end
        if start < len(frame):
            waiting.append(frame[start:] if start else frame)
            waits += len(frame) - start
    if waits:
        yield _joined(waiting)


def _joined(frames: list[Frame]) -> Frame:
    return frames[0] if len(frames) == 1 else nw.concat(frames)

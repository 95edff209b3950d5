"""Reading ahead: the next tables are decoded while the last one is counted."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")


def read_ahead(items: Iterable[Item], most: int) -> Generator[Item, None, None]:
    """Yield items that another thread takes from `items`, at most `most` of them ahead; its error comes in its place.

    >>> list(read_ahead(iter(range(5)), 2))
    [0, 1, 2, 3, 4]
    """
    waiting: queue.Queue[tuple[Item | None, BaseException | None, bool]] = queue.Queue(most)
    stopped = threading.Event()

    def put(entry: tuple[Item | None, BaseException | None, bool]) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                waiting.put(entry, timeout=0.1)
                return

    def take() -> None:
        try:
            for item in items:
                put((item, None, False))
                if stopped.is_set():
                    return
        except BaseException as error:
            put((None, error, False))
        else:
            put((None, None, True))

    thread = threading.Thread(target=take, name="driftmeter-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error, ended = waiting.get()
            if error is not None:
                raise error
            if ended:
                return
            yield item  # type: ignore[misc]  # there is an item where there is neither end nor error
    finally:
        stopped.set()
        thread.join()

"""What do the checks of a body before it is read cost, and what do they save?

The batches have 1,000 rows of 30 float features, as in bench/ingest.py. `is_small` decides whether a body is read on
the event loop, which saves a change of threads. The Arrow guard refuses a body that would inflate beyond the limit.

    python bench/guards.py
"""

from __future__ import annotations

import asyncio
import io
import resource
import timeit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from driftmeter.counts.rows import Reader
from driftmeter.profile.profile import Profile
from driftmeter.server.ingest.media import Media
from driftmeter.server.ingest.rows import read_batch
from driftmeter.server.ingest.size import is_small
from driftmeter.server.problems import TooLargeError

ROWS, FEATURES, NOW, MOST = 1_000, 30, 1_700_000_000_000, 64_000_000
BOMB = 500_000_000


def microseconds(work: Callable[[], object], times: int = 100) -> float:
    return min(timeit.repeat(work, number=times, repeat=5)) / times * 1e6


def arrow_bytes(table: pa.Table, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def thread_change() -> float:
    async def measure() -> float:
        loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor(1)
        start = loop.time()
        for _ in range(2_000):
            await loop.run_in_executor(threads, int)
        return (loop.time() - start) / 2_000 * 1e6

    return asyncio.run(measure())


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def main() -> None:
    columns = {f"feature_{number}": np.random.default_rng(number).normal(size=ROWS) for number in range(FEATURES)}
    reader = Reader(Profile.fit(pl.DataFrame(columns), model="bench"))
    raw = {name: values.tobytes() for name, values in columns.items()}
    bodies: dict[str, tuple[Media, bytes]] = {
        "msgpack, raw float64": ("msgpack", msgspec.msgpack.encode({"columns": raw})),
        "Arrow stream": ("stream", arrow_bytes(pa.table(columns))),
    }
    for name, (media, body) in bodies.items():
        check = microseconds(lambda media=media, body=body: is_small(media, body, FEATURES))
        read = microseconds(lambda media=media, body=body: read_batch(media, body, reader, NOW, most=MOST))
        print(f"{name:22} is_small {check:5.0f} us, read_batch {read:5.0f} us")
    # repeated keys are the slowest body for this check
    empty = b"\xa7columns\xde\x07\xd0" + b"\xa0\xc4\x00" * 2_000
    hostile = b"\xde\x00\xa6" + empty * 166
    check = microseconds(lambda: is_small("msgpack", hostile, FEATURES), 5)
    print(f"{'hostile msgpack, 1 MB':22} is_small {check:5.0f} us")
    print(f"{'a change of threads':22} {thread_change():14.0f} us")

    bomb = arrow_bytes(pa.table({"feature_0": np.zeros(BOMB // 8)}), "zstd")
    before = peak()

    def refused() -> None:
        try:
            read_batch("stream", bomb, reader, NOW, most=MOST)
        except TooLargeError:
            return
        raise AssertionError("the guard let the bomb pass")

    took = microseconds(refused, 5)
    print(f"{len(bomb):,} bytes of zstd for {BOMB:,}: refused after {took:.0f} us, +{peak() - before} MB")
    took = microseconds(lambda: pa.ipc.open_stream(bomb).read_all(), 1)
    print(f"without the guard: {took / 1000:.0f} ms, +{peak() - before} MB")


if __name__ == "__main__":
    main()

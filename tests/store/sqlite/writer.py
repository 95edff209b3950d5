"""Write batches of one row to a store after a line on stdin: `python -m tests.store.sqlite.writer PATH NAME SECONDS`.

Prints the number of each batch once it is committed, so that its reader knows what was acknowledged.
"""

from __future__ import annotations

import sys
import time

from driftmeter.store.sqlite.store import SQLiteStore
from tests.store.samples import TIMING, batch, put


def main(path: str, name: str, seconds: float) -> None:
    store = SQLiteStore(path)
    store.register("m", "d", b"{}", TIMING)
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        put(store, batch(1, key=f"{name} {number}", source=name))
        print(number, flush=True)
        number += 1
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))

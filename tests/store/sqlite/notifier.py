"""Notify many keys after a line on stdin: `python notifier.py PATH KEYS`. Prints the keys that it was first for."""

from __future__ import annotations

import sys

from driftmeter.store.sqlite.store import SQLiteStore


def main(path: str, keys: int) -> None:
    store = SQLiteStore(path)
    print("ready", flush=True)
    sys.stdin.readline()
    for key in map(str, range(keys)):
        if store.notified("m", key):
            print(key)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

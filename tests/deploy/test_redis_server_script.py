"""scripts/redis_server.sh, which runs the store's tests on Redis and Valkey from wheels."""

from __future__ import annotations

import subprocess

from tests.support.scripts import ROOT


def test_a_server_that_there_is_none_of_is_refused_with_those_that_there_are() -> None:
    command = ["sh", str(ROOT / "scripts/redis_server.sh"), "redis-5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "expected redis-6.2, redis-7.0, redis-8.2, valkey-8.1 or valkey-9.1, got 'redis-5'\n"

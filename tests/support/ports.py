"""Free ports that outgoing connections do not take before a test starts its server."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress


def free_port(*above: int, host: str = "127.0.0.1") -> int:
    """Return a free port below the range of outgoing connections; the ports `port + above` are free too."""
    last = 32_000 - max(above, default=0)
    while True:
        port = random.SystemRandom().randrange(20_000, last)  # tests may have seeded the module's own generator
        with ExitStack() as probes, suppress(OSError):
            for probed in (port, *(port + distance for distance in above)):
                probe = probes.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, probed))
            return port

"""A host of its own, as far as the network goes: a network namespace, with a cable to this one that can be pulled."""

from __future__ import annotations

import os
import subprocess
from types import TracebackType

_RUN = os.getpid()
"""What sets two runs on one host apart; no process number on Linux has more than seven digits."""
NAME = f"driftmeter-{_RUN}"
CABLE, FAR_END = f"dm{_RUN}a", f"dm{_RUN}b"
_NET = 4 * (_RUN % 16_384)
HERE, THERE = (f"10.213.{_NET // 256}.{_NET % 256 + end}" for end in (1, 2))
"""Both ends of the cable, in a net of four addresses that hardly anybody else uses."""


class Namespace:
    """The namespace, while it is open. Needs root; `unusable` says why it can't be had."""

    def __init__(self, ip: str | None) -> None:
        self._ip = ip or "ip"

    def unusable(self) -> str | None:
        """Try it, and return the reason where it fails."""
        if os.geteuid():
            return "a network namespace needs root"
        try:
            with self:
                return None
        except FileNotFoundError:
            return "a network namespace needs iproute2"
        except subprocess.CalledProcessError as error:
            return f"no network namespace: {error.stderr.strip()}"

    def inside(self, command: list[str]) -> list[str]:
        """Return the command that runs `command` in there, as the same process."""
        return [self._ip, "netns", "exec", NAME, *command]

    def cut(self) -> None:
        """Pull the cable out at the far end: on this side packets are lost, and nobody is told."""
        self._run("-n", NAME, "link", "set", FAR_END, "down")

    def join(self) -> None:
        """Plug it in again."""
        self._run("-n", NAME, "link", "set", FAR_END, "up")

    def __enter__(self) -> Namespace:
        self._remove()  # what a run that was killed has left, and that had this process number
        try:
            self._run("netns", "add", NAME)
            self._run("link", "add", CABLE, "type", "veth", "peer", "name", FAR_END, "netns", NAME)
            self._run("address", "add", f"{HERE}/30", "dev", CABLE)
            self._run("link", "set", CABLE, "up")
            self._run("-n", NAME, "address", "add", f"{THERE}/30", "dev", FAR_END)
            self._run("-n", NAME, "link", "set", "lo", "up")
            self.join()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        for command in (("link", "delete", CABLE), ("netns", "delete", NAME)):
            subprocess.run([self._ip, *command], capture_output=True, timeout=10)

    def _run(self, *command: str) -> None:
        subprocess.run([self._ip, *command], check=True, capture_output=True, text=True, timeout=10)

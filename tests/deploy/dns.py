"""A DNS server whose only names are those that a test gives it: replicas come and go."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest


class Dns:
    """A dnsmasq on a loopback address, at `port` or a free one, which knows nothing until `set`."""

    def __init__(self, dnsmasq: str, directory: Path, host: str = "127.0.0.1", port: int | None = None) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._hosts = directory / "hosts"
        self._hosts.write_text("")
        self.host, self.port = host, port or _free_port()
        command = [
            *(dnsmasq, "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--log-facility=-"),
            *(f"--port={self.port}", f"--listen-address={host}", "--bind-interfaces"),
            # every name is its own: what it has no address for, IPv6 say, is not there, and nobody else is asked
            *("--no-resolv", "--no-hosts", "--local=//", f"--addn-hosts={self._hosts}"),
        ]
        if os.geteuid() == 0:
            command.append("--user=root")  # the directory is this user's alone
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> bool:
        """Wait until it answers, as a signal before would end it; False where it ended, its port being taken."""
        until(lambda: self._count("nobody") == 0 or self._process.poll() is not None, 60)
        return self._process.poll() is None

    def set(self, name: str, *addresses: str) -> None:
        """Let a name have these addresses from the next look-up on."""
        self._names[name] = addresses
        lines = [f"{address} {name}\n" for name, addresses in self._names.items() for address in addresses]
        self._hosts.write_text("".join(lines))
        self._process.send_signal(signal.SIGHUP)
        until(lambda: self._count(name) == len(addresses))

    def _count(self, name: str) -> int | None:
        """Return how many addresses a name has, None while nobody answers."""
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        query = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + question + struct.pack(">2H", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            client.connect((self.host, self.port))
            try:
                client.send(query)
                return int(struct.unpack_from(">H", client.recv(512), 6)[0])
            except OSError:
                return None

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(5)


def own_network() -> str:
    """Return the first three bytes of loopback addresses that hardly anybody else is on."""
    return f"127.{random.randint(64, 254)}.{random.randint(1, 254)}"


def resolving(unshare: str, directory: Path, dns: Dns) -> list[str]:
    """Return the command that runs another one which asks `dns` for names; skip the test where that can't be had.

    It runs in a mount namespace of its own, with an /etc/resolv.conf that nobody else sees.
    """
    if os.geteuid() != 0:
        pytest.skip("a resolv.conf of its own needs root")
    assert dns.port == 53, "a resolv.conf can name no port"
    file = directory / "resolv.conf"
    file.write_text(f"nameserver {dns.host}\n")
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    command = [unshare, "--mount", "--", "sh", "-c", script, str(file)]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=30)
    if tried.returncode:
        pytest.skip(f"no mount namespace on this machine: {tried.stderr.strip()}")
    return command


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _free_port() -> int:
    """Return a loopback port that is free for both protocols: dnsmasq takes both, or ends."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

"""A DNS server that knows the names which a test gives it, and no others."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.waiting import eventually


class Dns:
    """A dnsmasq on a loopback address, at `port` or a free one; it knows no name before `set`."""

    def __init__(self, dnsmasq: str, directory: Path, host: str = "127.0.0.1", port: int | None = None) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._hosts = directory / "hosts"
        self._hosts.write_text("")
        self.host, self.port = host, port or free_port(host=host)
        command = [
            *(dnsmasq, "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--log-facility=-"),
            *(f"--port={self.port}", f"--listen-address={host}", "--bind-interfaces"),
            # it answers for every name itself: a name without an address, of IPv6 too, does not exist
            *("--no-resolv", "--no-hosts", "--local=//", f"--addn-hosts={self._hosts}"),
        ]
        if os.geteuid() == 0:
            command.append("--user=root")  # the directory is this user's alone
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> bool:
        """Wait until it answers: an earlier signal would end it. Return False where it ended, as its port was taken."""
        eventually(
            lambda: self._count("nobody") == 0 or self._process.poll() is not None, "an answer of the DNS", seconds=60
        )
        return self._process.poll() is None

    def set(self, name: str, *addresses: str) -> None:
        """Give a name these addresses; return when look-ups find them."""
        self._names[name] = addresses
        lines = [f"{address} {name}\n" for name, addresses in self._names.items() for address in addresses]
        self._hosts.write_text("".join(lines))
        self._process.send_signal(signal.SIGHUP)
        eventually(lambda: self._count(name) == len(addresses), f"{len(addresses)} addresses of {name}")

    def _count(self, name: str) -> int | None:
        """Return how many addresses a name has, None where there is no answer."""
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
    """Return the first three bytes of loopback addresses that other processes hardly use."""
    return f"127.{random.randint(64, 254)}.{random.randint(1, 254)}"


def resolving(unshare: str, directory: Path, dns: Dns) -> list[str]:
    """Return a command whose arguments run with `dns` as their name server; skip the test where that is impossible.

    They run in a mount namespace with an /etc/resolv.conf of its own.
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

from __future__ import annotations

import os
import shutil

import pytest

_PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


@pytest.fixture(scope="session")
def tools() -> dict[str, str]:
    """Return where the real parts are, or skip the test naming those that are missing."""
    return _find("nginx", "prometheus", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def shared_tools() -> dict[str, str]:
    """Return where the parts of a tier that shares a Redis are, or skip the test likewise."""
    return _find("nginx", "redis-server")


@pytest.fixture(scope="session")
def ip() -> str | None:
    """Return where iproute2 is, where it is."""
    return _where("ip")


def _find(*names: str) -> dict[str, str]:
    found = {name: _where(name) for name in names}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        pytest.skip(f"not installed on this machine: {', '.join(missing)}")
    return {name: place for name, place in found.items() if place}


def _where(name: str) -> str | None:
    # Debian keeps some of them where a user's PATH does not look
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_PLACES)))

from __future__ import annotations

import os
import shutil

import pytest

_PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


@pytest.fixture(scope="session")
def tools() -> dict[str, str]:
    """Return the paths of the programs, or skip the test with the names of missing ones."""
    return _find("nginx", "prometheus", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def shared_tools() -> dict[str, str]:
    """Return the paths of the programs for a tier on one Redis, or skip the test with the names of missing ones."""
    return _find("nginx", "redis-server")


@pytest.fixture(scope="session")
def ip() -> str | None:
    """Return the path of iproute2, None if it is missing."""
    return _where("ip")


def _find(*names: str) -> dict[str, str]:
    paths = {name: _where(name) for name in names}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        pytest.skip(f"not installed on this machine: {', '.join(missing)}")
    return {name: path for name, path in paths.items() if path}


def _where(name: str) -> str | None:
    # Debian installs some of them in folders that are not on a user's PATH
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_PLACES)))

from __future__ import annotations

import os
import shutil

import pytest

_PLACES = ("/usr/sbin", "/usr/local/sbin")


@pytest.fixture(scope="session")
def tools() -> dict[str, str]:
    """Return where the real parts are, or skip the test naming those that are missing."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_PLACES))
    found = {name: shutil.which(name, path=path) for name in ("nginx", "prometheus", "prometheus-alertmanager")}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        pytest.skip(f"not installed on this machine: {', '.join(missing)}")
    return {name: place for name, place in found.items() if place}

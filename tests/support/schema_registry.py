"""A real schema registry, Apicurio, which speaks Confluent's API; it comes from Maven Central, once."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.scripts import ROOT

VERSION = "2.6.13.Final"  # 3.x needs Java 21
CACHE = ROOT / f".tools/apicurio-{VERSION}"
_UNPACK = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:unpack"
_START = 90.0  # seconds


def registry_home() -> Path:
    """Return the folder of the registry; skips the test where there is no Java or Maven, or Maven Central is away."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("needs Java 17 and mvn, for a schema registry")
    if not (CACHE / "lib").is_dir():
        artifact = f"-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
        done = subprocess.run(
            ["mvn", "-q", "-B", _UNPACK, artifact, f"-DoutputDirectory={CACHE}"],
            capture_output=True, text=True, check=False, timeout=600, cwd=ROOT / "tests/engines",
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(CACHE, ignore_errors=True)
            pytest.skip(f"the schema registry cannot be fetched from Maven Central: {done.stdout[-300:]}")
    return CACHE


@contextmanager
def schema_registry(folder: Path) -> Iterator[str]:
    """Run a registry that keeps everything in memory, and yield the URL of Confluent's API."""
    home, port = registry_home(), free_port()
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("java", "-Xmx512m", f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1", "-jar"),
                str(home / f"apicurio-registry-app-{VERSION}-runner.jar"),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
        )
    try:
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        deadline = time.monotonic() + _START
        while not _answers(f"{url}/subjects"):
            assert process.poll() is None, (folder / "registry.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.3)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False

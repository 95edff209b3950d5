"""A standalone cluster of Spark: a master and workers as processes of their own, from the jars that come with pyspark.

The workers have host names of their own, 127.0.0.1 and 127.0.0.2: Spark never runs a speculative copy of a task on the
host that runs the task.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.waiting import eventually

SOURCE = Path(__file__).parents[2]
HOSTS = ("127.0.0.1", "127.0.0.2")


def why_no_spark() -> str | None:
    """Return why Spark cannot run here, None where it can."""
    if shutil.which("java") is None:
        return "java is not installed"
    try:
        import pyspark  # noqa: F401
    except ModuleNotFoundError:
        return "pyspark is not installed: make test-engines"
    return None


POM = SOURCE / "tests/engines/spark/pom.xml"
_NEEDED = ("commons-pool2", "kafka-clients", "spark-sql-kafka", "spark-token-provider")
"""The rest comes with Spark."""


def connector_jars() -> str:
    """Return the jars of Spark's Kafka connector, as `spark.jars` takes them; skips the test without Maven Central."""
    folder = SOURCE / ".tools/spark-kafka"
    jars, made_for = folder / "jars", folder / "made-for.xml"
    if not made_for.exists() or made_for.read_bytes() != POM.read_bytes():
        if shutil.which("mvn") is None:
            pytest.skip("needs mvn, which fetches Spark's Kafka connector")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.skip(f"Spark's Kafka connector cannot be fetched from Maven Central: {done.stdout[-300:]}")
        shutil.copy(POM, made_for)
    return ",".join(str(jar) for jar in sorted(jars.glob("*.jar")) if jar.name.startswith(_NEEDED))


def environment() -> dict[str, str]:
    """Return the environment of Spark's processes: the Python of the test, with the code under test."""
    return {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": f"{SOURCE / 'src'}:{SOURCE}",
        "OMP_NUM_THREADS": "1",
    }


@dataclass
class SparkCluster:
    """A running cluster; `url` is what a session takes as its master."""

    home: Path
    port: int = field(default_factory=free_port)
    page: int = field(default_factory=free_port)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    master: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = ("--host", "127.0.0.1", "--port", str(self.port), "--webui-port", str(self.page))
        self.master = self._launch("master.Master", "127.0.0.1", *options)
        eventually(lambda: self.state() is not None, "Spark's master", seconds=60.0)
        for host in HOSTS:
            self.add_worker(host)

    def add_worker(self, host: str) -> None:
        """Start a worker with a core, and wait until the master knows it."""
        before = len(self.alive())
        options = ("--host", host, "--cores", "1", "--memory", "900m", "--webui-port", str(free_port(host=host)))
        folder = self.home / f"worker-{len(self.workers)}"
        self.workers.append(self._launch("worker.Worker", host, *options, "--work-dir", str(folder), self.url))
        eventually(lambda: len(self.alive()) > before, f"a worker of Spark on {host}", seconds=60.0)

    def kill_worker(self, index: int) -> None:
        """Kill a worker and its executors, as a host does that loses its power."""
        worker = self.workers[index]
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        eventually(lambda: len(self.alive()) < len(self.workers), "the master misses a worker", seconds=90.0)

    def alive(self) -> list[dict[str, Any]]:
        """Return the workers that the master takes for alive."""
        state = self.state() or {}
        return [worker for worker in state.get("workers", ()) if worker["state"] == "ALIVE"]

    def state(self) -> dict[str, Any] | None:
        """Return what the master says of itself, None before it answers."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.page}/json/", timeout=5) as answer:
            state: dict[str, Any] = json.load(answer)
            return state
        return None

    def stop(self) -> None:
        for process in [*self.workers, *([self.master] if self.master else [])]:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _launch(self, kind: str, host: str, *arguments: str) -> subprocess.Popen[bytes]:
        import pyspark

        launcher = Path(pyspark.__file__).parent / "bin" / "spark-class"
        gone = "-Dspark.worker.timeout=10"  # seconds, after which a silent worker is taken for dead
        own = {"SPARK_LOCAL_IP": host, "SPARK_DAEMON_JAVA_OPTS": gone, "SPARK_DAEMON_MEMORY": "256m"}
        return subprocess.Popen(
            [str(launcher), f"org.apache.spark.deploy.{kind}", *arguments],
            env={**environment(), **own},
            stdout=(self.home / f"{kind}-{len(self.workers)}.log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextmanager
def spark_cluster(home: Path) -> Iterator[SparkCluster]:
    """Run a cluster."""
    cluster = SparkCluster(home)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def spark_session(master: str, home: Path, **options: str) -> Iterator[Any]:
    """Run a session; `options` are those of Spark, with `__` for a point in their names."""
    from pyspark.sql import SparkSession

    os.environ |= {name: value for name, value in environment().items() if name.startswith(("SPARK", "PYSPARK"))}
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(home / "warehouse"),
        "spark.executor.memory": "600m",
        "spark.executor.cores": "1",
        "spark.executorEnv.PYTHONPATH": environment()["PYTHONPATH"],
        "spark.executorEnv.PYSPARK_PYTHON": sys.executable,
        **{name.replace("__", "."): value for name, value in options.items()},
    }
    builder = SparkSession.builder.master(master).appName("driftmeter's tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()

"""A real Apache Kafka broker in KRaft mode on free ports of this host; its jars come from Maven Central, once."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.scripts import ROOT

POM = ROOT / "tests/engines/kafka/pom.xml"
CACHE = ROOT / ".tools/kafka"
_START = 90.0  # seconds
_CLUSTER = "4L6g3nShT-eMCtK--X86sw"


def kafka_jars() -> Path:
    """Return the folder of the jars; skips the test where there is no Java or Maven, or Maven Central is away."""
    jars, made_for = CACHE / "jars", CACHE / "made-for.xml"
    if shutil.which("java") is None:
        pytest.skip("needs Java 17 or newer, for a Kafka broker")
    if made_for.exists() and made_for.read_bytes() == POM.read_bytes():
        return jars
    if shutil.which("mvn") is None:
        pytest.skip("needs mvn, which fetches the jars of Kafka")
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.mkdir(parents=True)
    done = subprocess.run(
        ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"the jars of Kafka cannot be fetched from Maven Central: {done.stdout[-300:]}")
    shutil.copy(POM, made_for)
    return jars


class KafkaBroker:
    """One broker, which is its own controller. It keeps its data and ports over a restart."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Format a data folder; nothing runs yet. `settings` are those of the broker, with `_` for `.`."""
        self._jars = kafka_jars()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port, controller = free_port(), free_port()
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(folder / "data"),
            "num.partitions": "3",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
            "log.cleaner.backoff.ms": "200",
            "log.retention.check.interval.ms": "500",
            **{name.replace("_", "."): value for name, value in settings.items()},
        }
        self._config = folder / "server.properties"
        self._config.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        self._log4j = folder / "log4j2.properties"
        self._log4j.write_text(
            "appender.out.type=Console\nappender.out.name=out\nappender.out.layout.type=PatternLayout\n"
            "appender.out.layout.pattern=%d %p %c: %m%n\nrootLogger.level=warn\nrootLogger.appenderRef.out.ref=out\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(self._config)),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until the port is open."""
        log = (self._folder / "broker.log").open("ab")
        self._process = subprocess.Popen(
            self._java("kafka.Kafka", str(self._config)), stdout=log, stderr=subprocess.STDOUT
        )
        log.close()
        deadline = time.monotonic() + _START
        while not _is_open(self.port):
            ended = self._process.poll()
            assert ended is None, f"the broker ended with {ended}: {self.log()[-2000:]}"
            assert time.monotonic() < deadline, f"the broker does not listen: {self.log()[-2000:]}"
            time.sleep(0.1)

    def log(self) -> str:
        return (self._folder / "broker.log").read_text("utf-8", "replace")

    def stop(self, *, kill: bool = False) -> None:
        """Stop: by SIGTERM, or with `kill` by SIGKILL."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _java(self, *command: str) -> list[str]:
        return [
            *("java", "-Xmx768m", "-Xms256m", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={self._log4j}"),
            *("-cp", f"{self._jars}/*", *command),
        ]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0

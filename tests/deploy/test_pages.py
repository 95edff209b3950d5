"""Pages as the project's Alertmanager sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from driftmeter.demo.processes import Process, free_port
from tests.deploy.programs import Tool
from tests.deploy.replica import Replica, ask
from tests.support.waiting import eventually

FIRST, SECOND = "1700000012000", "1700000120000"
LABELS = {"alertname": "DriftModelDrifting", "severity": "critical", "model": "flights"}


class Pager:
    """An Alertmanager, and what it has told its receiver."""

    def __init__(self, receiver: Replica, url: str) -> None:
        self._receiver, self._url = receiver, url

    def post(self, incident: str, **changes: str) -> None:
        alert = {
            "labels": {**LABELS, "incident": incident},
            **changes,
        }
        headers = {"Content-Type": "application/json"}
        assert ask(f"{self._url}/api/v2/alerts", "POST", json.dumps([alert]).encode(), headers).status == 200

    def told(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return of each message the key of its group, and the incidents in it with their states."""
        messages: list[dict[str, Any]] = [json.loads(seen.body) for seen in list(self._receiver.seen)]
        return [
            (message["groupKey"], [(alert["labels"]["incident"], alert["status"]) for alert in message["alerts"]])
            for message in messages
        ]


@pytest.fixture
def pager(root: Path, tool: Tool, tmp_path: Path) -> Iterator[Pager]:
    """Run the project's own configuration; only the address of the receiver and the pace are the test's."""
    text = (root / "deploy/alertmanager/alertmanager.yml").read_text()
    for own in ("http://alert-log:9095/", "group_interval: 15s"):
        assert own in text
    config, port = tmp_path / "alertmanager.yml", free_port()
    with Replica("receiver") as receiver:
        text = text.replace("http://alert-log:9095/", f"http://{receiver.address}/")
        config.write_text(text.replace("group_interval: 15s", "group_interval: 1s"))
        command = [
            *(tool("prometheus-alertmanager"), f"--config.file={config}", f"--storage.path={tmp_path}/data"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
        ]
        url = f"http://127.0.0.1:{port}"
        with Process("alertmanager", command, directory=tmp_path, health=f"{url}/-/ready") as process:
            process.wait()
            yield Pager(receiver, url)


def test_a_second_incident_is_a_page_beside_the_first_and_each_is_over_by_itself(pager: Pager) -> None:
    pager.post(FIRST)
    eventually(lambda: len(pager.told()) == 1, "the first page")
    pager.post(SECOND)
    eventually(lambda: len(pager.told()) == 2, "the second page")
    pager.post(FIRST, endsAt=datetime.now(UTC).isoformat())
    eventually(lambda: len(pager.told()) == 3, "the end of the first")
    (first, second, end) = pager.told()
    assert [one[1] for one in (first, second, end)] == [
        [(FIRST, "firing")],
        [(SECOND, "firing")],
        [(FIRST, "resolved")],
    ]
    assert first[0] == end[0] != second[0]

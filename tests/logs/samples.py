"""Logs that tests read, and what they say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from driftmeter.logs.columns import LogColumns
from driftmeter.logs.read import AS_RECOGNISED, Log, LogOptions, open_log

REAL = Path(__file__).parent / "real"


def lines(path: Path, records: Iterable[Any]) -> Path:
    """Write JSON, an object a line; a text is a line as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def opened(source: Path | str, columns: LogColumns | None = None, options: LogOptions = AS_RECOGNISED) -> Told:
    """Open a log, by default with all of its columns, and keep what is told."""
    told: list[str] = []
    log = open_log(source, columns or LogColumns(), options, say=told.append)
    assert log is not None
    return Told(log, told)


class Told:
    """A log, and what was told of it."""

    def __init__(self, log: Log, told: list[str]) -> None:
        self.log, self.told = log, told

    def columns(self) -> dict[str, list[Any]]:
        """Return all rows, column by column."""
        columns: dict[str, list[Any]] = self.log.table().to_pydict()
        return columns


def capture(data: str, answer: str | None = "0.5", *, encoding: str = "CSV", **more: Any) -> dict[str, Any]:
    """Return a line of SageMaker's data capture."""
    sides = {"endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": encoding}}
    if answer is not None:
        sides["endpointOutput"] = {
            "observedContentType": "text/csv",
            "mode": "OUTPUT",
            "data": answer,
            "encoding": "CSV",
        }
    about = {"eventId": "e-1", "inferenceTime": "2026-03-01T00:00:00Z"}
    return {"captureData": sides, "eventMetadata": about, "eventVersion": "0", **more}

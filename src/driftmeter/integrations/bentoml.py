"""BentoML: a type of monitor for `bentoml.monitor`, which counts what a service logs there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from bentoml.monitoring import MonitorBase

from driftmeter.client import Monitor

_NOT_ROWS = ("prediction", "target")


class BentoMonitor(MonitorBase):  # type: ignore[misc]
    """Counts the records of `with bentoml.monitor(name) as record`, by the roles that the service gives to columns.

        @bentoml.service(monitoring={
            "enabled": True,
            "type": "driftmeter.integrations.bentoml.BentoMonitor",
            "options": {"url": "http://localhost:8001"},
        })

    The model is called as the monitor of BentoML is, unless `model` says otherwise; the other options are those of
    `driftmeter.Monitor`. Columns of the role prediction are the prediction; those of the role target are not counted.
    Call `close` in a hook `@bentoml.on_shutdown`: the last second of rows is lost otherwise.
    """

    _monitors: Sequence[Monitor] = ()

    def __init__(self, name: str, *, url: str | None = None, model: str | None = None, **options: Any) -> None:
        """Make the monitor; `url` is DRIFTMETER_URL where it is left out. Raises what `Monitor` raises."""
        super().__init__(name)
        kept = {key: value for key, value in options.items() if key not in ("log_path", "log_config_file")}
        self.monitor = Monitor(url or os.environ["DRIFTMETER_URL"], model or name, **kept)
        BentoMonitor._monitors = (*BentoMonitor._monitors, self.monitor)

    def export_schema(self, columns_schema: Mapping[str, Mapping[str, str]]) -> None:
        """Do nothing: the profile has the types, and BentoML keeps the roles."""

    def export_data(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Count the rows of a record; never raise, since the service's answer waits."""
        try:
            self._count(columns)
        except Exception as error:
            self.monitor.reject("a record of values by column", f"one that fails with {type(error).__name__[:40]}")

    def _count(self, columns: Mapping[str, Sequence[Any]]) -> None:
        lengths = {name: len(values) for name, values in columns.items()}
        rows = max(lengths.values())
        if len(set(lengths.values())) > 1:  # BentoML's own monitor cuts them, and values change their rows
            got = ", ".join(f"{name}: {length}" for name, length in lengths.items())
            self.monitor.reject("a record with as many values in each column", got[:200], rows)
            return
        roles = {name: (self.columns_schema or {}).get(name, {}).get("role", "") for name in columns}
        names = [name for name in columns if roles[name] not in _NOT_ROWS]
        answers = [name for name in columns if roles[name] == "prediction"]
        records = [dict(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]
        predictions = None
        if len(answers) == 1:
            predictions = list(columns[answers[0]])
        elif answers:  # the monitor takes the one that is called as the profile's
            values = zip(*(columns[name] for name in answers), strict=True)
            predictions = [dict(zip(answers, row, strict=True)) for row in values]
        self.monitor.observe_many(records or [{}] * rows, predictions)


def close(timeout: float = 5.0) -> bool:
    """Close the monitors of this process within `timeout` seconds each; return whether all rows are settled."""
    settled = [monitor.close(timeout) for monitor in BentoMonitor._monitors]
    return all(settled)

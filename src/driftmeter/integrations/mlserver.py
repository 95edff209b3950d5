"""MLServer: a runtime that reports the rows of its requests, with the predictions of its answers."""

from __future__ import annotations

import os
from typing import Any

from driftmeter.client import Monitor
from driftmeter.integrations.calls import count_payloads
from driftmeter.payloads.table import OfClass


class MonitoredRuntime:
    """Goes before a runtime of MLServer among the bases of a class:

        class Credit(MonitoredRuntime, SKLearnModel):
            pass

    The options of the monitor are at `parameters.extra.driftmeter` in model-settings.json; without a `url` there it is
    DRIFTMETER_URL, and the model is called as in MLServer unless `model` says otherwise. `of_class` there says which
    value of an answer is the prediction where there is one for each class, by position from 0 or by name. Requests of
    REST, gRPC and Kafka count, where the model runs: each worker process is a source of its own.
    """

    monitor: Monitor | None = None
    _of_class: OfClass | None = None

    async def load(self) -> bool:
        """Make the monitor, and load the model. Raises what `Monitor` raises."""
        settings = self.settings  # type: ignore[attr-defined]
        extra = getattr(settings.parameters, "extra", None) or {}
        options = {"url": os.environ.get("DRIFTMETER_URL"), "model": settings.name, **extra.get("driftmeter", {})}
        self._of_class = options.pop("of_class", None)
        self.monitor = Monitor(**options)
        self.monitor.start()  # its profile names values without names
        loaded: bool = await super().load()  # type: ignore[misc]
        return loaded

    async def unload(self) -> bool:
        """Unload the model, and send the last rows."""
        try:
            unloaded: bool = await super().unload()  # type: ignore[misc]
        finally:
            if self.monitor is not None:  # it is elsewhere where there are worker processes
                self.monitor.close()
        return unloaded

    async def predict(self, payload: Any) -> Any:
        """Predict, and count the rows."""
        response = await super().predict(payload)  # type: ignore[misc]
        if self.monitor is not None:
            count_payloads(self.monitor, payload.model_dump(), response.model_dump(), self._of_class)
        return response

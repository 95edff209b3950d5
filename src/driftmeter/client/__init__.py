"""The SDK that a model server imports: it counts what the model sees and reports the counts."""

from driftmeter.client.monitor import Monitor

__all__ = ["Monitor"]

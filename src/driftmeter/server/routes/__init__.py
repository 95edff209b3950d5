"""The HTTP API: one module for writing, one for reading, one for settings."""

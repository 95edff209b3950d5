"""Integrations: rows and predictions from inside model servers and training jobs, one optional dependency each."""

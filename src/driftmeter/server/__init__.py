"""The metric server: HTTP in, counts to the store, verdicts out."""

"""Logs: the files that serving systems write of requests and answers, recognised and read as tables."""

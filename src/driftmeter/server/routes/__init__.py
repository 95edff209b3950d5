"""The routes of the HTTP API: a module for each resource, and the table that lists them all."""

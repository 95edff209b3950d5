"""A store in one file of SQLite, or in memory."""

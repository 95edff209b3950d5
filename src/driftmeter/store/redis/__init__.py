"""A store in Redis or Valkey, which hosts share."""

"""Kafka: a consumer group whose partitions are sources of panes, for those who have Kafka and no engine."""

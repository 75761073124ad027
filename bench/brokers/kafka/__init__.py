"""Kafka: from its jars, in a container, librdkafka's mock cluster, or somebody else's."""

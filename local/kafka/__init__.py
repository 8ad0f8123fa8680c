"""The real Kafka broker: one KRaft node on the loopback interface."""

"""A REST proxy for Kafka: Confluent's v2 produce protocol for JSON, with its error codes."""
